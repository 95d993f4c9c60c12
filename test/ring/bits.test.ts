/** Bit planes and packing: wasm against the twin, inverses, and the zero bits beyond the last element. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareTwins } from "./twins.js";

const length = fc.oneof(fc.constantFrom(0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193), fc.nat(300));
const width = fc.integer({ min: 1, max: 64 });
const seed = fc.nat();

/** Words that fit into `bits` bits stay, others lose their upper bits. */
const low = (words: BigUint64Array, bits: number) => [...words].map((word) => BigInt.asUintN(bits, word));

test("slice and unslice", () => {
  fc.assert(
    fc.property(length, width, seed, (n, w, s) => {
      const perPlane = Math.ceil(n / 64);
      const operands = [{ words: n }, { words: perPlane * w }, { words: n }];
      const [source, planes, back] = compareTwins(s, operands, (k, a, p, b) => {
        k.slice(p!, a!, n, w);
        k.unslice(b!, p!, n, w);
      });
      assert.deepEqual([...back!], low(source!, w));
      for (let p = 1; p <= w && n % 64 > 0; p++) assert.equal(planes![p * perPlane - 1]! >> BigInt(n % 64), 0n);
    }),
    { numRuns: 200 },
  );
});

test("pack and unpack", () => {
  fc.assert(
    fc.property(length, width, seed, (n, w, s) => {
      const operands = [{ words: n }, { words: Math.ceil((n * w) / 64) }, { words: n }];
      const [source, , back] = compareTwins(s, operands, (k, a, p, b) => {
        k.pack(p!, a!, n, w);
        k.unpack(b!, p!, n, w);
      });
      assert.deepEqual([...back!], low(source!, w));
    }),
    { numRuns: 300 },
  );
});

test("every width of planes and of packing, at lengths around a block", () => {
  for (let w = 1; w <= 64; w++) {
    for (const n of [1, 64, 65, 130]) {
      compareTwins(
        w,
        [{ words: n }, { words: Math.ceil(n / 64) * w }, { words: Math.ceil((n * w) / 64) }],
        (k, a, p, q) => {
          k.slice(p!, a!, n, w);
          k.unslice(a!, p!, n, w);
          k.pack(q!, a!, n, w);
          k.unpack(a!, q!, n, w);
        },
      );
    }
  }
});
