import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError, NameError, PlanError, PolicyError, SecretgradError } from "../../src/errors.js";
import { add, sum } from "../../src/ops/build.js";
import { alice, bob, driver, failure, hex, names, settle, TestCluster } from "./helpers.js";
import { assign, batch, double, init, input, open, plan, show, total, variable, word } from "./plans.js";

const scalar = () =>
  plan((b) => {
    const rate = b.node("scalar", [], { slot: "lr", exponent: 4 });
    open(b, "y", b.node("mul", [input(b, "x", 1), rate]));
  });

/** After an attack the session must still work. */
async function stillWorks(cluster: TestCluster): Promise<void> {
  const twice = await cluster.put(double(1));
  const { words } = await cluster.run(twice, { inputs: { x: [word(21)] } });
  assert.deepEqual(words.get("y"), [word(42)]);
}

describe("a hostile or broken driver", () => {
  it("sends different plans to different parties", async () => {
    const cluster = await new TestCluster().connect();
    const [one, other] = [await cluster.put(double(1)), await cluster.put(double(1, "z"))];
    const request = hex();
    const bodies = cluster.bodies(one, { x: [1n] });
    const calls = names.map((_, i) =>
      cluster.call(i, driver, "run", { request, digest: (i === 1 ? other : one).digest, scalars: {} }, bodies[i]),
    );
    const errors = (await Promise.allSettled(calls)).map((result) => (result as PromiseRejectedResult).reason as Error);
    for (const error of errors) assert.ok(error instanceof InputError, `${error}`);
    assert.match(errors[0]!.message, /p1/);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("sends different scalars, or the checkpoint flag to one party only", async () => {
    const cluster = await new TestCluster().connect();
    const rated = await cluster.put(scalar());
    for (const odd of [{ scalars: { lr: 3 } }, { checkpoint: true }]) {
      const request = hex();
      const bodies = cluster.bodies(rated, { x: [1n] });
      const calls = names.map((_, i) => {
        const params = { request, digest: rated.digest, scalars: { lr: 2 }, ...(i === 2 ? odd : {}) };
        return cluster.call(i, driver, "run", params, bodies[i]);
      });
      assert.ok((await failure(settle(calls))) instanceof InputError);
    }
    await stillWorks(cluster);
    await cluster.close();
  });

  it("shares its input inconsistently", async () => {
    const cluster = await new TestCluster().connect();
    const twice = await cluster.put(double(1));
    for (const spoilt of [0, 1, 2]) {
      const bodies = cluster.bodies(twice, { x: [word(1)] });
      bodies[spoilt]![0]! ^= 1; // the first seed
      const request = hex();
      const calls = names.map((_, i) =>
        cluster.call(i, driver, "run", { request, digest: twice.digest, scalars: {} }, bodies[i]),
      );
      const error = await failure(settle(calls));
      assert.ok(error instanceof InputError, `${error}`);
      assert.match(error.message, /sharing/);
    }
    const bodies = cluster.bodies(twice, { x: [word(1)] });
    bodies[1]![16]! ^= 1; // the correction at p1
    const request = hex();
    const calls = names.map((_, i) =>
      cluster.call(i, driver, "run", { request, digest: twice.digest, scalars: {} }, bodies[i]),
    );
    assert.ok((await failure(settle(calls))) instanceof InputError);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("leaves parties out: only that request fails, in time, and says where it is missing", async () => {
    const cluster = await new TestCluster({ timeoutMs: 600 }).connect();
    const twice = await cluster.put(double(1));
    for (const some of [[0], [1], [2], [0, 1], [1, 2]]) {
      const request = hex();
      const bodies = cluster.bodies(twice, { x: [1n] });
      const calls = Promise.allSettled(
        some.map((i) => cluster.call(i, driver, "run", { request, digest: twice.digest, scalars: {} }, bodies[i])),
      );
      // Other runs do not wait for it.
      await stillWorks(cluster);
      for (const result of await calls) {
        assert.equal(result.status, "rejected");
        assert.ok(result.reason instanceof InputError, `${result.reason}`);
        assert.match(result.reason.message, /at every party/);
      }
    }
    await cluster.close();
  });

  it("replays a request id: after the run, and while it runs", async () => {
    const cluster = await new TestCluster().connect();
    const twice = await cluster.put(double(1));
    const request = hex();
    const first = cluster.run(twice, { inputs: { x: [word(1)] }, request });
    const during = cluster.run(twice, { inputs: { x: [word(2)] }, request });
    assert.ok((await failure(during)) instanceof NameError);
    assert.deepEqual((await first).words.get("y"), [word(2)]);
    assert.ok((await failure(cluster.run(twice, { inputs: { x: [word(1)] }, request }))) instanceof NameError);
    await cluster.connect();
    assert.ok((await failure(cluster.run(twice, { inputs: { x: [word(1)] }, request }))) instanceof NameError);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("floods: what is over the limit is refused, the rest is done", async () => {
    const cluster = await new TestCluster().connect();
    const twice = await cluster.put(double(1));
    const runs = Array.from({ length: 30 }, () => cluster.run(twice, { inputs: { x: [word(1)] } }));
    const results = await Promise.allSettled(runs);
    const refused = results.filter((result) => result.status === "rejected");
    assert.ok(refused.length >= 20 && refused.length <= 25, `${refused.length}`);
    for (const { reason } of refused as PromiseRejectedResult[]) assert.ok(reason instanceof PolicyError, `${reason}`);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("floods one party: the others do not hold more than a bounded number", async () => {
    const cluster = await new TestCluster({ timeoutMs: 1000 }).connect();
    const twice = await cluster.put(double(1));
    const body = cluster.bodies(twice, { x: [word(1)] })[1];
    const calls = Array.from({ length: 300 }, () =>
      cluster.call(1, driver, "run", { request: hex(), digest: twice.digest, scalars: {} }, body),
    );
    for (const { status } of await Promise.allSettled(calls)) assert.equal(status, "rejected");
    await stillWorks(cluster);
    await cluster.close();
  });

  it("sends inputs of the wrong length, unknown plans, wrong scalars", async () => {
    const cluster = await new TestCluster().connect();
    const rated = await cluster.put(scalar());
    const call = (params: Record<string, unknown>, body?: Uint8Array[]) =>
      cluster.all(driver, "run", { request: hex(), digest: rated.digest, scalars: { lr: 1 }, ...params }, body);
    const bodies = cluster.bodies(rated, { x: [1n] });
    assert.ok((await failure(call({}, [new Uint8Array(3), bodies[1]!, bodies[2]!]))) instanceof InputError);
    assert.ok((await failure(call({ digest: "0".repeat(64) }, bodies))) instanceof NameError);
    for (const scalars of [{}, { lr: 2048 }, { lr: 1, more: 1 }, { other: 1 }])
      assert.ok((await failure(call({ scalars }, bodies))) instanceof PolicyError);
    for (const scalars of [{ lr: 0.5 }, { lr: "1" }, null, { lr: Number.NaN }])
      assert.ok((await failure(call({ scalars }, bodies))) instanceof InputError);
    assert.ok((await failure(call({ request: "1" }, bodies))) instanceof InputError);
    assert.ok((await failure(call({ extra: true }, bodies))) instanceof InputError);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("sends ambiguous or malformed plans", async () => {
    const cluster = await new TestCluster().connect();
    const put = (each: { bytes: Uint8Array }) => cluster.call(0, driver, "plan.put", {}, each.bytes);
    const { bytes } = double(1);
    const spoil = (from: string, to: string) => ({
      bytes: Buffer.from(Buffer.from(bytes).toString().replaceAll(from, to)),
    });
    for (const each of [
      { bytes: bytes.subarray(1) },
      spoil('"driver"', '"driver","driver"'),
      spoil('["input"', '["input" '),
      spoil('"x"', '"x","more":1'),
      spoil("[0,0]", "[1,1]"),
      spoil("[0,0]", "[0,9]"),
    ])
      assert.ok((await failure(put(each))) instanceof SecretgradError);
    for (const text of ["", "{}", "null", '{"secretgrad":1,"fraction":16,"nodes":[["nothing",[],{}]]}'])
      assert.ok((await failure(put({ bytes: Buffer.from(text) }))) instanceof SecretgradError);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("sends new plans without end: its own have to wait, known ones and those of others do not", async () => {
    let now = 0;
    const cluster = await new TestCluster({ limits: { planWorkMs: 0 }, now: () => now }).connect();
    const put = (each: { bytes: Uint8Array }, caller = driver) => cluster.call(0, caller, "plan.put", {}, each.bytes);
    const twice = double(1);
    await put(twice);
    // Known by their digest: not decoded again.
    for (let i = 0; i < 100; i++) assert.deepEqual((await put(twice)).result, { digest: twice.digest });
    const error = await failure(put(double(2)));
    assert.ok(error instanceof PolicyError, `${error}`);
    assert.match(error.message, /plan.put: expected at most 0 ms of work for driver .* try again in \d+ s/);
    await put(double(2), { name: "driver2", role: "driver" });
    now += 60_000;
    // Work on what turns out to be wrong counts, too.
    await failure(put({ bytes: Buffer.from("[") }));
    assert.ok((await failure(put(double(3)))) instanceof PolicyError);
    await cluster.close();
  });

  it("sends plans that are short, and large once they are decoded", async () => {
    const cluster = await new TestCluster({ limits: { planCacheBytes: 1e6 } }).connect();
    const long = plan((b) => {
      let x = variable(b, "v0", 1);
      for (let i = 1; i < 250; i++) x = add(b, x, variable(b, `v${i}`, 1));
      open(b, "y", x);
    });
    assert.ok(long.bytes.length < 50_000);
    assert.match((await failure(cluster.put(long))).message, /expected to take at most 1000000 bytes of memory, got 2/);
    const nodes = plan((b) => {
      let x = input(b, "x", 1);
      for (let i = 0; i < 5000; i++) x = b.node("neg", [add(b, x, input(b, "x", 1))]);
      open(b, "y", x);
    });
    assert.match((await failure(cluster.put(nodes))).message, /expected at most 5000 nodes/);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("asks for more approvals or sources than a run may have", async () => {
    const cluster = await new TestCluster({ limits: { sources: 3 } }).connect();
    await cluster.share(alice, "alice/rows", [[1], [2]]);
    const at = { scalars: { position: 0, epoch: 0 } };
    const reveals = plan((b) => {
      const rows = sum(b, batch(b, "alice/rows", 2, 1), [0]);
      for (let i = 0; i < 1001; i++) open(b, `y${i}`, rows);
    });
    await cluster.put(reveals);
    await cluster.grant(alice, reveals);
    assert.match((await failure(cluster.run(reveals, at))).message, /at most 1000 reveals times owners/);
    const learn = (name: string) =>
      plan((b) => void assign(b, name, add(b, sum(b, batch(b, "alice/rows", 2, 1), [0]), input(b, "x", 1))));
    const inputs = { x: [1n] };
    for (let i = 0; i < 2; i++) await cluster.run(await cluster.put(learn("v")), { ...at, inputs });
    const error = await failure(cluster.run(await cluster.put(learn("w")), { ...at, inputs }));
    assert.match(error.message, /at most 3 sources of variables, got 4/);
    await stillWorks(cluster);
    await cluster.close();
  });

  it("sends more requests at a time than fit into one control message", async () => {
    const cluster = await new TestCluster().connect();
    const params = () => ({ request: hex(), digest: "0".repeat(64), scalars: {} });
    const calls = Array.from({ length: 1500 }, () => cluster.call(1, driver, "run", params()));
    for (const { status } of await Promise.allSettled(calls)) assert.equal(status, "rejected");
    await stillWorks(cluster);
    await cluster.close();
  });
});

describe("roles", () => {
  it("lets owners touch their own datasets and grants only, and drivers neither", async () => {
    const cluster = await new TestCluster().connect();
    const rows = [
      [1, 2],
      [3, 4],
    ];
    await cluster.share(alice, "alice/rows", rows);
    assert.ok((await failure(cluster.share(bob, "alice/other", rows))) instanceof PolicyError);
    assert.ok((await failure(cluster.share(driver, "driver/rows", rows))) instanceof PolicyError);
    for (const method of ["dataset.publish", "dataset.abort", "dataset.remove"])
      for (const caller of [bob, driver])
        assert.ok((await failure(cluster.call(0, caller, method, { name: "alice/rows" }))) instanceof PolicyError);
    const pooled = await cluster.put(total("alice/rows", 2, 2));
    assert.ok((await failure(cluster.grant(driver, pooled))) instanceof PolicyError);
    const id = await cluster.grant(alice, pooled);
    assert.ok((await failure(cluster.call(0, bob, "grant.revoke", { id }))) instanceof NameError);
    for (const method of ["run", "plan.put", "checkpoint", "variable.remove"])
      assert.ok((await failure(cluster.call(0, alice, method, {}))) instanceof PolicyError);
    assert.ok((await failure(cluster.call(0, alice, "toString", {}))) instanceof NameError);
    await cluster.close();
  });

  it("lets nobody overwrite or remove another driver's variable", async () => {
    const cluster = await new TestCluster().connect();
    const second = { name: "driver2", role: "driver" } as const;
    const start = await cluster.put(init([1]));
    await cluster.run(start);
    assert.ok((await failure(cluster.run(start, { caller: second }))) instanceof PolicyError);
    const remove = cluster.all(second, "variable.remove", { request: hex(), names: ["w"] });
    assert.ok((await failure(remove)) instanceof PolicyError);
    assert.deepEqual((await cluster.run(await cluster.put(show(1)))).words.get("w"), [word(1)]);
    await cluster.close();
  });
});

describe("plans that read datasets", () => {
  it("must agree with the dataset and read distinct pieces of one order", async () => {
    const cluster = await new TestCluster().connect();
    const rows = Array.from({ length: 5 }, (_, i) => [i, i]);
    await cluster.share(alice, "alice/rows", rows);
    const at = (position: number, epoch = 0) => ({ scalars: { position, epoch } });
    const good = await cluster.put(total("alice/rows", 5, 2));
    await cluster.grant(alice, good, { times: 10 });
    assert.deepEqual((await cluster.run(good, at(2))).words.get("total"), [word(5), word(5)]);
    for (const position of [1, 5, 6, 4])
      assert.ok((await failure(cluster.run(good, at(position)))) instanceof PolicyError);
    for (const wrong of [
      total("alice/rows", 6, 2),
      total("alice/rows", 5, 2, { bound: 20 }),
      total("alice/rows", 5, 1),
    ]) {
      await cluster.grant(alice, await cluster.put(wrong));
      assert.ok((await failure(cluster.run(wrong, at(0)))) instanceof PlanError);
    }
    const missing = await cluster.put(total("bob/rows", 5, 2));
    assert.ok((await failure(cluster.run(missing, at(0)))) instanceof NameError);
    const repeated = await cluster.put(
      plan((b) => {
        open(b, "a", batch(b, "alice/rows", 5, 2));
        open(b, "b", batch(b, "alice/rows", 5, 2, { position: "position2" }));
      }),
    );
    await cluster.grant(alice, repeated, { times: 10 });
    const scalars = { position: 0, position2: 0, epoch: 0 };
    assert.match((await failure(cluster.run(repeated, { scalars }))).message, /distinct/);
    await cluster.run(repeated, { scalars: { ...scalars, position2: 2 } });
    await cluster.close();
  });
});
