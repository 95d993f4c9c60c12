// The link model: latency overlaps, bandwidth does not, order and content stay.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryMeshes, LinkedConnection, type Mesh, memoryPair } from "../../src/net/index.js";
import { collect, endAll, exchange, frame } from "./helpers.js";

function slowPair(model: { latencyMs: number; bytesPerSecond?: number }): [LinkedConnection, LinkedConnection] {
  const [first, second] = memoryPair("alice", "bob");
  return [new LinkedConnection(first, model), new LinkedConnection(second, model)];
}

/** On a loaded machine things may take longer, never shorter. */
function assertTook(started: number, ms: number): void {
  const took = performance.now() - started;
  assert.ok(took >= ms - 0.1 && took < ms + 60, `expected about ${ms} ms, got ${took.toFixed(1)}`);
}

test("latency: many frames in flight take one latency, not many", async () => {
  const [alice, bob] = slowPair({ latencyMs: 20 });
  const started = performance.now();
  for (let round = 0; round < 30; round++) alice.send(frame({ round }));
  const got = await collect(bob, 30);
  assertTook(started, 20);
  assert.deepEqual(
    got.map(({ round }) => round),
    Array.from({ length: 30 }, (_, i) => i),
  );
});

test("bandwidth: frames leave one after the other, each direction by itself", async () => {
  const [alice, bob] = slowPair({ latencyMs: 5, bytesPerSecond: 1e6 });
  const body = { parts: [new Uint8Array(10_000 - 32)] };
  const started = performance.now();
  for (let i = 0; i < 4; i++) {
    alice.send(frame(body));
    bob.send(frame(body));
  }
  await Promise.all([collect(bob, 4), collect(alice, 4)]);
  assertTook(started, 45);
});

test("what is sent may be overwritten at once, also a Buffer", async () => {
  const [alice, bob] = slowPair({ latencyMs: 2 });
  const body = Buffer.from([1, 2, 3]);
  alice.send(frame({ parts: [body] }));
  body.fill(0);
  assert.deepEqual((await collect(bob, 1))[0]!.payload, Uint8Array.of(1, 2, 3));
});

test("closing comes after what was sent, and is told once", async () => {
  const [alice, bob] = slowPair({ latencyMs: 5 });
  let told = 0;
  alice.receive({ limitBytes: 0, frame() {}, close: () => told++ });
  alice.send(frame({ round: 3 }));
  alice.close();
  alice.send(frame({ round: 4 }));
  assert.equal((await collect(bob, 1))[0]!.round, 3);
  await assert.rejects(collect(bob, 1), /connection to alice/);
  assert.equal(told, 1);
  assert.ok(alice.closed && bob.closed);
});

test("a mesh over slow links: each round costs one latency", async () => {
  const meshes = createMemoryMeshes(["alice", "bob"], { link: { latencyMs: 4 } });
  for (const mesh of meshes) mesh.openRun(1, 100);
  const started = performance.now();
  const play = async (mesh: Mesh) => {
    const peer = 1 - mesh.self;
    for (let round = 0; round < 5; round++)
      await exchange(mesh, 1, round, { [peer]: Uint8Array.of(round) }, { [peer]: 1 });
  };
  await Promise.all(meshes.map(play));
  assertTook(started, 20);
  endAll(meshes);
});
