/** How far a dealer runs ahead of the parties. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { execute } from "../../src/engine/index.js";
import { FrameError } from "../../src/errors.js";
import { constant } from "../../src/ops/build.js";
import { AHEAD_BYTES, AHEAD_FRAMES, Pace, Taking } from "../../src/party/pace.js";
import { additive } from "../../src/protocol/index.js";
import { TestCluster } from "./helpers.js";
import { assign, fraction, plan } from "./plans.js";

describe("pace", () => {
  it("holds a dealer when a party has too much ahead, in bytes or frames, until it has taken some", () => {
    const pace = new Pace(["p0", "p1", "dealer"]);
    let sent = 0;
    const send = (peer: number, bytes: number) => pace.send([{ peer, bytes }], () => sent++);
    send(0, 10 * AHEAD_BYTES);
    assert.equal(sent, 1, "one round may be as large as it is");
    send(1, 8);
    assert.equal(sent, 1);
    pace.told(0, { bytes: 9 * AHEAD_BYTES, frames: 0 });
    assert.equal(sent, 1);
    pace.told(0, { bytes: AHEAD_BYTES, frames: 1 });
    assert.equal(sent, 2);
    for (let i = 1; i < AHEAD_FRAMES; i++) send(1, 0);
    assert.equal(sent, AHEAD_FRAMES + 1);
    send(1, 0);
    assert.equal(sent, AHEAD_FRAMES + 1);
    assert.throws(() => pace.told(1, { bytes: 9, frames: 1 }), FrameError);
    assert.throws(() => pace.told(1, { bytes: 0, frames: AHEAD_FRAMES + 1 }), FrameError);
    pace.end();
    assert.equal(sent, AHEAD_FRAMES + 2);
  });

  it("holds nothing once the session has ended, also what comes then", () => {
    const pace = new Pace(["p0", "dealer"]);
    let sent = 0;
    pace.send([{ peer: 0, bytes: AHEAD_BYTES }], () => sent++);
    pace.end();
    pace.send([{ peer: 0, bytes: 8 }], () => sent++);
    assert.equal(sent, 2);
  });

  it("hears of a party what it has taken before the dealer has to wait for it", () => {
    const told: number[] = [];
    const taking = new Taking(({ bytes }) => told.push(bytes));
    for (let i = 0; i < 8; i++) taking.took(AHEAD_BYTES / 8);
    assert.deepEqual(told, new Array(4).fill(AHEAD_BYTES / 4));
  });

  it("keeps a dealer near a slow party through a long run, which comes to its end", async () => {
    const [n, steps, slow, dealer] = [2 ** 18, 30, 1, 2];
    let [taken, most] = [0, 0];
    const cluster = await new TestCluster(
      {
        timeoutMs: 10_000,
        execute: (program, options) => {
          const { mesh } = options;
          if (mesh.self !== slow) return execute(program, options);
          const exchange: typeof mesh.exchange = (run, round, send, receive, done) => {
            const sent = cluster.meshes[dealer]!.stats().peers[slow]!.sentPayloadBytes;
            most = Math.max(most, sent - taken);
            taken += receive.find(({ peer }) => peer === dealer)?.bytes ?? 0;
            mesh.exchange(run, round, send, receive, (error) => void setTimeout(done, 10, error));
          };
          return execute(program, { ...options, mesh: { self: mesh.self, parties: mesh.parties, exchange } });
        },
      },
      undefined,
      additive(2),
    ).connect();
    const squarings = plan((b) => {
      const ones = b.node("secret", [constant(b, [1], [1], fraction)]);
      let x = b.node("broadcast", [ones], { shape: [n] });
      for (let i = 0; i < steps; i++) x = b.node("truncate", [b.node("mul", [x, x])], { shift: fraction });
      assign(b, "x", x);
    });
    await cluster.put(squarings);
    await cluster.run(squarings);
    const { sentPayloadBytes } = cluster.meshes[dealer]!.stats().peers[slow]!;
    assert.ok(sentPayloadBytes > 3 * AHEAD_BYTES, "more than may be ahead");
    assert.ok(most < 1.5 * AHEAD_BYTES, `${most} bytes ahead`);
    await cluster.close();
  });
});
