import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GrantMissingError, NameError, PolicyError } from "../../src/errors.js";
import { add, sum } from "../../src/ops/build.js";
import { type Caller, memoryStores } from "../../src/party/index.js";
import { alice, bob, driver, failure, hex, names, settle, TestCluster, usesLeft } from "./helpers.js";
import { assign, batch, init, input, plan, show, total, variable, word } from "./plans.js";

const rows = [
  [1, 2],
  [3, 4],
  [5, 6],
  [7, 8],
];
const at = (position: number) => ({ scalars: { position, epoch: 0 } });

async function withRows(options = {}): Promise<TestCluster> {
  const cluster = await new TestCluster(options).connect();
  await cluster.share(alice, "alice/rows", rows);
  await cluster.share(bob, "bob/rows", rows);
  return cluster;
}

describe("grants", () => {
  it("are needed, and the refusal says by whom, for what and how", async () => {
    const cluster = await withRows();
    const pooled = await cluster.put(total("alice/rows", 4, 2));
    const error = await failure(cluster.run(pooled, at(0)));
    assert.ok(error instanceof GrantMissingError);
    const prefix = pooled.digest.slice(0, 12);
    for (const part of [
      "alice",
      "(source dataset:alice/rows)",
      "open",
      "driver",
      prefix,
      `secretgrad grant ${prefix} --release open --times N`,
    ])
      assert.ok(error.message.includes(part), `${part} in ${error.message}`);
    await cluster.grant(alice, pooled);
    assert.deepEqual((await cluster.run(pooled, at(0))).words.get("total"), [word(4), word(6)]);
    await cluster.close();
  });

  it("are spent by runs, at all parties alike", async () => {
    const cluster = await withRows();
    const pooled = await cluster.put(total("alice/rows", 4, 2));
    const id = await cluster.grant(alice, pooled, { times: 2 });
    await cluster.run(pooled, at(0));
    assert.deepEqual(await usesLeft(cluster, id), [1, 1, 1]);
    await cluster.run(pooled, at(2));
    const error = await failure(cluster.run(pooled, at(0)));
    assert.ok(error instanceof GrantMissingError);
    assert.match(error.message, /used 2 times/);
    // The next one goes on, the one that is over first.
    const late = await cluster.grant(alice, pooled, { expires: new Date(Date.now() + 9e8).toISOString() });
    const soon = await cluster.grant(alice, pooled, { expires: new Date(Date.now() + 1e8).toISOString() });
    await cluster.run(pooled, at(0));
    assert.deepEqual([...(await usesLeft(cluster, soon)), ...(await usesLeft(cluster, late))], [0, 0, 0, 1, 1, 1]);
    await cluster.close();
  });

  it("allow only what they say", async () => {
    const cluster = await withRows();
    const pooled = await cluster.put(total("alice/rows", 4, 2));
    const other = await cluster.put(total("alice/rows", 4, 2, {}, ["driver", "bob"]));
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ release: "count" }, /for release count/],
      [{ reveal: "something" }, /for reveal "something"/],
      [{ minRows: 3 }, /for at least 3 rows/],
      [{ recipients: ["bob"] }, /not driver/],
    ];
    for (const [limits, reason] of cases) {
      await cluster.grant(alice, pooled, limits);
      assert.match((await failure(cluster.run(pooled, at(0)))).message, reason);
    }
    // Of another owner, of another plan.
    await cluster.grant(bob, pooled);
    await cluster.grant(alice, other);
    assert.ok((await failure(cluster.run(pooled, at(0)))) instanceof GrantMissingError);
    assert.match((await failure(cluster.run(other, at(0)))).message, /not bob/);
    await cluster.close();
  });

  it("expire and are revoked", async () => {
    let now = Date.now();
    const cluster = await withRows({ now: () => now });
    const pooled = await cluster.put(total("alice/rows", 4, 2));
    const past = cluster.grant(alice, pooled, { expires: new Date(now - 1).toISOString() });
    assert.ok((await failure(past)) instanceof PolicyError);
    // The schema lets it pass; as a date it is none.
    const never = cluster.grant(alice, pooled, { expires: "2030-01-01T00:00:00+02" });
    assert.ok((await failure(never)) instanceof PolicyError);
    await cluster.grant(alice, pooled, { times: 9, expires: new Date(now + 1000).toISOString() });
    await cluster.run(pooled, at(0));
    now += 2000;
    assert.match((await failure(cluster.run(pooled, at(0)))).message, /expired/);
    const id = await cluster.grant(alice, pooled, { times: 9 });
    await cluster.run(pooled, at(0));
    // At one party is enough.
    await cluster.call(1, alice, "grant.revoke", { id });
    assert.match((await failure(cluster.run(pooled, at(0)))).message, /revoked/);
    // The parties tell each other in the next session.
    await cluster.connect();
    assert.match((await failure(cluster.run(pooled, at(0)))).message, /^plan .*revoked/);
    await cluster.close();
  });

  it("are needed at every party; a refusal anywhere costs no use anywhere", async () => {
    const cluster = await withRows();
    const pooled = await cluster.put(total("alice/rows", 4, 2));
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const grant = { reveal: "*", release: "open", minRows: 0, recipients: ["driver"], times: 5, expires };
    const params = { id: hex(), digest: pooled.digest, ...grant };
    for (const party of [0, 1]) await cluster.call(party, alice, "grant.put", params);
    const error = await failure(cluster.run(pooled, at(0)));
    assert.ok(error instanceof GrantMissingError, `${error}`);
    await cluster.call(2, alice, "grant.put", params);
    assert.deepEqual(await usesLeft(cluster, params.id), [5, 5, 5]);
    // The same again is a retry; something else under the same id is not.
    await cluster.call(2, alice, "grant.put", params);
    const changed = cluster.call(2, alice, "grant.put", { ...params, times: 6 });
    assert.ok((await failure(changed)) instanceof NameError);
    await cluster.run(pooled, at(0));
    assert.deepEqual(await usesLeft(cluster, params.id), [4, 4, 4]);
    await cluster.close();
  });

  it("survive restarts with what was spent of them", async () => {
    const cluster = await withRows();
    const pooled = total("alice/rows", 4, 2);
    await cluster.put(pooled);
    const id = await cluster.grant(alice, pooled, { times: 3 });
    await cluster.run(pooled, at(0));
    await cluster.close();
    for (const self of names.keys()) cluster.revive(self);
    await cluster.connect();
    assert.deepEqual(await usesLeft(cluster, id), [2, 2, 2]);
    // A party that lost its last record learns it from the others.
    await cluster.put(pooled);
    await cluster.run(pooled, at(0));
    await cluster.close();
    const { grants } = cluster.stores[1]!;
    grants.rewrite(grants.records().slice(0, -1));
    cluster.revive(1);
    await cluster.connect();
    assert.deepEqual(await usesLeft(cluster, id), [1, 1, 1]);
    await cluster.close();
  });

  it("follow data into variables: weights need the consent of everybody who went into them", async () => {
    const cluster = await withRows();
    const learn = plan((b) => {
      const batches = ["alice/rows", "bob/rows"].map((name) => sum(b, batch(b, name, 4, 2), [0]));
      assign(b, "w", add(b, batches[0]!, batches[1]!));
    });
    const again = plan((b) => void assign(b, "v", add(b, variable(b, "w", 2), input(b, "x", 2))));
    const [look, lookAgain] = [show(2, "w"), show(2, "v")];
    for (const each of [learn, again, look, lookAgain]) await cluster.put(each);
    await cluster.run(learn, at(0)); // reveals nothing, so it needs no grant
    await cluster.run(again, { inputs: { x: [word(1), word(1)] } });
    for (const each of [look, lookAgain]) {
      const { message } = await failure(cluster.run(each));
      const by = each === look ? "w" : "v";
      assert.match(message, new RegExp(`by alice \\(source dataset:alice/rows, which arrives by variable ${by}\\)`));
      await cluster.grant(alice, each);
      assert.match((await failure(cluster.run(each))).message, /bob/);
      await cluster.grant(bob, each);
    }
    assert.deepEqual((await cluster.run(look)).words.get("w"), [word(8), word(12)]);
    assert.deepEqual((await cluster.run(lookAgain)).words.get("w"), [word(9), word(13)]);
    // Overwriting does not wash the owners off.
    await cluster.run(await cluster.put(init([0, 0])));
    assert.match((await failure(cluster.run(look))).message, /alice/);
    await cluster.close();
  });

  it("are not needed for what is the caller's own, but are for another driver's", async () => {
    const cluster = await new TestCluster().connect();
    const second: Caller = { name: "driver2", role: "driver" };
    const keep = plan((b) => void assign(b, "mine", input(b, "x", 1)));
    const look = show(1, "mine");
    const lookElse = show(1, "mine", ["driver2"]);
    for (const each of [keep, look, lookElse]) await cluster.put(each);
    await cluster.run(keep, { inputs: { x: [word(3)] } });
    assert.deepEqual((await cluster.run(look)).words.get("w"), [word(3)]);
    const error = await failure(cluster.run(lookElse, { caller: second }));
    assert.ok(error instanceof GrantMissingError);
    assert.match(error.message, /caller:driver/);
    await cluster.close();
  });

  it("are listed to their owner and to those who would learn something, and to nobody else", async () => {
    const cluster = await withRows();
    const pooled = await cluster.put(total("alice/rows", 4, 2));
    const id = await cluster.grant(alice, pooled);
    const listed = async (caller: Caller) =>
      ((await cluster.call(0, caller, "grant.list")).result as { grants: { id: string }[] }).grants.map(
        (grant) => grant.id,
      );
    for (const caller of [alice, driver]) assert.deepEqual(await listed(caller), [id]);
    for (const caller of [bob, { name: "driver2", role: "driver" } as const, { name: "p1", role: "party" } as const])
      assert.deepEqual(await listed(caller), []);
    await cluster.close();
  });

  it("name recipients of the cluster only", async () => {
    const cluster = await withRows();
    const pooled = await cluster.put(total("alice/rows", 4, 2, {}, ["mallory"]));
    await cluster.grant(alice, pooled, { recipients: ["mallory"] });
    assert.match((await failure(cluster.run(pooled, at(0)))).message, /mallory/);
    await cluster.close();
  });
});

describe("one grant of a training", () => {
  it("pays for many runs in flight, and its journal is compacted", async () => {
    const stores = names.map(() => memoryStores());
    const cluster = await new TestCluster(
      { limits: { unfinishedRuns: 100, unfinishedRequests: 200 }, timeoutMs: 60_000 },
      stores,
    ).connect();
    await cluster.share(alice, "alice/rows", rows);
    const pooled = await cluster.put(total("alice/rows", 4, 2));
    const id = await cluster.grant(alice, pooled, { times: 2000 });
    for (let i = 0; i < 12; i++) await settle(Array.from({ length: 100 }, () => cluster.run(pooled, at(0))));
    assert.deepEqual(await usesLeft(cluster, id), [800, 800, 800]);
    assert.ok(stores[0]!.grants.length > 1000);
    await cluster.close();
    for (const self of names.keys()) cluster.revive(self);
    assert.equal(stores[0]!.grants.length, 2);
    await cluster.connect();
    assert.deepEqual(await usesLeft(cluster, id), [800, 800, 800]);
    await cluster.close();
  });
});
