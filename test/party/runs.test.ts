import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError, NameError } from "../../src/errors.js";
import { Ring } from "../../src/ring/index.js";
import { alice, bob, combine, driver, failure, hex, names, TestCluster } from "./helpers.js";
import { double, increase, init, input, open, plan, show, squareUp, total, word } from "./plans.js";

describe("runs of three parties in one process", () => {
  it("reveals the driver's own doubled input to the driver", async () => {
    const cluster = await new TestCluster().connect();
    const twice = await cluster.put(double(3));
    const { words, run } = await cluster.run(twice, { inputs: { x: [word(1), word(-2.5), word(7)] } });
    assert.deepEqual(words.get("y"), [word(2), word(-5), word(14)]);
    assert.equal(run, 1);
    await cluster.close();
  });

  it("keeps variables between runs and numbers runs upwards", async () => {
    const cluster = await new TestCluster().connect();
    const [start, more, square, look] = [init([1, 2]), increase([2, 1]), squareUp(2), show(2)];
    for (const each of [start, more, square, look]) await cluster.put(each);
    assert.equal((await cluster.run(start)).run, 1);
    await cluster.run(more);
    await cluster.run(square);
    const { words, run } = await cluster.run(look);
    for (const value of words.get("w")!) assert.ok(Math.abs(Number(value) / 2 ** 16 - 9) < 0.01);
    assert.equal(run, 4);
    const list = (await cluster.call(1, driver, "variable.list")).result as { version: number; variables: unknown[] };
    assert.equal(list.version, 3);
    assert.equal(list.variables.length, 1);
    await cluster.close();
  });

  it("runs requests in order that depend on each other and are all in flight", async () => {
    const cluster = await new TestCluster().connect();
    const [start, more, look] = [init([1]), increase([1]), show(1)];
    for (const each of [start, more, look]) await cluster.put(each);
    const results = await Promise.all([start, more, more, more, look].map((each) => cluster.run(each)));
    assert.deepEqual(
      results.map(({ run }) => run),
      [1, 2, 3, 4, 5],
    );
    assert.deepEqual(results[4]!.words.get("w"), [word(4)]);
    await cluster.close();
  });

  it("keeps going when parties get requests of two drivers in different order", async () => {
    const cluster = await new TestCluster().connect();
    const twice = await cluster.put(double(1));
    const second = { name: "driver2", role: "driver" } as const;
    await cluster.put(double(1, "x", ["driver2"]), second);
    const other = double(1, "x", ["driver2"]);
    const [mine, theirs] = [hex(), hex()];
    const bodies = cluster.bodies(twice, { x: [word(3)] });
    const send = (party: number, which: "mine" | "theirs") =>
      which === "mine"
        ? cluster.call(party, driver, "run", { request: mine, digest: twice.digest, scalars: {} }, bodies[party])
        : cluster.call(party, second, "run", { request: theirs, digest: other.digest, scalars: {} }, bodies[party]);
    const first = [send(0, "mine"), send(1, "theirs"), send(2, "mine")];
    const last = [send(0, "theirs"), send(1, "mine"), send(2, "theirs")];
    const [a0, b1, a2] = await Promise.all(first);
    const [b0, a1, b2] = await Promise.all(last);
    assert.deepEqual(combine([a0!, a1!, a2!]).words.get("y"), [word(6)]);
    assert.deepEqual(combine([b0!, b1!, b2!]).words.get("y"), [word(6)]);
    await cluster.close();
  });

  it("frees what runs leave: memory stays flat", async () => {
    const rings = names.map(() => new Ring());
    const cluster = await new TestCluster((self) => ({ ring: rings[self]! })).connect();
    const [start, more, square] = [init([1, 2, 3]), increase([0, 0, 0]), squareUp(3)];
    for (const each of [start, more, square]) await cluster.put(each);
    await cluster.run(start);
    await cluster.run(more);
    const before = rings.map((ring) => ring.usedBytes);
    for (let i = 0; i < 20; i++) await cluster.run(i % 2 ? more : square);
    assert.deepEqual(
      rings.map((ring) => ring.usedBytes),
      before,
    );
    await cluster.close();
  });

  it("can assign one value to two variables and a variable to another", async () => {
    const rings = names.map(() => new Ring());
    const cluster = await new TestCluster((self) => ({ ring: rings[self]! })).connect();
    const twoNames = plan((b) => {
      const w = b.node("variable", [], { name: "w", shape: [1], scale: 16, bound: 31 });
      b.node("assign", [w], { name: "v" });
      b.node("assign", [w], { name: "u" });
    });
    const looks = ["w", "v", "u"].map((name) => show(1, name));
    for (const each of [init([5]), init([1]), twoNames, ...looks]) await cluster.put(each);
    await cluster.run(init([5]));
    await cluster.run(twoNames);
    await cluster.run(init([1]));
    const values = [];
    for (const look of looks) values.push((await cluster.run(look)).words.get("w")![0]);
    assert.deepEqual(values, [word(1), word(5), word(5)]);
    await cluster.all(driver, "variable.remove", { request: hex(), names: ["w", "v", "u"] });
    assert.deepEqual(
      rings.map((ring) => ring.usedBytes),
      [0, 0, 0],
    );
    assert.ok((await failure(cluster.run(looks[1]!))) instanceof NameError);
    const again = cluster.all(driver, "variable.remove", { request: hex(), names: ["v"] });
    assert.ok((await failure(again)) instanceof InputError);
    await cluster.close();
  });

  it("delivers results for others through their inbox, once", async () => {
    const cluster = await new TestCluster().connect();
    const both = plan((b) => {
      open(b, "mine", input(b, "x", 1), ["driver"]);
      open(b, "theirs", input(b, "z", 1), ["bob", "driver"]);
    });
    await cluster.put(both);
    const { words, run } = await cluster.run(both, { inputs: { x: [word(4)], z: [word(6)] } });
    assert.deepEqual(words.get("mine"), [word(4)]);
    assert.deepEqual(words.get("theirs"), [word(6)]);
    const taken = await cluster.all(bob, "inbox.take");
    const entries = taken.map(({ result }) => (result as { entries: { label: string; run: number }[] }).entries);
    for (const each of entries) assert.deepEqual(each, [{ run, label: "theirs", bytes: 8 }]);
    const answers = taken.map(({ body }) => ({
      result: { run, reveals: [{ label: "theirs", bytes: 8 }] },
      body: body!,
    }));
    assert.deepEqual(combine(answers).words.get("theirs"), [word(6)]);
    for (const who of [bob, alice])
      assert.deepEqual((await cluster.call(0, who, "inbox.take")).result, { entries: [] });
    await cluster.close();
  });

  it("writes checkpoints on demand, on request and every so many runs, and keeps two", async () => {
    const cluster = await new TestCluster({ limits: { checkpointEvery: 8 } }).connect();
    const [start, more] = [init([1]), increase([1])];
    for (const each of [start, more]) await cluster.put(each);
    const saved = () => cluster.stores.map((stores) => stores.checkpoints.list());
    await cluster.run(start);
    assert.deepEqual(
      await cluster.all(driver, "checkpoint"),
      [1, 1, 1].map((run) => ({ result: { run } })),
    );
    const second = await cluster.run(more, { checkpoint: true });
    for (const list of saved()) assert.deepEqual(list, [1, second.run]);
    for (let i = 0; i < 8; i++) await cluster.run(more);
    const { run } = (await cluster.all(driver, "checkpoint"))[2]!.result as { run: number };
    assert.ok(run >= 10, `${run}`);
    for (const list of saved()) assert.equal(list.length, 2);
    await cluster.close();
  });

  it("answers for a checkpoint when all parties have it on disk, not before", async () => {
    for (const slow of names.keys()) {
      const cluster = await new TestCluster().connect();
      const { checkpoints } = cluster.stores[slow]!;
      const save = checkpoints.save.bind(checkpoints);
      let written = () => {};
      checkpoints.save = async (...args) => {
        await new Promise<void>((resolve) => {
          written = resolve;
        });
        await save(...args);
      };
      const start = await cluster.put(init([1]));
      const every = (method: string, params: object) => names.map((_, i) => cluster.call(i, driver, method, params));
      const ways = [
        () => cluster.run(start).then(() => every("checkpoint", {})),
        async () => every("run", { request: hex(), digest: start.digest, scalars: {}, checkpoint: true }),
      ];
      for (const way of ways) {
        let answers = 0;
        const common = Math.min(...cluster.stores.map((stores) => stores.checkpoints.list().at(-1) ?? 0));
        const calls = await way();
        for (const call of calls) void call.then(() => answers++);
        const others = cluster.stores.filter((_, i) => i !== slow);
        while (others.some((stores) => (stores.checkpoints.list().at(-1) ?? 0) <= common))
          await new Promise((resolve) => setTimeout(resolve, 5));
        // Time for a wrong answer.
        await new Promise((resolve) => setTimeout(resolve, 50));
        assert.equal(answers, 0);
        written();
        await Promise.all(calls);
        for (const stores of cluster.stores) assert.ok(stores.checkpoints.list().at(-1)! > common);
      }
      await cluster.close();
    }
  });

  it("says what it is, what it holds and which plans it knows", async () => {
    const cluster = await new TestCluster().connect();
    const hello = (await cluster.call(2, alice, "hello")).result as Record<string, unknown>;
    assert.equal(hello.session, "up");
    assert.equal(hello.self, "p2");
    assert.equal(hello.index, 2);
    assert.deepEqual(hello.parties, names);
    await cluster.share(alice, "alice/rows", [
      [1, 2],
      [3, 4],
    ]);
    const pooled = await cluster.put(total("alice/rows", 2, 2));
    const { result, body } = await cluster.call(0, alice, "plan.get", { digest: pooled.digest.slice(0, 10) });
    assert.deepEqual(result, { digest: pooled.digest });
    assert.deepEqual(body, pooled.bytes);
    const status = (await cluster.call(0, driver, "status")).result as { runs: { unfinished: number } };
    assert.equal(status.runs.unfinished, 0);
    JSON.stringify(status);
    await cluster.close();
  });
});
