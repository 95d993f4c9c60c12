/** Transforms: what an owner's numbers become before they are shared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readCsv } from "../../src/data/readers-csv.js";
import {
  columns,
  normalize,
  oneHot,
  type RowSource,
  reshape,
  rowSize,
  rows,
  rowsOf,
  scale,
  transform,
} from "../../src/data/transforms.js";
import { InputError } from "../../src/errors.js";

async function read(source: RowSource, from = 0, count = source.rows): Promise<number[]> {
  const target = new Float64Array(count * rowSize(source.rowShape));
  await source.read(from, count, target);
  return [...target];
}
const table = rowsOf(readCsv("1,2,3\n4,5,6\n7,8,9"));

test("rows at any position, scaled, normalized, reshaped, cut", async () => {
  assert.deepEqual([table.rows, table.rowShape], [3, [3]]);
  assert.deepEqual(await read(table, 1, 2), [4, 5, 6, 7, 8, 9]);
  assert.deepEqual(await read(transform(table, scale(0.5)), 2, 1), [3.5, 4, 4.5]);
  assert.deepEqual(await read(transform(table, normalize(1, 2)), 0, 1), [0, 0.5, 1]);
  assert.deepEqual(await read(transform(table, normalize([1, 2, 3], [1, 2, 4])), 1, 1), [3, 1.5, 0.75]);
  assert.deepEqual(await read(transform(table, rows(1, 3), columns([2, 0]))), [6, 4, 9, 7]);
  const label = transform(table, columns(1));
  assert.deepEqual([label.rowShape, await read(label)], [[], [2, 5, 8]]);
  const image = transform(
    rowsOf({ shape: [2, 2, 2], values: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }),
    reshape(4),
    scale(2),
  );
  assert.deepEqual([image.rowShape, await read(image)], [[4], [2, 4, 6, 8, 10, 12, 14, 16]]);
});

test("one-hot rows; a wrong class is named by its row, not by its value", async () => {
  const labels = transform(rowsOf({ shape: [3], values: Uint8Array.of(2, 0, 77) }), oneHot(3));
  assert.deepEqual([labels.rowShape, await read(labels, 0, 2)], [[3], [0, 0, 1, 1, 0, 0]]);
  await assert.rejects(
    read(labels),
    (error: Error) => error instanceof InputError && /row 2/.test(error.message) && !/77/.test(error.message),
  );
});

test("what does not fit is refused", () => {
  for (const wrong of [
    () => rowsOf({ shape: [], values: Uint8Array.of(1) }),
    () => scale(Number.NaN),
    () => oneHot(0),
    () => transform(table, oneHot(3)),
    () => transform(table, normalize([1, 2], 1)),
    () => transform(table, normalize(0, 0)),
    () => transform(table, normalize(0, -1)),
    () => transform(table, reshape(2, 2)),
    () => transform(table, reshape(1.5, 2)),
    () => transform(table, columns([3])),
    () => transform(table, rows(2, 4)),
    () => transform(table, rows(2, 2)),
  ])
    assert.throws(wrong, InputError);
});

test("what a source leaves out is never taken for a zero", async () => {
  const short: RowSource = { rows: 3, rowShape: [], read: (_, __, target) => target.set([1]) };
  await assert.rejects(read(transform(short, oneHot(2))), /class from 0 to 1, got something else in row 1/);
  const table: RowSource = { rows: 2, rowShape: [2], read: (_, __, target) => target.set([1, 2]) };
  assert.deepEqual(await read(transform(table, columns(0))), [1, Number.NaN]);
});
