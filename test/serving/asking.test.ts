/** Asking again: pauses that a hostile party names, and answers of many numbers. No sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameError, SessionEndedError, UnavailableError } from "../../src/errors.js";
import { askAgain, Closing } from "../../src/serving/asking.js";
import { prediction } from "../../src/serving/prediction.js";
import { decodeFromParty, encodeRefusal, LONGEST_PAUSE_MS, type ModelFacts } from "../../src/serving/wire.js";
import { failure } from "../party/helpers.js";

const refusal = (retryAfterMs: number) => encodeRefusal({ reason: "busy", retryAfterMs, text: "later" });

test("a pause is at most the longest wait for an answer, whatever the party names", { timeout: 60_000 }, async () => {
  let asked = 0;
  const closing = new Closing();
  for (const ms of [2 ** 31 - 1, 2 ** 32 - 1]) {
    const unanswered = askAgain({ retries: 2, timeoutMs: 30, closing }, async (pause) => {
      const before = performance.now();
      await pause();
      // A timer of too many milliseconds ends at once.
      if (asked++ % 3 > 0) assert.ok(performance.now() - before >= 20);
      throw new UnavailableError("later", ms);
    });
    assert.ok((await failure(unanswered)) instanceof UnavailableError);
  }
  assert.equal(asked, 6);
});

test("closing ends a pause", { timeout: 60_000 }, async () => {
  const closing = new Closing();
  let asked = 0;
  const unanswered = askAgain({ retries: 1, timeoutMs: 2 ** 30, closing }, async (pause) => {
    if (asked++ > 0) setImmediate(() => closing.begin(new SessionEndedError("closed")));
    await pause();
    throw new UnavailableError("later", 2 ** 30);
  });
  assert.ok((await failure(unanswered)) instanceof SessionEndedError);
  assert.equal(asked, 2);
});

test("a refusal names a pause of a minute at most", () => {
  const bytes = refusal(2 ** 40);
  const read = decodeFromParty(bytes, "p0");
  assert.ok(read.type === "refusal" && read.retryAfterMs === LONGEST_PAUSE_MS);
  new DataView(bytes.buffer).setUint32(2 + 16 + 1, LONGEST_PAUSE_MS + 1, true);
  assert.throws(() => decodeFromParty(bytes, "p0"), FrameError);
});

test("an answer may have more numbers than a call has arguments", () => {
  const count = 200_000;
  const words = new Int32Array(count).fill(-512);
  words[count - 2] = 256;
  const facts = { output: { bits: 32, scale: 8, kind: "scores", shape: [count] } } as unknown as ModelFacts;
  const { class: best, scores } = prediction(facts, new Uint8Array(words.buffer));
  assert.deepEqual([best, scores!.length, scores![best], scores![0]], [count - 2, count, 1, -2]);
});
