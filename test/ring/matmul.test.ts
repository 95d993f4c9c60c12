/** The matrix product: wasm against the twin over shapes that reach every method, block and overhang. */
import { test } from "node:test";
import fc from "fast-check";
import { type Compare, sizes } from "./twins.js";

function check(m: number, k: number, n: number, accumulate: number, seed: number, compareTwins: Compare): void {
  const operands = [{ words: m * n }, { words: m * k }, { words: k * n }];
  compareTwins(seed, operands, (kernels, c, a, b) => kernels.matmul(c!, a!, b!, m, k, n, accumulate));
}

for (const { of, compareTwins } of sizes)
  test(`matmul: small shapes of every kind, ${of}`, () => {
    const dim = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17), fc.nat(40));
    fc.assert(
      fc.property(dim, dim, dim, fc.nat(1), fc.nat(), (m, k, n, accumulate, seed) =>
        check(m, k, n, accumulate, seed, compareTwins),
      ),
      { numRuns: 150 },
    );
  });

// Crossing the blocks of K (256), of rows (64) and of columns (512), each with overhang, with every method: the last ones
// are large and even enough for Strassen's, whose blocks are those of the quarters. Words of 32 bits: rows of A by 128, columns by
// 1024, tiles of 16 columns.
for (const [m, k, n] of [
  [1, 513, 12],
  [1, 300, 13],
  [2, 257, 9],
  [5, 300, 6],
  [5, 600, 1],
  [7, 515, 10],
  [66, 12, 33],
  [9, 5, 517],
  [65, 17, 515],
  [67, 259, 26],
  [64, 128, 24],
  [64, 256, 64],
  [70, 516, 74],
  [130, 258, 66],
  [64, 256, 1030],
] as const)
  for (const { of, compareTwins } of sizes)
    test(`matmul: ${m} x ${k} x ${n}, ${of}`, () => {
      check(m, k, n, 0, 1, compareTwins);
      check(m, k, n, 1, 2, compareTwins);
    });
