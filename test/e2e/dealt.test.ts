/** Two party processes over TLS whose dealer has dealt ahead: from a refused run to training, a killed party, and the last step. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, PeerLostError } from "../../src/index.js";
import { type TestCluster, testCluster } from "../cli/program.js";
import { grantTraining, model, optimizer, shareRows, state, train } from "./training.js";

let cluster: TestCluster;
before(async () => {
  cluster = await testCluster({
    timeoutMs: 4000,
    init: ["--protocol", "additive-2-dealt", "--parties", "north,south"],
  });
  await shareRows(cluster);
  await grantTraining(cluster);
});
after(() => cluster.stop());

const net = model("net");
const sgd = optimizer(net);

/** Follows what a refused run says, and deals for it. */
async function dealFor(refusal: unknown, steps: number, folder: string): Promise<void> {
  assert.ok(refusal instanceof Error);
  const [, digest, file, options = ""] =
    /try `secretgrad plan ([0-9a-f]+) --save (FILE)`, then `secretgrad deal FILE( --scalars [^ ]+)? --steps N --out DIR`/.exec(
      refusal.message,
    ) ?? assert.fail(refusal.message);
  assert.equal(file, "FILE");
  const path = join(cluster.directory, `${digest}.plan`);
  const saved = await cluster.run("plan", digest!, "--save", path, "--user", "alice");
  assert.equal(saved.code, 0, saved.stderr);
  const twice = await cluster.run("plan", digest!, "--save", path, "--user", "alice");
  assert.match(twice.stderr, /expected to make .*, got EEXIST/);
  const out = join(cluster.directory, "dealt", folder);
  const args = [path, ...options.trim().split(" ").filter(Boolean), "--steps", String(steps), "--out", out];
  const dealt = await cluster.run("deal", ...args, "--json");
  assert.equal(dealt.code, 0, dealt.stderr);
  assert.deepEqual(readdirSync(out).sort(), ["north.deal", "north.deal.used", "south.deal", "south.deal.used"]);
}

test("trains without a dealer, goes on after a party was killed in a step, and stops when all is used", async () => {
  const steps = 30;
  const session = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
  const refusal = await train(session, net, 1, sgd).catch((error) => error);
  assert.equal(refusal.name, "DealtMissingError");
  await dealFor(refusal, steps, "step");
  const before = await train(session, net, 2, sgd);
  assert.equal(before.length, 8);
  await session.save();

  // Killed as soon as a segment is marked at south, long before its run can be acknowledged.
  const account = join(cluster.directory, "dealt", "step", "south.deal.used");
  const { size } = statSync(account);
  const failing = train(session, net, 10, sgd).catch((error: unknown) => error);
  while (statSync(account).size === size) await new Promise(setImmediate);
  cluster.party("south").process.kill("SIGKILL");
  const lost = await failing;
  assert.ok(lost instanceof PeerLostError && /south/.test(lost.peer), String(lost));
  await cluster.party("south").exited;
  cluster.startParty("south");
  await cluster.inSession();
  const status = await cluster.run("status", "--json");
  const left = status.objects.map(({ dealt }) => (dealt as { left: number }[])[0]!.left);
  // The next one may have been marked at north already.
  for (const each of left) assert.ok(each >= steps - 8 - 2 && each <= steps - 8 - 1, left.join());
  const next = steps - Math.min(...left);
  assert.match(
    (await cluster.run("status")).stdout,
    /south +[0-9a-f]{12} +lr=\d+,lr.order=\d+,momentum=\d+ +\d+ of 30 runs left/,
  );

  const rest: number[] = [];
  const end = await train(session, net, 100, sgd, () => rest.push(0)).catch((error) => error);
  assert.equal(end.name, "DealtMissingError");
  assert.match(end.message, /expected correlations that were never used, got 30 used ones/);
  assert.equal(rest.length, steps - next);
  for (const party of ["north", "south"]) {
    const used = readFileSync(join(cluster.directory, "dealt", "step", `${party}.deal.used`));
    const numbers = Array.from({ length: (used.length - 40) / 16 }, (_, i) =>
      Number(used.readBigUInt64LE(40 + 16 * i)),
    );
    assert.equal(new Set(numbers).size, numbers.length, `${party}: ${numbers}`);
    assert.equal(Math.max(...numbers), steps - 1);
  }
  const weights = (await state(net, session)).flat();
  assert.ok(weights.length > 0 && weights.every(Number.isFinite));
  await session.close();
});

test("a party does not start with another party's file, and has none of this where a dealer is there", async () => {
  const file = join(cluster.directory, "dealt", "step", "north.deal");
  const wrong = await cluster.run("party", "south", "--dealt", file, "--data", join(cluster.directory, "other"));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /expected correlations for party south, got some for north/);
  const none = await cluster.run("dealer", "north");
  assert.equal(none.code, 2);
});
