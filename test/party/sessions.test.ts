import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { execute } from "../../src/engine/index.js";
import { FrameError, PeerLostError, SessionEndedError, StorageError } from "../../src/errors.js";
import { createMemoryMeshes, type Mesh } from "../../src/net/index.js";
import { sum } from "../../src/ops/build.js";
import { memoryStores, Party } from "../../src/party/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { alice, driver, failure, hex, names, TestCluster, usesLeft } from "./helpers.js";
import { assign, batch, double, increase, init, open, plan, show, squareUp, total, variable, word } from "./plans.js";

/** A mesh that ends the session just before or soon after the send number `n`, as if the process had died there. */
function dyingAt(mesh: Mesh, n: number, when: "before" | "after"): { mesh: Mesh; sends: () => number } {
  let sends = 0;
  const killed = new Error("killed");
  const proxy = new Proxy(mesh, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const dies = (key === "sendControl" || key === "exchange") && sends++ === n;
        if (dies && when === "before") mesh.end(killed);
        if (dies && when === "after") {
          // What was sent arrives; what comes back does no more.
          const done = key === "exchange" ? (args[4] as (error: Error) => void) : undefined;
          if (done) args[4] = () => {};
          setTimeout(() => {
            mesh.end(killed);
            done?.(killed);
          }, 10);
        }
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  return { mesh: proxy, sends: () => sends };
}

/** A mesh that loses its own control messages of one type. */
function without(mesh: Mesh, type: string): Mesh {
  return new Proxy(mesh, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (key === "sendControl" && Buffer.from(args[1] as Uint8Array).includes(`"${type}"`)) return undefined;
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

async function trained(options = {}): Promise<TestCluster> {
  const cluster = await new TestCluster(options).connect();
  for (const each of [init([3]), squareUp(1), increase([1]), show(1)]) await cluster.put(each);
  await cluster.run(init([3]), { checkpoint: true });
  return cluster;
}
async function value(cluster: TestCluster): Promise<number> {
  await cluster.put(show(1));
  const { words } = await cluster.run(show(1));
  return Math.round(Number(words.get("w")![0]) / 2 ** 16);
}
async function versions(cluster: TestCluster): Promise<number[]> {
  const lists = await cluster.all(driver, "variable.list");
  return lists.map(({ result }) => (result as { version: number }).version);
}

describe("sessions", () => {
  it("never use a run number twice, over restarts and crashes", async () => {
    const cluster = await new TestCluster().connect();
    const seen: number[] = [];
    for (let life = 0; life < 4; life++) {
      const twice = await cluster.put(double(1));
      for (let i = 0; i < 3; i++) seen.push((await cluster.run(twice, { inputs: { x: [1n] } })).run);
      if (life % 2) await cluster.close();
      else await cluster.kill(life % 3);
      if (life === 1) for (const self of names.keys()) cluster.revive(self);
      await cluster.connect();
    }
    for (let i = 1; i < seen.length; i++) assert.ok(seen[i]! > seen[i - 1]!, seen.join());
    await cluster.close();
  });

  it("survive the death of any party at any point of a step: no mix of versions, no free use of a grant", async () => {
    const rows = [[1], [2]];
    const learn = plan((b) => void assign(b, "w", sum(b, batch(b, "alice/rows", 2, 1), [0])));
    // w := w * w, and the old value to the driver: rounds, an assignment and a reveal under a grant.
    const step = plan((b) => {
      const w = variable(b, "w", 1);
      assign(b, "w", b.node("truncate", [b.node("mul", [w, w])], { shift: 16 }));
      open(b, "old", w);
    });
    const look = show(1);
    const scalars = { position: 0, epoch: 0 };
    const ways = [
      { memoryLost: true, when: "before" },
      { memoryLost: false, when: "before" },
      { memoryLost: false, when: "after" },
    ] as const;
    for (const { memoryLost, when } of ways)
      for (const victim of names.keys()) {
        let deaths = 0;
        for (let n = 0; ; n++) {
          const cluster = await new TestCluster().connect();
          await cluster.share(alice, "alice/rows", rows);
          for (const each of [learn, step, look, increase([1])]) await cluster.put(each);
          await cluster.run(learn, { checkpoint: true, scalars });
          await cluster.run(increase([1]));
          const grant = await cluster.grant(alice, step, { times: 5 });
          await cluster.grant(alice, look, { times: 5 });
          await cluster.close();

          const meshes = createMemoryMeshes(names, { timeoutMs: 500 });
          const dying = dyingAt(meshes[victim]!, n, when);
          cluster.meshes = meshes.map((mesh, i) => (i === victim ? dying.mesh : mesh));
          const attached = await Promise.allSettled(
            cluster.parties.map((party, i) => party.attach(cluster.meshes[i]!)),
          );
          const up = attached.every(({ status }) => status === "fulfilled");
          const params = { request: hex(), digest: step.digest, scalars: {} };
          const outcome = up
            ? await Promise.allSettled(names.map((_, i) => cluster.call(i, driver, "run", params)))
            : [];
          for (const [i, result] of outcome.entries())
            if (i !== victim && result.status === "rejected") {
              const reason = result.reason as Error;
              assert.ok(reason instanceof PeerLostError || reason instanceof SessionEndedError, `${reason}`);
            }
          const done = up && outcome.every(({ status }) => status === "fulfilled");
          if (!done) deaths++;
          for (const mesh of meshes) mesh.end(new Error("over"));
          await cluster.close();
          if (memoryLost) cluster.revive(victim);
          await cluster.connect();

          const [a, b, c] = await versions(cluster);
          assert.ok(a === b && b === c, `${a} ${b} ${c}`);
          const left = await usesLeft(cluster, grant);
          assert.ok(left[0] === left[1] && left[1] === left[2] && left[0]! >= 4, left.join());
          const now = await value(cluster);
          // 3 is on disk, 4 was in memory before the step, 16 is what it makes.
          if (memoryLost) assert.equal(now, 3);
          else assert.ok(now === 16 || (now === 4 && !done), `${now}`);
          if (done) assert.equal(left[0], 4);
          await cluster.put(step);
          assert.deepEqual(
            (await cluster.run(step)).words.get("old")!.map((word) => Math.round(Number(word) / 2 ** 16)),
            [now],
          );
          await cluster.close();
          if (done && dying.sends() <= n) break;
        }
        assert.ok(deaths > 1, `${deaths}`);
      }
  });

  it("give no party's part before all have come to the end", async () => {
    // The last party never reports its end: it dies instead of saying so.
    const cluster = await new TestCluster().connect();
    const twice = await cluster.put(double(1));
    await cluster.close();
    cluster.meshes = createMemoryMeshes(names);
    const silent = without(cluster.meshes[2]!, "done");
    await Promise.all(cluster.parties.map((party, i) => party.attach(i === 2 ? silent : cluster.meshes[i]!)));
    const params = { request: hex(), digest: twice.digest, scalars: {} };
    const bodies = cluster.bodies(twice, { x: [word(1)] });
    const started = performance.now();
    const results = await Promise.allSettled(
      [0, 1]
        .map((i) => cluster.call(i, driver, "run", params, bodies[i]))
        .concat(
          cluster.call(2, driver, "run", params, bodies[2]).catch((error: Error) => {
            throw error;
          }),
        ),
    );
    assert.ok(performance.now() - started < 4000);
    for (const result of results.slice(0, 2)) {
      assert.equal(result.status, "rejected");
      const { reason } = result as PromiseRejectedResult;
      assert.ok(reason instanceof PeerLostError || reason instanceof SessionEndedError, `${reason}`);
    }
    assert.ok(results.slice(0, 2).some((result) => /p2/.test((result as PromiseRejectedResult).reason.message)));
    await cluster.close();
  });

  it("end when a party fails inside a run, and the old versions stay", async () => {
    let fails = false;
    const faulty: typeof execute = (program, options) => {
      if (!fails) return execute(program, options);
      let rounds = 0;
      const mesh: typeof options.mesh = {
        ...{ self: options.mesh.self, parties: options.mesh.parties },
        exchange: (...args) => {
          if (++rounds === 2) throw new StorageError("a disk: expected to work, got nothing");
          options.mesh.exchange(...args);
        },
      };
      return execute(program, { ...options, mesh });
    };
    const cluster = await trained((self: number) => (self === 1 ? { execute: faulty } : {}));
    fails = true;
    const error = await failure(cluster.run(squareUp(1)));
    assert.ok(error instanceof SessionEndedError || error instanceof StorageError || error instanceof PeerLostError);
    fails = false;
    assert.ok((await failure(cluster.run(show(1)))) instanceof SessionEndedError);
    await cluster.connect();
    assert.equal(await value(cluster), 3);
    await cluster.close();
  });

  it("go back to the newest version that all hold", async () => {
    const cluster = await trained();
    for (let i = 0; i < 3; i++) await cluster.run(increase([1]));
    assert.equal(await value(cluster), 6);
    // Nobody lost anything.
    await cluster.close();
    await cluster.connect();
    assert.equal(await value(cluster), 6);
    // One lost its memory: back to the last checkpoint, at all.
    await cluster.kill(2);
    await cluster.connect();
    assert.equal(await value(cluster), 3);
    for (const stores of cluster.stores) assert.deepEqual(stores.checkpoints.list().length, 1);
    // A party that shuts down in good order saves what it has.
    await cluster.run(await cluster.put(increase([5])));
    await cluster.parties[0]!.close();
    await Promise.all(cluster.meshes.map((mesh) => mesh.ended));
    cluster.revive(0);
    await cluster.connect();
    assert.equal(await value(cluster), 8);
    await cluster.close();
  });

  it("start from nothing if a party has nothing, but keep the others' checkpoints", async () => {
    const cluster = await trained();
    await cluster.close();
    const stores = cluster.stores.map((store, i) => (i === 1 ? memoryStores() : store));
    const without = await new TestCluster({}, stores).connect();
    assert.deepEqual(await versions(without), [0, 0, 0]);
    await without.close();
    // The operator finds the directory again.
    const again = await new TestCluster({}, cluster.stores).connect();
    assert.equal(await value(again), 3);
    await again.close();
  });

  it("do without a checkpoint that one party cannot read", async () => {
    const cluster = await trained();
    await cluster.run(increase([1]), { checkpoint: true });
    await cluster.close();
    for (const self of names.keys()) cluster.revive(self);
    const { checkpoints } = cluster.stores[1]!;
    const [older, newer] = checkpoints.list();
    const load = checkpoints.load.bind(checkpoints);
    checkpoints.load = (run) => {
      if (run === newer) throw new StorageError("a file: expected it as it was written, got a tampered chunk");
      return load(run);
    };
    await failure(cluster.connect());
    await cluster.close();
    await cluster.connect();
    assert.deepEqual(await versions(cluster), [older, older, older]);
    assert.equal(await value(cluster), 3);
    await cluster.close();
  });

  it("do not begin where two parties hold different variables under one number", async () => {
    const cluster = await trained();
    await cluster.close();
    const { checkpoints } = cluster.stores[0]!;
    const [run] = checkpoints.list();
    const entries = checkpoints.load(run!).map((entry) => ({ ...entry, meta: { ...entry.meta, scale: 3 } }));
    await checkpoints.save(run!, entries);
    for (const self of names.keys()) cluster.revive(self);
    const error = await failure(cluster.connect());
    assert.ok(error instanceof FrameError || error instanceof SessionEndedError, `${error}`);
    await cluster.close();
  });

  it("refuse runs while there is none, and say who is missing", async () => {
    const cluster = new TestCluster();
    const twice = await cluster.put(double(1));
    assert.match((await failure(cluster.run(twice, { inputs: { x: [1n] } }))).message, /p1, p2|p0, p2|p0, p1/);
    const hello = (await cluster.call(1, driver, "hello")).result as { session: string; missingPeers: string[] };
    assert.equal(hello.session, "down");
    assert.deepEqual(hello.missingPeers, ["p0", "p2"]);
    await cluster.connect();
    await cluster.run(twice, { inputs: { x: [1n] } });
    await cluster.kill(1);
    assert.ok((await failure(cluster.run(twice, { inputs: { x: [1n] } }))) instanceof Error);
    await cluster.close();
  });

  it("name a peer that never speaks", async () => {
    const cluster = new TestCluster({ timeoutMs: 600 });
    const meshes = createMemoryMeshes(names);
    const attached = [0, 1].map((i) => cluster.parties[i]!.attach(meshes[i]!));
    const errors = await Promise.allSettled(attached);
    const messages = errors.map((error) => String((error as PromiseRejectedResult).reason));
    assert.ok(
      messages.some((message) => /PeerLostError.*p2/.test(message)),
      messages.join("\n"),
    );
    await cluster.close();
  });

  it("name a peer that stops speaking while nothing runs", async () => {
    const cluster = new TestCluster({ timeoutMs: 600 });
    const meshes = createMemoryMeshes(names);
    const silent = without(meshes[2]!, "ping");
    await Promise.all(cluster.parties.map((party, i) => party.attach(i === 2 ? silent : meshes[i]!)));
    // Keeps this process alive, as its listener does with a daemon.
    const alive = setInterval(() => {}, 1000);
    const error = await Promise.race([meshes[0]!.ended, meshes[1]!.ended]);
    clearInterval(alive);
    assert.ok(error instanceof PeerLostError && error.peer === "p2", `${error}`);
    await cluster.close();
  });

  it("end at messages that no party of this version sends", async () => {
    for (const text of [
      "garbage",
      '{"type":"propose","run":1,"request":"00000000000000000000000000000000","kind":"plan","args":"x","grants":[]}',
      '{"type":"done","run":99}',
      '{"type":"ready","run":900000,"request":"00000000000000000000000000000000","args":"ZEROS"}',
      '{"type":"agree","base":0,"nextRun":1,"state":"ZEROS"}',
      '{"type":"drop","request":"00000000000000000000000000000000","fault":{"name":"Error","message":"x"}}',
    ]) {
      const cluster = await new TestCluster().connect();
      cluster.meshes[1]!.sendControl(2, Buffer.from(`[${text.replace("ZEROS", "0".repeat(64))}]`));
      const error = await cluster.meshes[2]!.ended;
      assert.ok(error instanceof FrameError, `${text}: ${error}`);
      await cluster.connect();
      const twice = await cluster.put(double(1));
      assert.deepEqual((await cluster.run(twice, { inputs: { x: [word(2)] } })).words.get("y"), [word(4)]);
      await cluster.close();
    }
  });

  it("keep the order of rows over sessions, and agree on a new one if a party lost it", async () => {
    const stores = names.map(() => memoryStores());
    const cluster = await new TestCluster({}, stores).connect();
    const rows = Array.from({ length: 40 }, (_, i) => [i]);
    await cluster.share(alice, "alice/rows", rows);
    const pooled = total("alice/rows", 40, 1, { shuffle: true });
    await cluster.put(pooled);
    await cluster.grant(alice, pooled, { times: 100 });
    const sums = async () => {
      const found = [];
      for (let position = 0; position < 40; position += 2)
        found.push((await cluster.run(pooled, { scalars: { position, epoch: 1 } })).words.get("total")![0]!);
      return found;
    };
    const first = await sums();
    assert.equal(
      first.reduce((a, b) => a + b),
      word(780),
    );
    await cluster.connect();
    assert.deepEqual(await sums(), first);
    stores[1]!.ledger.rewrite(stores[1]!.ledger.records().filter((record) => record.type !== "coin"));
    await cluster.kill(1);
    await cluster.connect();
    await cluster.put(pooled);
    const other = await sums();
    assert.notDeepEqual(other, first);
    assert.equal(
      other.reduce((a, b) => a + b),
      word(780),
    );
    await cluster.close();
  });

  it("of one party need no peers", async () => {
    const options = { names: ["p0"], self: 0, definition: plain, stores: memoryStores(), version: "test" };
    const party = new Party(options);
    await party.attach(createMemoryMeshes(["p0"])[0]!);
    const [start, look] = [init([1.5]), show(1)];
    for (const each of [start, look]) await party.handle(driver, "plan.put", {}, each.bytes);
    const run = (digest: string) =>
      party.handle(driver, "run", { request: hex(), digest, scalars: {}, checkpoint: true });
    await run(start.digest);
    const { body } = await run(look.digest);
    assert.deepEqual([...new BigInt64Array(body!.slice().buffer)], [word(1.5)]);
    assert.deepEqual((await party.handle(driver, "checkpoint", {})).result, { run: 1 });
    await party.close();
  });

  it("need as many parties as the protocol has", () => {
    const options = { definition: rep3, stores: memoryStores(), version: "", self: 0 };
    assert.throws(() => new Party({ ...options, names: ["p0", "p1"] }));
  });
});
