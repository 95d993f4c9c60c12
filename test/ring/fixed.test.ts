/** Fixed point: exact rounding, what is refused and how, and that secrets stay out of messages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ScaleError, ShapeError } from "../../src/errors.js";
import { decode, encode, encodeScalar } from "../../src/ring/index.js";

const words = (values: ArrayLike<number>, f: number) => [...encode(values, f, new BigInt64Array(values.length))];

/** The definition in exact arithmetic: a double is a whole number of 2^-1074. */
function exactly(value: number, fractionBits: number): bigint {
  const [bits] = new BigUint64Array(new Float64Array([Math.abs(value)]).buffer);
  const exponent = Number(bits! >> 52n);
  const mantissa = (bits! & (2n ** 52n - 1n)) | (exponent > 0 ? 2n ** 52n : 0n);
  const shift = Math.max(exponent, 1) - 1075 + fractionBits;
  const whole = shift >= 0 ? mantissa << BigInt(shift) : ((mantissa >> BigInt(-shift - 1)) + 1n) >> 1n;
  return value < 0 ? -whole : whole;
}

test("encode rounds to nearest, halves away from zero", () => {
  assert.deepEqual(words([0.5, -0.5, 1.5, -1.5, 2.5, 0.49999999999999994, -0, 0], 0), [
    1n,
    -1n,
    2n,
    -2n,
    3n,
    0n,
    0n,
    0n,
  ]);
  assert.deepEqual(words([1, -1, 0.25, 2 ** -17, 2 ** -18], 16), [65536n, -65536n, 16384n, 1n, 0n]);
  assert.deepEqual(words(new Uint8Array([0, 255]), 20), [0n, 255n << 20n]);
  assert.deepEqual(words(new Float32Array([1.5]), 1), [3n]);
});

test("encode equals exact arithmetic; encodeScalar equals encode", () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.array(value), fc.nat(62), (values, f) => {
      const inside = values.filter((v) => Math.abs(v * 2 ** f) < 2 ** 62);
      const expected = inside.map((v) => exactly(v, f));
      assert.deepEqual(words(inside, f), expected);
      assert.deepEqual(
        inside.map((v) => encodeScalar(v, f)),
        expected,
      );
    }),
    { numRuns: 500 },
  );
  const near = fc.tuple(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.nat(20));
  fc.assert(
    fc.property(fc.array(near), (pairs) => {
      const values = pairs.map(([mantissa, bits]) => mantissa * 2 ** -bits);
      assert.deepEqual(
        words(values, 16),
        values.map((v) => exactly(v, 16)),
      );
    }),
  );
});

test("decode: the nearest double of every word; inverse of encode", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), fc.nat(62), (list, f) => {
      const expected = list.map((word) => Number(word) * 2 ** -f);
      assert.deepEqual([...decode(BigInt64Array.from(list), f)], expected);
      assert.deepEqual([...decode(BigUint64Array.from(list), f)], expected);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(2 ** 52), max: 2 ** 52 })), fc.nat(30), (list, f) => {
      const values = list.map((mantissa) => (mantissa * 2 ** -f) | 0);
      assert.deepEqual(
        [...decode(encode(values, f, new BigInt64Array(values.length)), f)],
        values.map((v) => v + 0),
      );
    }),
  );
});

test("encode into a part of a buffer", () => {
  const buffer = new BigInt64Array(5);
  encode([1, -2], 4, buffer.subarray(2, 4));
  assert.deepEqual([...buffer], [0n, 0n, 16n, -32n, 0n]);
});

test("what cannot be represented throws, names the index and hides the value", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -Infinity, 70368744177664, -70368744177664, 1e300]) {
    for (const attempt of [() => encode([1, 2, bad], 16, new BigInt64Array(3)), () => encodeScalar(bad, 16)]) {
      assert.throws(attempt, (error: Error) => {
        assert.ok(error instanceof ScaleError);
        assert.match(error.message, /^encode(Scalar)?: expected .*below 2\^46.*; try /);
        assert.ok(!error.message.includes(String(bad)));
        return true;
      });
    }
  }
  assert.throws(() => encode([0, Number.NaN], 16, new BigInt64Array(2)), /at index 1/);
  assert.equal(encodeScalar(2 ** 46 - 2 ** -6, 16), 2n ** 62n - 2n ** 10n);
  assert.throws(() => encode([1], 16, new BigInt64Array(2)), ShapeError);
  for (const f of [-1, 63, 1.5, Number.NaN]) assert.throws(() => encode([1], f, new BigInt64Array(1)), ScaleError);
});
