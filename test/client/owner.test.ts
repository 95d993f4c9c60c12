/** An owner's client: what a plan is said to reveal, limits of grants, watching, revoking. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Owner, type PlanDescription, Session } from "../../src/client/index.js";
import { data, GrantMissingError, nn, optim, PeerLostError } from "../../src/index.js";
import type { Caller } from "../../src/party/index.js";
import { alice, driver, TestCluster } from "../party/helpers.js";
import { quiet } from "./helpers.js";

const rows = (n: number): number[][] => Array.from({ length: n }, (_, i) => [i / n, 1]);

test("a description names every source behind a model, and the limits decide", async () => {
  const session = await quiet({ grants: "explicit" });
  await session.share("alice/x", rows(8));
  await session.share(
    "bob/y",
    rows(8).map(([a]) => [a]),
  );
  const model = nn.linear(2, 1);
  const sgd = optim.sgd(model.parameters(), { lr: 0.1 });
  for await (const batch of data.batches({ x: session.dataset("alice/x"), y: session.dataset("bob/y") }, { size: 8 }))
    sgd.minimize(nn.mseLoss(model(batch.x), batch.y as never));
  await session.flush();
  await assert.rejects(model.stateDict(session), GrantMissingError);

  const alice = session.owner("alice");
  const plans = await Promise.all(
    (await alice.plans()).map(async (digest) => alice.describe(await alice.plan(digest))),
  );
  const [weights] = plans.filter(({ reveals }) => reveals.length > 0);
  assert.deepEqual(weights!.reveals[0]!.sources, ["caller:you", "dataset:alice/x", "dataset:bob/y"]);
  assert.deepEqual(weights!.reveals[0]!.owners, ["you", "alice", "bob"]);
  assert.equal(weights!.reveals[0]!.release, "open");
  const [training] = plans.filter(({ datasets }) => datasets.length > 0);
  assert.deepEqual(
    training!.datasets.map(({ name, rows: n, of }) => [name, n, of]),
    [
      ["alice/x", 8, 8],
      ["bob/y", 8, 8],
    ],
  );
  // Not part of what a digest fixes.
  assert.deepEqual(training!.scalars, ["lr", "lr.order"]);
  assert.ok(training!.rounds > 0 && Math.max(...training!.bytesPerParty) > 0 && training!.secondsOnLink > 0);

  await assert.rejects(alice.grant(weights!.digest.slice(0, 10)), /release open is not among/);
  await assert.rejects(
    alice.grant(weights!.digest, { release: ["open"], to: ["somebody"] }),
    /you is not among somebody/,
  );
  for (const owner of ["alice", "bob"]) await session.grant(owner, weights!.digest, { release: ["open"] });
  assert.equal((await model.stateDict(session)).weight!.data.length, 2);
  await session.close();
});

test("a watching owner grants what fits, tells the rest once, and ends when told", async () => {
  const session = await quiet({ grants: "explicit", waitForGrantsMs: 5000 });
  await session.share("alice/x", rows(8));
  const stop = new AbortController();
  const granted: PlanDescription[] = [];
  const skipped: string[] = [];
  const watching = session.owner("alice").watch({
    minRows: 4,
    times: 2,
    to: ["you"],
    signal: stop.signal,
    everyMs: 20,
    onGrant: (plan) => granted.push(plan),
    onSkip: (_, reason) => skipped.push(reason),
  });
  const loss = () => data.meanLoss(session.dataset("alice/x").all().sum(1)).reveal();
  assert.ok(Math.abs((await loss()) - 1.4375) < 1e-4);
  await loss();
  assert.deepEqual(
    granted.map(({ reveals }) => reveals[0]!.rows),
    [8],
  );
  const [grant] = await session.owner("alice").grants();
  assert.equal(grant!.left, 0);

  // Two rows are too few, and a value as it is was not allowed.
  const impatient = await Promise.allSettled([
    data
      .meanLoss(session.dataset("alice/x").batch({ batch: 2, stride: 2, shuffle: false, epoch: 0, position: 0 }).sum(1))
      .reveal(),
  ]);
  assert.equal(impatient[0]!.status, "rejected");
  assert.match(skipped[0]!, /2 rows are fewer than 4/);
  assert.equal(skipped.length, 1);
  stop.abort();
  await watching;
  await session.close();
});

test("a revoked grant allows nothing", async () => {
  const session = await quiet({ grants: "explicit" });
  await session.share("alice/x", rows(4));
  const sum = () => session.dataset("alice/x").all().sum().reveal();
  await assert.rejects(sum(), GrantMissingError);
  const alice = session.owner("alice");
  const [digest] = await alice.plans();
  const [grant] = await alice.grant(digest!, { release: ["open"], times: 5 });
  await sum();
  await assert.rejects(alice.revoke("zzz"), /the beginning of one of alice's grants, got that of 0/);
  assert.equal(await alice.revoke(grant!.id.slice(0, 6)), grant!.id);
  await assert.rejects(sum(), /that was revoked/);
  assert.equal((await alice.grants())[0]!.revoked, true);
  await assert.rejects(alice.plan("0000"), /beginning of one digest/);
  await session.close();
});

test("a plan that the parties forgot at a restart is said to be so, and is there when the driver has run it again", async () => {
  const cluster = await new TestCluster().connect();
  const parties = (caller: Caller) =>
    cluster.names.map((name, i) => ({
      name,
      async call(method: string, params: unknown, body?: Uint8Array) {
        const { result, body: back = new Uint8Array() } = await cluster.call(i, caller, method, params, body);
        return { result, body: back };
      },
    }));
  const session = new Session({ definition: cluster.definition, parties: parties(driver), name: "driver" });
  const owner = new Owner({ definition: cluster.definition, parties: parties(alice), name: "alice" });
  const run = async () => assert.equal((await session.secret([2]).reveal()).item(), 2);
  await run();
  const [digest] = await owner.plans();
  for (const self of cluster.names.keys()) await cluster.kill(self);
  await cluster.connect();
  assert.deepEqual(await owner.plans(), []);
  for (const known of [digest!, digest!.slice(0, 8)])
    await assert.rejects(owner.plan(known), {
      name: "NameError",
      message: /try `secretgrad plan`, or ask the driver to run it again: parties forget plans when they restart/,
    });
  await run();
  assert.equal((await owner.plan(digest!.slice(0, 8))).digest, digest);
  await session.close();
  await cluster.close();
});

test("sharing refuses NaN, foreign names and the same name twice", async () => {
  const session = await quiet();
  await assert.rejects(session.share("alice/x", [[1], [Number.NaN]]), /row 1/);
  assert.deepEqual(session.datasets(), []);
  await session.share("alice/x", [[1]]);
  await assert.rejects(session.share("alice/x", [[1]]), { name: "NameError" });
  await assert.rejects(
    session.owner("bob").share("alice/z", data.rowsOf({ shape: [1], values: Float64Array.of(1) })),
    /another owner/,
  );
  await session.owner("alice").remove("alice/x");
  await session.refresh();
  assert.throws(() => session.dataset("alice/x"), { name: "NameError", message: /secretgrad share/ });
  await session.close();
});

test("a watching owner who tries again gives one grant, and none for what was revoked", async () => {
  const session = await quiet({ grants: "explicit" });
  await session.share("alice/x", rows(8));
  const loss = () => data.meanLoss(session.dataset("alice/x").all().sum(1)).reveal();
  await assert.rejects(loss(), GrantMissingError);
  const alice = session.owner("alice");
  let losses = 1;
  const given = new Set<string>();
  const shaky = new Owner({
    ...alice.options,
    parties: alice.options.parties.map((party, index) => ({
      name: party.name,
      async call(method, params, body) {
        const answer = await party.call(method, params, body);
        if (method !== "grant.put") return answer;
        given.add((params as { id: string }).id);
        // The party has it, but the answer is lost.
        if (index === 2 && losses-- > 0) throw new PeerLostError("p2: gone", "p2");
        return answer;
      },
    })),
  });
  const watched = async (): Promise<string[]> => {
    const stop = new AbortController();
    const told: string[] = [];
    const say = (text: string) => {
      told.push(text);
      stop.abort();
    };
    await shaky.watch({
      signal: stop.signal,
      everyMs: 10,
      onGrant: () => say("granted"),
      onSkip: (_, reason) => say(reason),
    });
    return told;
  };
  assert.deepEqual(await watched(), ["granted"]);
  assert.equal(given.size, 1);
  const [grant, ...more] = await alice.grants();
  assert.deepEqual(more, []);
  await alice.revoke(grant!.id);
  assert.deepEqual(await watched(), ["you revoked a grant for it"]);
  await assert.rejects(loss(), /that was revoked/);
  await session.close();
});
