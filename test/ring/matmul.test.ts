/** The matrix products: wasm against the twin over shapes that reach every method, block and overhang. */
import { test } from "node:test";
import fc from "fast-check";
import type { WordBytes } from "../../src/ring/index.js";
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

/** A table of n offsets in bytes into an array of `words` words, of which `reach` words more may be added: near ones side by side. */
const table = (n: number, words: number, order: Order, seed: number, wordBytes: WordBytes): number[] =>
  Array.from({ length: n }, (_, i) => {
    const place = order === "near" ? i : order === "apart" ? 3 * i : i * 7919 + seed;
    return (place % words) * wordBytes;
  });
type Order = "near" | "far" | "apart";
const order = fc.constantFrom<Order>("near", "far", "apart");

for (const { wordBytes, of, compareTwins } of sizes)
  test(`matmulIndexed: views in which elements stand more than once, also of C, ${of}`, () => {
    const dim = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 17), fc.nat(40));
    const large = fc.constantFrom([66, 30, 17], [5, 515, 13], [5, 9, 520], [66, 258, 6]);
    const shapes = fc.oneof(fc.tuple(dim, dim, dim), fc.tuple(dim, dim, dim), fc.tuple(dim, dim, dim), large);
    fc.assert(
      fc.property(shapes, fc.array(order, { minLength: 6, maxLength: 6 }), fc.nat(), ([m, k, n], orders, seed) => {
        // Row and column offsets each reach over half of an array of 128 words.
        const lengths = [m!, n!, m!, k!, k!, n!];
        const tables = lengths.map((length, i) => table(length, 64, orders[i]!, seed % 64, wordBytes));
        const factors = [{ words: 128 }, { words: 128 }];
        const lay = (lists: number[][]) => lists.map((i32) => ({ words: Math.ceil(i32.length / 2), i32 }));
        compareTwins(seed, [{ words: 128 }, ...factors, ...lay(tables)], (kernels, c, a, b, rc, cc, ra, ca, rb, cb) =>
          kernels.matmulIndexed(c!, rc!, cc!, a!, ra!, ca!, b!, rb!, cb!, m!, k!, n!, 1),
        );
        // Each element of C in one place: as it is, or its columns turned over.
        const columns = Array.from({ length: n! }, (_, j) => (orders[1] === "near" ? j : n! - 1 - j) * wordBytes);
        const distinct = [Array.from({ length: m! }, (_, i) => i * n! * wordBytes), columns, ...tables.slice(2)];
        compareTwins(
          seed,
          [{ words: m! * n! }, ...factors, ...lay(distinct)],
          (kernels, c, a, b, rc, cc, ra, ca, rb, cb) =>
            kernels.matmulIndexed(c!, rc!, cc!, a!, ra!, ca!, b!, rb!, cb!, m!, k!, n!, 0),
        );
      }),
      { numRuns: 100 },
    );
  });
