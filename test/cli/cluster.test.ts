/** The way of a cluster by the command line: init, up, share, datasets, plan, grant, grants, status. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect, GrantMissingError } from "../../src/index.js";
import { Variable } from "../../src/tensor/index.js";
import { secretgrad, start, temporaryDirectory } from "./program.js";

test("init makes private keys that only the owner reads, and overwrites nothing", async () => {
  const directory = temporaryDirectory();
  const made = await secretgrad([
    "init",
    directory,
    "--parties",
    "north,south,west",
    "--host",
    "n.example,s.example,w.example",
    "--port",
    "4000",
    "--users",
    "clinic:owner,ann:driver",
    "--json",
  ]);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.objects.length, 1);
  const cluster = JSON.parse(readFileSync(join(directory, "cluster.json"), "utf8"));
  assert.deepEqual(
    cluster.parties.map(({ name, host, port }: { name: string; host: string; port: number }) => [name, host, port]),
    [
      ["north", "n.example", 4000],
      ["south", "s.example", 4000],
      ["west", "w.example", 4000],
    ],
  );
  assert.equal(new Set([...cluster.parties, ...cluster.users].map(({ pin }: { pin: string }) => pin)).size, 5);
  for (const file of [
    ...readdirSync(join(directory, "keys")).map((name) => join("keys", name)),
    ...readdirSync(join(directory, "storage-keys")).map((name) => join("storage-keys", name)),
  ])
    assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
  assert.doesNotMatch(readFileSync(join(directory, "cluster.json"), "utf8"), /PRIVATE/);
  const before = readFileSync(join(directory, "keys", "north.pem"), "utf8");
  const again = await secretgrad(["init", directory, "--parties", "north,south,west"]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /got one that exists/);
  assert.equal(readFileSync(join(directory, "keys", "north.pem"), "utf8"), before);
  // A key that others can read, and one of somebody else, are refused before anything is sent.
  chmodSync(join(directory, "keys", "ann.pem"), 0o644);
  const readable = await secretgrad(["datasets", "--user", "ann", "--cluster", join(directory, "cluster.json")]);
  assert.match(readable.stderr, /chmod 600/);
  const swapped = await secretgrad([
    "datasets",
    "--user",
    "ann",
    "--key",
    join(directory, "keys", "clinic.pem"),
    "--cluster",
    join(directory, "cluster.json"),
  ]);
  assert.match(swapped.stderr, /expected the key that the cluster file pins for ann/);
  assert.deepEqual([readable.code, swapped.code], [1, 1]);
});

test("init says who deals, and gives users names that no party has", async () => {
  const directory = temporaryDirectory();
  const made = (folder: string, ...args: string[]) =>
    secretgrad(["init", join(directory, folder), "--port", "0", "--protocol", ...args]);
  const two = ["additive", "--parties", "alice,bob", "--dealer", "james"];
  const { code, stdout, stderr } = await made("two", ...two);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /james +dealer at /);
  assert.match(stdout, /james deals: it holds no shares and learns no value/);
  assert.match(stdout, /secretgrad party alice --cluster .*\n.*secretgrad dealer james --cluster /);
  const members = (folder: string) => {
    const { protocol, parties } = JSON.parse(readFileSync(join(directory, folder, "cluster.json"), "utf8"));
    return [protocol, ...parties.map(({ name }: { name: string }) => name)];
  };
  assert.deepEqual(members("two"), ["additive-2", "alice", "bob", "james"]);
  const { users } = JSON.parse(readFileSync(join(directory, "two", "cluster.json"), "utf8"));
  assert.deepEqual(
    users.map(({ name, role }: { name: string; role: string }) => [name, role]),
    [
      ["carol", "owner"],
      ["dave", "owner"],
      ["driver", "driver"],
    ],
  );
  await made("keys", "additive", "--comparison", "fss");
  assert.deepEqual(members("keys"), ["additive-2-fss", "p0", "p1", "dealer"]);
  // As cluster files name it, with the dealer among the parties.
  await made("named", "additive-2", "--parties", "alice,bob,james");
  assert.deepEqual(members("named"), members("two"));
  const three = await made("three", "additive-3", "--json");
  assert.equal(three.objects[0]!.dealer, "dealer");
  await made("beside", "additive-2", "--parties", "alice,bob", "--dealer", "james");
  assert.deepEqual(members("beside"), members("two"));
  const ahead = await made("ahead", "additive-2-dealt");
  assert.match(ahead.stdout, /No dealer is there .*secretgrad deal --help/);
  assert.doesNotMatch(ahead.stdout, / deals/);
  const few = await made("few", "additive-3", "--parties", "a,b");
  assert.match(few.stderr, /expected 4 names for additive-3, the last being the dealer, got 3/);
  const both = await made("both", "additive", "--parties", "alice,bob", "--dealer", "bob");
  assert.match(both.stderr, /expected a dealer that is none of the parties, got bob/);
  // A party and an owner with one name could not be told apart.
  const again = await made("again", ...two, "--users", "alice:owner,ann:driver");
  assert.match(again.stderr, /expected each name once, got alice twice/);
  const spaced = await made("spaced", "rep3", "--parties", "a b,c,d");
  assert.match(spaced.stderr, /init: expected a name like p0 or alice at parties\.0\.name/);
  assert.deepEqual([few.code, both.code, again.code], [1, 1, 1]);
});

test("a cluster from init to a granted result", async (t) => {
  const directory = temporaryDirectory();
  const file = join(directory, "cluster.json");
  const run = (...args: string[]) => secretgrad([...args, "--cluster", file, "--json"]);
  assert.equal((await secretgrad(["init", directory, "--port", "0"])).code, 0);

  const down = await run("status");
  assert.equal(down.code, 1);
  assert.match(down.stderr, /expected p0, p1, p2 in session, got p0, p1, p2 down; try `secretgrad party p0`/);
  assert.deepEqual(
    down.objects.slice(0, 3).map(({ party, up }) => [party, up]),
    [
      ["p0", false],
      ["p1", false],
      ["p2", false],
    ],
  );

  const up = start(["up", directory, "--memory", "16MiB", "--json"]);
  t.after(() => up.stop());
  await up.line(/"ready"/);
  const status = await run("status");
  assert.equal(status.code, 0, status.stderr);
  assert.deepEqual(
    status.objects.map(({ session }) => session),
    ["up", "up", "up"],
  );

  const table = join(directory, "table.csv");
  writeFileSync(table, "age,score\n1,0.5\n2,1.5\n3,2.5\n4,3.5\n");
  const shared = await run("share", table, "--as", "alice/ages", "--columns", "0", "--rows", "0:3");
  assert.equal(shared.code, 0, shared.stderr);
  assert.deepEqual(
    { ...shared.objects[0], seconds: 0 },
    { dataset: "alice/ages", rows: 3, rowShape: [], scale: 20, parties: ["p0", "p1", "p2"], seconds: 0 },
  );
  const twice = await run("share", table, "--as", "alice/ages");
  assert.equal(twice.code, 1);
  assert.equal(twice.objects[0]!.error, "NameError");
  writeFileSync(table, "age\n1\nNaN\n");
  const bad = await run("share", table, "--as", "alice/bad");
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /row/);
  writeFileSync(table, "salary\n1\n50000\n");
  const large = await run("share", table, "--as", "alice/large");
  assert.match(
    large.stderr,
    /table\.csv: expected .*below 2\^15, got another in row 1, element 0 .*; try --scale 0\.001/,
  );
  const theft = await run("share", table, "--as", "bob/ages", "--key", join(directory, "keys", "alice.pem"));
  assert.equal(theft.code, 1);
  const datasets = await run("datasets");
  assert.deepEqual(datasets.objects, [
    { dataset: "alice/ages", owner: "alice", rows: 3, rowShape: [], scale: 20, format: "fixed", protocol: "rep3" },
  ]);

  const session = await connect(file);
  t.after(() => session.close());
  await assert.rejects(session.dataset("alice/ages").all().sum().reveal(), GrantMissingError);
  const plans = await run("plan", "--user", "alice");
  const [plan] = plans.objects as { digest: string; reveals: object[]; rounds: number }[];
  assert.deepEqual(plan!.reveals, [
    {
      label: "r0",
      release: "open",
      recipients: ["driver"],
      rows: 3,
      shape: [],
      sources: ["dataset:alice/ages"],
      owners: ["alice"],
    },
  ]);
  const shown = await secretgrad(["plan", plan!.digest.slice(0, 8), "--cluster", file, "--user", "alice"]);
  for (const part of [/Reveals r0: open/, /must agree +alice/, /Reads 3 of 3 rows of alice\/ages/, /--release open/])
    assert.match(shown.stdout, part);

  const short = plan!.digest.slice(0, 8);
  const pooled = await run("grant", short, "--user", "alice");
  assert.match(pooled.stderr, /release open is not among count, meanLoss/);
  assert.equal((await run("grant", short, "--user", "bob", "--release", "open")).code, 1);
  const noPlan = await run("deal", table, "--steps", "1", "--out", join(directory, "dealt"));
  assert.match(noPlan.stderr, /table\.csv: expected a plan, got another kind of file/);
  const asOwner = connect(file, { as: "alice" });
  await assert.rejects(asOwner, /expected a driver, got alice, whose role is owner; try one of: driver$/);
  const unknown = await run("grants", "--user", "alice", "--revoke", "zzz");
  assert.match(unknown.stderr, /grant zzz: expected the beginning of one of alice's grants, got that of 0/);
  const granted = await run("grant", short, "--user", "alice", "--release", "open", "--to", "driver");
  assert.equal(granted.code, 0, granted.stderr);
  assert.equal((await session.dataset("alice/ages").all().sum().reveal()).item(), 6);

  // What went into a variable is listed where only the variable is read.
  const stored = new Variable("total", [], () => 0);
  session.graph.write(stored, session.dataset("alice/ages").all().sum().ref);
  await session.flush();
  await assert.rejects(session.reveal([stored]), /source dataset:alice\/ages, which arrives by variable total/);
  const all = await secretgrad(["plan", "--cluster", file, "--user", "alice"]);
  assert.match(all.stdout, /open to driver +alice\/ages by variables +0 variables/);
  const ofTotal = /^([0-9a-f]{12}) .*by variables/m.exec(all.stdout)![1]!;
  const explained = await secretgrad(["plan", ofTotal, "--cluster", file, "--user", "alice"]);
  assert.match(explained.stdout, /^Reads total, which came from dataset:alice\/ages$/m);
  assert.match(explained.stdout, /must agree +alice/);

  const grants = await run("grants", "--user", "alice");
  assert.deepEqual(
    grants.objects.map(({ left, times, release }) => [left, times, release]),
    [[0, 1, "open"]],
  );
  assert.equal((await run("grants", "--user", "alice", "--revoke", String(grants.objects[0]!.id).slice(0, 6))).code, 0);

  const watching = start([
    "grant",
    "--watch",
    "--release",
    "open",
    "--to",
    "driver",
    "--user",
    "alice",
    "--cluster",
    file,
    "--json",
  ]);
  t.after(() => watching.stop());
  await watching.line(/"watching"/);
  const refused: unknown = await session
    .dataset("alice/ages")
    .all()
    .mul(2)
    .sum()
    .reveal()
    .catch((error) => error);
  assert.ok(refused instanceof GrantMissingError);
  // It grants what it finds at its start, too.
  const [, doubled] = /plan ([0-9a-f]{12})/.exec(refused.message)!;
  await watching.line(new RegExp(`"granted","digest":"${doubled}`));
  assert.equal((await session.dataset("alice/ages").all().mul(2).sum().reveal()).item(), 12);
  assert.equal(await watching.stop(), 0);
  await assert.rejects(session.secret(new Float64Array(600_000)).reveal(), {
    name: "MemoryError",
    message: /expected a plan that fits into 16\.0 MiB/,
  });

  assert.equal((await run("datasets", "--remove", "alice/ages")).code, 0);
  assert.deepEqual((await run("datasets")).objects, []);
  await session.close();
  assert.equal(await up.stop(), 0);
});

test("up says which port of which party is taken", async (t) => {
  const directory = temporaryDirectory();
  assert.equal((await secretgrad(["init", directory, "--port", "0"])).code, 0);
  const { parties } = JSON.parse(readFileSync(join(directory, "cluster.json"), "utf8")) as {
    parties: { host: string; port: number }[];
  };
  const { host, port } = parties[1]!;
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, host, resolve));
  t.after(() => other.close());
  const up = start(["up", directory]);
  t.after(() => up.stop());
  await up.line(/p1 has ended .*; so all end/);
  assert.equal(await up.exited, 1);
  const said = up.lines.filter((line) => /EADDRINUSE/.test(line));
  assert.equal(said.length, 1, up.lines.join("\n"));
  assert.match(said[0]!, new RegExp(`^p1 .*party p1: expected to listen at ${host}:${port}.*try .*cluster\\.json`));
  assert.doesNotMatch(up.lines.join("\n"), /undefined/);
});

test("a storage key beside the data, of the wrong size or missing is refused", async () => {
  const directory = temporaryDirectory();
  await secretgrad(["init", directory, "--port", "0"]);
  const party = (...args: string[]) =>
    secretgrad(["party", "p0", "--cluster", join(directory, "cluster.json"), ...args]);
  const data = join(directory, "data", "p0");
  const { mkdirSync } = await import("node:fs");
  mkdirSync(data, { recursive: true });
  copyFileSync(join(directory, "storage-keys", "p0.key"), join(data, "p0.key"));
  chmodSync(join(data, "p0.key"), 0o600);
  assert.match((await party("--storage-key", join(data, "p0.key"))).stderr, /apart from the data/);
  assert.match((await party("--storage-key", join(directory, "keys", "p0.pem"))).stderr, /expected a file of 32 bytes/);
  assert.match((await party("--storage-key", join(directory, "nothing"))).stderr, /expected a storage key, got ENOENT/);
  const short = await secretgrad(["party", "p0", "--cluster", join(directory, "cluster.json")], {
    env: { SECRETGRAD_STORAGE_KEY: "AAAA" },
  });
  assert.match(short.stderr, /SECRETGRAD_STORAGE_KEY: expected 32 bytes/);
  assert.match(
    (await secretgrad(["party", "p7", "--cluster", join(directory, "cluster.json")])).stderr,
    /expected a party named p7/,
  );
});
