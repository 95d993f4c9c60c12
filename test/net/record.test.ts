// Record and replay: one party alone sees exactly what it saw in the session, and a difference is noticed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameError, InputError, SessionEndedError } from "../../src/errors.js";
import { createMemoryMeshes, type Mesh, recordMesh, replayMesh } from "../../src/net/index.js";
import { endAll, exchange, NAMES, sleep } from "./helpers.js";

/** A little protocol: every message depends on all that came before, and on a key. */
async function party(mesh: Mesh, log: string[], salt = 0): Promise<void> {
  const [next, previous] = [(mesh.self + 1) % 3, (mesh.self + 2) % 3];
  let state = (mesh.pairKey(next, "mask")[0]! ^ mesh.coinKey("coin")[1]! ^ salt) & 255;
  mesh.onControl((peer, message) => log.push(`control ${peer} ${message}`));
  for (const run of [1, 2]) {
    mesh.openRun(run, 100);
    for (let round = 0; round < 5; round++) {
      const deliver = (payload: Uint8Array) => {
        log.push(`data ${run} ${round} ${payload}`);
        state = (state * 5 + payload[0]! + 1) & 255;
      };
      const send = [{ peer: next, parts: [Uint8Array.of(state, round)] }];
      const receive = [{ peer: previous, bytes: 2, deliver }];
      await new Promise<void>((resolve, reject) => {
        mesh.exchange(run, round, send, receive, (error) => (error ? reject(error) : resolve()));
      });
    }
    mesh.closeRun(run);
    mesh.sendControl(next, Uint8Array.of(run));
    await sleep(3);
  }
}

async function recordBob(): Promise<{ log: string[]; bytes: Uint8Array }> {
  const meshes = createMemoryMeshes(NAMES);
  const logs: string[][] = [[], [], []];
  const recorder = recordMesh(meshes[1]!);
  await Promise.all([party(meshes[0]!, logs[0]!), party(recorder.mesh, logs[1]!), party(meshes[2]!, logs[2]!)]);
  endAll(meshes);
  return { log: logs[1]!, bytes: recorder.toBytes() };
}

test("a replay delivers the same, with the same keys", async () => {
  const { log, bytes } = await recordBob();
  assert.equal(log.length, 12);
  for (let again = 0; again < 2; again++) {
    const mesh = replayMesh(bytes);
    const replayed: string[] = [];
    assert.deepEqual([mesh.self, mesh.parties, mesh.names], [1, 3, [...NAMES]]);
    await party(mesh, replayed);
    assert.deepEqual(replayed, log);
    // Nothing more was recorded.
    await assert.rejects(exchange(mesh, 3, 0, {}, { 0: 1 }), FrameError);
  }
});

test("a party that sends something else than it did is stopped", async () => {
  const { bytes } = await recordBob();
  const mesh = replayMesh(bytes);
  await assert.rejects(party(mesh, [], 1), /replay, run 1, round 0: expected the recorded messages/);
  assert.ok((await mesh.ended) instanceof FrameError);
});

test("keys that were not asked for then are not there", async () => {
  const mesh = replayMesh((await recordBob()).bytes);
  assert.throws(() => mesh.pairKey(0, "other"), InputError);
  mesh.end(new SessionEndedError("over"));
});

test("a damaged recording is refused", async () => {
  const { bytes } = await recordBob();
  for (const bad of [
    new Uint8Array(0),
    bytes.subarray(0, 10),
    bytes.subarray(0, bytes.length - 1),
    new Uint8Array(100),
  ])
    assert.throws(() => replayMesh(bad), InputError);
});
