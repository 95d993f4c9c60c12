/** Shapes: sizes, strides, broadcasting by NumPy's rules, axes, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ShapeError } from "../../src/errors.js";
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  normalizeAxis,
  sameShape,
  size,
  strides,
} from "../../src/ring/index.js";

test("size, strides, sameShape", () => {
  assert.equal(size([]), 1);
  assert.equal(size([2, 0, 3]), 0);
  assert.equal(size([2, 3, 4]), 24);
  assert.deepEqual(strides([2, 3, 4]), [12, 4, 1]);
  assert.deepEqual(strides([]), []);
  assert.ok(sameShape([1, 2], [1, 2]));
  assert.ok(!sameShape([1, 2], [1, 2, 1]));
  assert.ok(!sameShape([1, 2], [1, 3]));
});

test("broadcastShapes and broadcastStrides", () => {
  assert.deepEqual(broadcastShapes([2, 3], [3]), [2, 3]);
  assert.deepEqual(broadcastShapes([2, 1, 4], [5, 1], []), [2, 5, 4]);
  assert.deepEqual(broadcastShapes([0], [1]), [0]);
  assert.deepEqual(broadcastShapes([1], [0]), [0]);
  assert.deepEqual(broadcastShapes(), []);
  assert.throws(
    () => broadcastShapes([2, 3], [4]),
    (error: Error) => {
      assert.ok(error instanceof ShapeError);
      assert.match(error.message, /^broadcast: expected .*, got \[2, 3\] and \[4\]; try /);
      return true;
    },
  );
  assert.throws(() => broadcastShapes([0], [2]), ShapeError);
  assert.deepEqual(broadcastStrides([3], [2, 3]), [0, 1]);
  assert.deepEqual(broadcastStrides([2, 1], [4, 2, 3]), [0, 1, 0]);
  assert.deepEqual(broadcastStrides([], [2]), [0]);
  assert.throws(() => broadcastStrides([2, 3], [3]), ShapeError);
  assert.throws(() => broadcastStrides([2], [1]), ShapeError);
});

test("normalizeAxis", () => {
  assert.equal(normalizeAxis(-1, 3), 2);
  assert.equal(normalizeAxis(0, 3), 0);
  for (const [axis, rank] of [
    [3, 3],
    [-4, 3],
    [0, 0],
    [0.5, 2],
    [Number.NaN, 2],
  ] as const)
    assert.throws(() => normalizeAxis(axis, rank), ShapeError);
});

test("checkShape", () => {
  checkShape([]);
  checkShape([2 ** 31 - 1]);
  checkShape([0, 5]);
  for (const bad of [[-1], [1.5], [Number.NaN], [2 ** 31], [65536, 65536], [0, 2 ** 40], new Array(17).fill(1)])
    assert.throws(() => checkShape(bad, "input"), /^ShapeError: input: expected .*, got .*; try /);
});
