/** Element-wise kernels: the wasm build against the twin, and the twin against hand-picked results. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createJsKernels, type Kernels } from "../../src/ring/index.js";
import { sizes } from "./twins.js";

const length = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 63, 64, 65), fc.nat(200));
const seed = fc.nat();
const word = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });

const binary = ["add", "sub", "mul", "mulAdd", "xor", "and", "andXor", "or"] as const;
const unary = ["neg", "not", "copy"] as const;
const scalar = ["addScalar", "mulScalar", "mulScalarAdd", "andScalar"] as const;
const shifts = ["shl", "shr", "sar"] as const;

for (const name of binary)
  for (const { of, compareTwins } of sizes)
    test(`${name}: wasm equals the twin, also in place, ${of}`, () => {
      fc.assert(
        fc.property(length, seed, fc.nat(2), (n, s, alias) => {
          const call = (k: Kernels, d: number, a: number, b: number) =>
            k[name](alias === 1 ? a : alias === 2 ? b : d, a, b, n);
          compareTwins(s, [{ words: n }, { words: n }, { words: n }], call as (k: Kernels, ...p: number[]) => void);
        }),
      );
    });

for (const name of [...unary, ...scalar, ...shifts])
  for (const { wordBits, of, compareTwins } of sizes)
    test(`${name}: wasm equals the twin, also in place, ${of}`, () => {
      fc.assert(
        fc.property(length, seed, fc.boolean(), word, fc.nat(wordBits - 1), (n, s, alias, c, bits) => {
          compareTwins(s, [{ words: n }, { words: n }], (k, d, a) => {
            const dst = alias ? a! : d!;
            if (name === "neg" || name === "not" || name === "copy") k[name](dst, a!, n);
            else if (name === "shl" || name === "shr" || name === "sar") k[name](dst, a!, bits, n);
            else k[name](dst, a!, c, n);
          });
        }),
      );
    });

for (const { wordBytes, of, compareTwins } of sizes)
  test(`fill, reduce and andLocal: wasm equals the twin, ${of}`, () => {
    fc.assert(
      fc.property(length, seed, fc.oneof(word, fc.constant(0n)), (n, s, c) => {
        compareTwins(s, [{ words: n }], (k, d) => k.fill(d!, c, n));
        compareTwins(s, [{ words: n }, { words: n }], (k, d, a) => k.reduce(d!, a!, n));
        compareTwins(s, [{ words: n }], (k, d) => k.reduce(d!, d!, n));
        const six = Array.from({ length: 6 }, () => ({ words: n }));
        const count = (n * 8) / wordBytes;
        for (const dst of [0, 5])
          compareTwins(s, six, (k, ...p) => k.andLocal(p[dst]!, p[1]!, p[2]!, p[3]!, p[4]!, p[5]!, count));
      }),
    );
  });

test("the twin: results known by hand", () => {
  const k = createJsKernels();
  const [d, a, b] = [1024, 2048, 4096];
  const set = (ptr: number, values: bigint[]) => new BigUint64Array(k.memory.buffer, ptr, values.length).set(values);
  const got = (n: number) => [...new BigUint64Array(k.memory.buffer, d, n)];
  set(a, [2n ** 64n - 1n, 5n, 2n ** 63n]);
  set(b, [2n, 7n, 1n]);
  k.add(d, a, b, 3);
  assert.deepEqual(got(3), [1n, 12n, 2n ** 63n + 1n]);
  k.sub(d, a, b, 3);
  assert.deepEqual(got(3), [2n ** 64n - 3n, 2n ** 64n - 2n, 2n ** 63n - 1n]);
  k.mul(d, a, b, 3);
  assert.deepEqual(got(3), [2n ** 64n - 2n, 35n, 2n ** 63n]);
  k.sar(d, a, 62, 3);
  assert.deepEqual(got(3), [2n ** 64n - 1n, 0n, 2n ** 64n - 2n]);
  k.shr(d, a, 62, 3);
  assert.deepEqual(got(3), [3n, 0n, 2n]);
  k.mulScalar(d, a, -1n, 3);
  assert.deepEqual(got(3), [1n, 2n ** 64n - 5n, 2n ** 63n]);
});

test("the twin of 32 bits: results known by hand", () => {
  const k = createJsKernels().narrow;
  const [d, a, b] = [1024, 2048, 4096];
  const set = (ptr: number, values: number[]) => new Uint32Array(k.memory.buffer, ptr, values.length).set(values);
  const got = (n: number) => [...new Uint32Array(k.memory.buffer, d, n)];
  set(a, [2 ** 32 - 1, 5, 2 ** 31]);
  set(b, [2, 7, 1]);
  k.add(d, a, b, 3);
  assert.deepEqual(got(3), [1, 12, 2 ** 31 + 1]);
  k.mul(d, a, b, 3);
  assert.deepEqual(got(3), [2 ** 32 - 2, 35, 2 ** 31]);
  k.sar(d, a, 30, 3);
  assert.deepEqual(got(3), [2 ** 32 - 1, 0, 2 ** 32 - 2]);
  k.mulScalar(d, a, -1n, 3);
  assert.deepEqual(got(3), [1, 2 ** 32 - 5, 2 ** 31]);
  k.reduce(d, a, 1);
  assert.deepEqual(got(1), [2 ** 32 - 1]);
});
