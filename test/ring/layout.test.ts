/** Layout kernels: wasm against the twin, and gather/scatter as transposes of each other. Windows: windows.test.ts. */
import { test } from "node:test";
import fc from "fast-check";
import { sizes } from "./twins.js";

const seed = fc.nat();

for (const { of, compareTwins } of sizes) {
  test(`transpose, ${of}`, () => {
    const dim = fc.oneof(fc.constantFrom(0, 1, 2, 7, 8, 9, 16, 17), fc.nat(40));
    fc.assert(
      fc.property(dim, dim, seed, (rows, cols, s) => {
        const words = rows * cols;
        compareTwins(s, [{ words }, { words }], (k, d, a) => k.transpose(d!, a!, rows, cols));
      }),
    );
  });

  test(`gatherRows, sumAxis and prefixSums, ${of}`, () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 20 }), fc.nat(20), seed, (index, rowWords, s) => {
        const operands = [
          { words: index.length * rowWords },
          { words: 10 * rowWords },
          { words: Math.ceil(index.length / 2), i32: index },
        ];
        compareTwins(s, operands, (k, d, a, i) => k.gatherRows(d!, a!, i!, index.length, rowWords));
        compareTwins(s, operands, (k, a, d, i) => k.scatterAddRows(d!, a!, i!, index.length, rowWords));
      }),
    );
    fc.assert(
      fc.property(
        fc.nat(5),
        fc.nat(9),
        fc.oneof(fc.nat(9), fc.constantFrom(1, 1025)),
        seed,
        (outer, axis, inner, s) => {
          const operands = [{ words: outer * inner }, { words: outer * axis * inner }];
          compareTwins(s, operands, (k, d, a) => k.sumAxis(d!, a!, outer, axis, inner));
          const same = [{ words: outer * axis * inner }, { words: outer * axis * inner }];
          for (const reverse of [0, 1])
            compareTwins(s, same, (k, d, a) => k.prefixSums(d!, a!, outer, axis, inner, reverse));
        },
      ),
    );
  });
}

/** A strided walk over a contiguous source array: permuted, sliced with steps, reversed and broadcast axes. */
const view = fc
  .array(
    fc.record({
      dim: fc.oneof(fc.constantFrom(0, 1, 2, 3), fc.nat(9)),
      kind: fc.constantFrom("plain", "plain", "plain", "broadcast", "reverse", "step"),
      order: fc.nat(),
    }),
    { maxLength: 4 },
  )
  .map((axes) => {
    const byOrder = axes.map((_, i) => i).sort((x, y) => axes[x]!.order - axes[y]!.order);
    const strides = new Array<number>(axes.length).fill(0);
    let [words, start] = [1, 0];
    for (const i of byOrder) {
      const { dim, kind } = axes[i]!;
      if (kind === "broadcast") continue;
      const step = kind === "step" ? 2 : 1;
      strides[i] = words * step * (kind === "reverse" ? -1 : 1);
      if (kind === "reverse") start += words * Math.max(0, dim - 1);
      words *= Math.max(1, dim * step);
    }
    return { dims: axes.map((axis) => axis.dim), strides, words, start };
  });

for (const { wordBytes, of, compareTwins } of sizes) {
  test(`gatherStrided and scatterAddStrided: any order, steps, reversal, broadcast, ${of}`, () => {
    fc.assert(
      fc.property(view, seed, ({ dims, strides, words, start }, s) => {
        const count = dims.reduce((product, dim) => product * dim, 1);
        const rank = dims.length;
        const shape = [
          { words: rank, i32: dims },
          { words: rank, i32: strides },
        ];
        compareTwins(s, [{ words: count }, { words }, ...shape], (k, d, a, dp, sp) =>
          k.gatherStrided(d!, a! + start * wordBytes, rank, dp!, sp!),
        );
        compareTwins(s, [{ words }, { words: count }, ...shape], (k, d, a, dp, sp) =>
          k.scatterAddStrided(d! + start * wordBytes, a!, rank, dp!, sp!),
        );
      }),
      { numRuns: 400 },
    );
  });

  test(`gatherStrided: 16 axes, and a transposed inner matrix with outer axes, ${of}`, () => {
    const sixteen = new Array<number>(16).fill(2);
    const strides = sixteen.map((_, axis) => 2 ** axis);
    compareTwins(
      1,
      [{ words: 65536 }, { words: 65536 }, { words: 8, i32: sixteen }, { words: 8, i32: strides }],
      (k, d, a, dp, sp) => k.gatherStrided(d!, a!, 16, dp!, sp!),
    );
    compareTwins(
      2,
      [{ words: 1050 }, { words: 1050 }, { words: 3, i32: [5, 14, 15] }, { words: 3, i32: [210, 1, 14] }],
      (k, d, a, dp, sp) => k.gatherStrided(d!, a!, 3, dp!, sp!),
    );
  });

  test(`gatherBits: any order, steps, reversal, broadcast, from any bit, ${of}`, () => {
    const longer = fc.oneof(fc.constantFrom(1, 1, 63, 64, 65, 200), fc.integer({ min: 1, max: 100 }));
    fc.assert(
      fc.property(view, longer, fc.nat(130), seed, ({ dims, strides, words, start }, run, from, s) => {
        // A run of bits in the place of each element, so that long runs are moved, too.
        const [d, t] = [
          [...dims, run],
          [...strides.map((step) => step * run), 1],
        ];
        const count = d.reduce((product, dim) => product * dim, 1);
        const shape = [
          { words: d.length, i32: d },
          { words: d.length, i32: t },
        ];
        const planes = [count, from + words * run].map((bits) => ({ words: Math.ceil(bits / 64) }));
        compareTwins(s, [...planes, ...shape], (k, to, a, dp, sp) =>
          k.gatherBits(to!, a!, from + start * run, d.length, dp!, sp!),
        );
      }),
      { numRuns: 300 },
    );
    compareTwins(1, [{ words: 1 }, { words: 3 }, { words: 1 }], (k, d, a, none) =>
      k.gatherBits(d!, a!, 130, 0, none!, none!),
    );
  });

  test(`copyBits, ${of}`, () => {
    const bit = fc.nat(200);
    fc.assert(
      fc.property(bit, bit, fc.oneof(fc.constantFrom(0, 1, 63, 64, 65, 128), fc.nat(300)), seed, (to, from, n, s) => {
        const planes = [to, from].map((at) => ({ words: Math.ceil((at + n) / 64) }));
        compareTwins(s, planes, (k, d, a) => k.copyBits(d!, to, a!, from, n));
      }),
      { numRuns: 300 },
    );
  });
}
