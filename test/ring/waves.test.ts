/** Powers of two and waves: the wasm build against the twin to the last bit, and both against Math. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createJsKernels } from "../../src/ring/index.js";
import { compareTwins } from "./twins.js";

const length = fc.oneof(fc.constantFrom(0, 1, 2, 3, 64, 65), fc.nat(100));
const seed = fc.nat();
const word = fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n });
const step = fc.constantFrom(1, 2);

test("octaves: wasm equals the twin", () => {
  fc.assert(
    fc.property(length, seed, word, word, (n, s, factor, offset) => {
      compareTwins(s, [{ words: 2 * n }, { words: n }], (k, dst, x) => k.octaves(dst!, x!, n, factor, offset));
    }),
  );
});

test("powers and powersAdd: wasm equals the twin, and both sides make a power", () => {
  fc.assert(
    fc.property(length, seed, word, word, (n, s, factor, offset) => {
      const [words, rows] = [{ words: n }, { words: 4 * n }];
      compareTwins(s, [rows, words], (k, dst, x) => k.powers(dst!, x!, n, factor));
      compareTwins(s, [words, words, rows], (k, dst, x, g) => k.powersAdd(dst!, x!, g!, n, factor, offset));
      // One addend is pseudo-random, the other makes the sum y / 2^59 of any size in the domain.
      const sums = Array.from(
        { length: n },
        (_, i) => BigInt(Math.round((-16 + (24 * (i + 0.5)) / n) * 2 ** 40)) << 19n,
      );
      const [result] = compareTwins(s, [words, words, words, rows], (k, dst, x, z, g) => {
        k.powers(g!, x!, n, 3n);
        const [from, other] = [x!, z!].map((at) => new BigUint64Array(k.memory.buffer, at, n)) as [
          BigUint64Array,
          BigUint64Array,
        ];
        other.forEach((_, i) => {
          other[i] = BigInt.asUintN(64, sums[i]! - 3n * from[i]! - 12345n);
        });
        k.fill(dst!, 0n, n);
        k.powersAdd(dst!, z!, g!, n, 1n, 12345n);
      });
      sums.forEach((sum, i) => {
        const wanted = 2 ** (Number(sum) / 2 ** 59);
        const error = Math.abs(Number(BigInt.asIntN(64, result![i]!)) / 2 ** 53 - wanted);
        assert.ok(error < 2 ** -21 + wanted * 2 ** -24, `2^${Number(sum) / 2 ** 59}: off by ${error}`);
      });
    }),
  );
});

test("waves and wavesAdd: wasm equals the twin", () => {
  fc.assert(
    fc.property(length, seed, word, step, fc.nat(9), fc.nat(40), (n, s, factor, by, count, bits) => {
      const rows = { words: 2 * count * n };
      compareTwins(s, [rows, { words: n }], (k, dst, x) => k.waves(dst!, x!, n, factor, by, count, bits));
      const words = { words: n };
      compareTwins(s, [words, words, rows, { words: 2 * count }], (k, dst, x, g, coefficients) => {
        const list = new Float64Array(k.memory.buffer, coefficients!, 2 * count);
        list.forEach((_, i) => {
          list[i] = Math.round(2 ** 30 / (i - 3.5));
        });
        k.wavesAdd(dst!, x!, g!, n, factor, by, count, coefficients!);
      });
    }),
  );
});

test("the twin: what the words mean", () => {
  const k = createJsKernels();
  const [dst, x, g, coefficients] = [1024, 64, 8192, 16384];
  const n = 100;
  const input = new BigUint64Array(k.memory.buffer, x, n);
  input.forEach((_, i) => {
    input[i] = BigInt.asUintN(64, BigInt(i - 50) * 0x0123456789abcdefn);
  });
  const signed = new BigInt64Array(k.memory.buffer, dst, 6 * n);
  k.octaves(dst, x, n, 3n, 5n);
  input.forEach((value, i) => {
    const y = Number(BigInt.asUintN(64, value * 3n + 5n)) / 2 ** 59;
    const got = (Number(signed[i]) * Number(signed[n + i])) / 2 ** 30;
    assert.ok(Math.abs(got / 2 ** y - 1) < 2 ** -30, `2^${y}`);
  });
  k.waves(dst, x, n, 7n, 2, 3, 40);
  const angle = (value: bigint) => (Number(BigInt.asIntN(64, value * 7n)) / 2 ** 64) * 2 * Math.PI;
  for (let row = 0; row < 3; row++)
    input.forEach((value, i) => {
      const turned = angle(value) * (1 + 2 * row);
      assert.ok(Math.abs(Number(signed[2 * row * n + i]) / 2 ** 40 - Math.cos(turned)) < 2 ** -39);
      assert.ok(Math.abs(Number(signed[(2 * row + 1) * n + i]) / 2 ** 40 - Math.sin(turned)) < 2 ** -39);
    });
  // cos(s + c) and sin(s + c) from both sides, s = x and c = 2 x.
  new Float64Array(k.memory.buffer, coefficients, 4).set([2 ** 20, 0, 0, 2 ** 21]);
  k.waves(g, x, n, 7n, 1, 2, 30);
  new BigInt64Array(k.memory.buffer, dst, n).fill(0n);
  k.wavesAdd(dst, x, g, n, 14n, 1, 2, coefficients);
  input.forEach((value, i) => {
    const turned = 3 * angle(value);
    const wanted = Math.cos(turned) + 2 * Math.sin(2 * turned);
    assert.ok(Math.abs(Number(signed[i]) / 2 ** 50 - wanted) < 2 ** -18, `${value}`);
  });
});
