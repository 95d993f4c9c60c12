/** A drawing is prepared as MNIST's images were: its own images, drawn large and anywhere, come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mnist } from "../../cli/demo/mnist.js";
import { centred, normalised, SIDE } from "../../web/src/digit.js";

const pixelsOf = (values: Float64Array) => Float32Array.from(values, (value) => value * 0.3081 + 0.1307);

/** `image` as squares of `scale` pixels, at a place on a sheet of `side`. */
function drawn(image: Float32Array, scale: number, at: readonly [number, number], side: number) {
  const ink = new Float32Array(side * side);
  for (let y = 0; y < SIDE * scale; y++)
    for (let x = 0; x < SIDE * scale; x++) {
      const [column, row] = [x + at[0], y + at[1]];
      if (column >= 0 && row >= 0 && column < side && row < side)
        ink[row * side + column] = image[Math.floor(y / scale) * SIDE + Math.floor(x / scale)]!;
    }
  return { ink, width: side, height: side };
}

test("MNIST's own images come back from drawings of any size and place", async () => {
  const source = await mnist("test images", 100);
  const rows = new Float64Array(100 * SIDE * SIDE);
  await source.read(0, 100, rows);
  for (const [scale, at, side] of [
    [10, [0, 0], 280],
    [5, [37, 90], 280],
    [1, [0, 0], 28],
  ] as const) {
    let same = 0;
    for (let i = 0; i < 100; i++) {
      const image = pixelsOf(rows.subarray(i * 784, (i + 1) * 784));
      const back = centred(drawn(image, scale, at, side))!;
      const difference = Math.max(...back.map((value, k) => Math.abs(value - image[k]!)));
      if (difference < 1e-3) same++;
    }
    // A centre of mass between two pixels may fall to either.
    assert.ok(same >= 98, `${same} of 100 at scale ${scale}`);
  }
});

test("the longer side of a drawing becomes 20 pixels, about the centre of mass", () => {
  const side = 280;
  const ink = new Float32Array(side * side);
  // A bar of 10 x 100 near a corner.
  for (let y = 20; y < 120; y++) for (let x = 5; x < 15; x++) ink[y * side + x] = 1;
  const pixels = centred({ ink, width: side, height: side })!;
  const inked = [...pixels.entries()].filter(([, value]) => value > 0).map(([i]) => [i % SIDE, Math.floor(i / SIDE)]);
  assert.deepEqual([Math.min(...inked.map(([x]) => x!)), Math.max(...inked.map(([x]) => x!))], [13, 14]);
  assert.deepEqual([Math.min(...inked.map(([, y]) => y!)), Math.max(...inked.map(([, y]) => y!))], [4, 23]);
});

test("a dot, and nothing", () => {
  const side = 100;
  const ink = new Float32Array(side * side);
  assert.equal(centred({ ink, width: side, height: side }), undefined);
  ink[side * 99 + 99] = 1;
  const pixels = centred({ ink, width: side, height: side })!;
  assert.ok(pixels.every((value) => value >= 0 && value <= 1));
  assert.ok(pixels.some((value) => value > 0.9));
});

test("normalised as the training images are", () => {
  const [paper, inked] = normalised(Float32Array.of(0, 1));
  assert.ok(Math.abs(paper! + 0.4242) < 1e-3);
  assert.ok(Math.abs(inked! - 2.8215) < 1e-3);
});
