// The dataset expansion: a pure function of seed and position, seekable over its whole range.
import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { BoundError } from "../../src/errors.js";
import { deriveKey, expand, expander, Prg, secureRandom } from "../../src/random/index.js";

const words = (seed: Uint8Array, offset: number, count: number, wordBytes: 4 | 8 = 8): Buffer => {
  const target = Buffer.alloc(count * wordBytes);
  expand(seed, offset, target, wordBytes);
  return target;
};

test("any piece equals that piece of the whole", () => {
  const seed = secureRandom(16);
  for (const wordBytes of [4, 8] as const) {
    const whole = words(seed, 0, 40_000, wordBytes);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 39_999 }), fc.integer({ min: 0, max: 20_000 }), (offset, count) => {
        const fitting = Math.min(count, 40_000 - offset);
        const piece = words(seed, offset, fitting, wordBytes);
        assert.equal(piece.compare(whole, offset * wordBytes, (offset + fitting) * wordBytes), 0);
      }),
      { numRuns: 40 },
    );
  }
});

test("offsets beyond 2^32 blocks agree with the cipher at that counter", () => {
  const seed = secureRandom(16);
  const key = deriveKey([seed], "dataset expansion");
  for (const offset of [2 ** 33 - 2, 2 ** 33, 2 ** 33 + 5, 2 ** 40 + 1, 2 ** 52 + 7]) {
    const iv = Buffer.alloc(16);
    iv.writeBigUInt64BE(BigInt(offset) / 2n, 8);
    const stream = createCipheriv("aes-128-ctr", key, iv).update(Buffer.alloc(88));
    const skip = (offset % 2) * 8;
    assert.equal(words(seed, offset, 10).compare(stream, skip, skip + 80), 0);
  }
  // A piece across the border at which a 32-bit counter would start again.
  const across = words(seed, 2 ** 33 - 4, 8);
  assert.equal(across.subarray(32).compare(words(seed, 2 ** 33, 4)), 0);
  assert.notEqual(across.subarray(32).compare(words(seed, 0, 4)), 0);
});

test("a seed and a mask key with the same bytes give different streams", () => {
  const secret = secureRandom(16);
  const mask = Buffer.alloc(64);
  new Prg(secret).stream({ run: 0, node: 0, chunk: 0 }).fill(mask);
  assert.notEqual(words(secret, 0, 8).compare(mask), 0);
});

test("an expander equals expand and refuses bad arguments", () => {
  const seed = secureRandom(16);
  const target = Buffer.alloc(80);
  const at = expander(seed);
  at(3, target);
  assert.equal(target.compare(words(seed, 3, 10)), 0);
  for (const offset of [-1, 0.5, 2 ** 53, Number.NaN]) assert.throws(() => at(offset, target), BoundError);
  assert.throws(() => expand(new Uint8Array(15), 0, target), BoundError);
});
