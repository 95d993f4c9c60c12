/** Layout kernels: wasm against the twin, and gather/scatter, im2col/col2im as transposes of each other. */
import assert from "node:assert/strict";
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

  test(`gatherRows and sumAxis, ${of}`, () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 20 }), fc.nat(20), seed, (index, rowWords, s) => {
        const operands = [
          { words: index.length * rowWords },
          { words: 10 * rowWords },
          { words: Math.ceil(index.length / 2), i32: index },
        ];
        compareTwins(s, operands, (k, d, a, i) => k.gatherRows(d!, a!, i!, index.length, rowWords));
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
}

const window = fc.record({
  channels: fc.nat(3),
  height: fc.integer({ min: 1, max: 9 }),
  width: fc.integer({ min: 1, max: 9 }),
  kh: fc.integer({ min: 1, max: 4 }),
  kw: fc.integer({ min: 1, max: 4 }),
  strideH: fc.integer({ min: 1, max: 3 }),
  strideW: fc.integer({ min: 1, max: 3 }),
  padH: fc.nat(3),
  padW: fc.nat(3),
});

test("im2col and col2im", () => {
  fc.assert(
    fc.property(window, seed, (w, s) => {
      const outH = Math.floor((w.height + 2 * w.padH - w.kh) / w.strideH) + 1;
      const outW = Math.floor((w.width + 2 * w.padW - w.kw) / w.strideW) + 1;
      fc.pre(outH > 0 && outW > 0);
      const args = [w.channels, w.height, w.width, w.kh, w.kw, w.strideH, w.strideW, w.padH, w.padW] as const;
      const [image, columns] = [w.channels * w.height * w.width, w.channels * w.kh * w.kw * outH * outW];
      sizes[0]!.compareTwins(s, [{ words: columns }, { words: image }], (k, d, a) => k.im2col(d!, a!, ...args));
      sizes[0]!.compareTwins(s, [{ words: image }, { words: columns }], (k, d, a) => k.col2im(d!, a!, ...args));
    }),
    { numRuns: 300 },
  );
});

test("im2col: a 3x3 image with a 2x2 window, by hand", () => {
  const [columns] = sizes[0]!.compareTwins(3, [{ words: 16 }, { words: 9 }], (k, d, a) => {
    new BigUint64Array(k.memory.buffer, a!, 9).set([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
    k.im2col(d!, a!, 1, 3, 3, 2, 2, 1, 1, 0, 0);
  });
  assert.deepEqual([...columns!].map(Number), [1, 2, 4, 5, 2, 3, 5, 6, 4, 5, 7, 8, 5, 6, 8, 9]);
});
