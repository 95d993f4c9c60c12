/** Sums over sliding windows: wasm against the twin, which is the definition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareTwins, sizes } from "./twins.js";

const fields = ["kernel", "out", "size", "stride", "padding"] as const;
const axis = fc.record({
  kernel: fc.integer({ min: 1, max: 4 }),
  out: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(33, 66)),
  size: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(35, 70)),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.integer({ min: -4, max: 6 }),
});

for (const { of, compareTwins } of sizes)
  test(`sumWindows and spreadWindows, ${of}`, () => {
    fc.assert(
      fc.property(fc.nat(3), axis, axis, fc.nat(), (planes, h, w, seed) => {
        const [image, output] = [{ words: planes * h.size * w.size }, { words: planes * h.out * w.out }];
        const window = { words: fields.length, i32: fields.flatMap((name) => [h[name], w[name]]) };
        compareTwins(seed, [output, image, window], (k, d, a, at) => k.sumWindows(d!, a!, at!, planes));
        compareTwins(seed, [image, output, window], (k, d, a, at) => k.spreadWindows(d!, a!, at!, planes));
      }),
      { numRuns: 300 },
    );
  });

test("sumWindows: 2x2 windows of a 3x4 image at stride 2, by hand", () => {
  const window = { words: 5, i32: [2, 2, 1, 2, 3, 4, 2, 2, 0, 0] };
  const [sums] = compareTwins(1, [{ words: 2 }, { words: 12 }, window], (k, d, a, at) => {
    new BigUint64Array(k.memory.buffer, a!, 12).set([1n, 2n, 3n, 4n, 10n, 20n, 30n, 40n, 5n, 5n, 5n, 5n]);
    k.sumWindows(d!, a!, at!, 1);
  });
  assert.deepEqual([...sums!].map(Number), [33, 77]);
});
