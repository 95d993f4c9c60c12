/** sort, topk, median and quantile: values, positions, ties, gradients and costs; by ranks and by the network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BoundError } from "../../src/errors.js";
import { constant, mul, sum } from "../../src/ops/build.js";
import { mostRivals } from "../../src/ops/rivals.js";
import { byRanks, median, quantile, sort, topk } from "../../src/ops/sorting.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { definitions, evaluate, numbers, type Tensor } from "../functions/evaluate.js";

/** Few different values, so that many are equal. */
const tied = (dims: readonly number[], seed = 1): Tensor => ({
  dims,
  data: numbers(
    dims.reduce((n, d) => n * d, 1),
    6,
    seed,
  ).map((value) => Math.round(value * 2) / 2 + 0),
});
/** Positions of a column in sorted order, stable. */
function order(list: readonly number[], descending: boolean): number[] {
  return list.map((_, i) => i).sort((i, j) => (descending ? list[j]! - list[i]! : list[i]! - list[j]!) || i - j);
}
const columnsOf = ({ dims, data }: Tensor) =>
  Array.from({ length: dims[1]! }, (_, j) => Array.from({ length: dims[0]! }, (_, i) => data[i * dims[1]! + j]!));
const rowsOf = (columns: readonly (readonly number[])[]) =>
  columns[0]!.flatMap((_, i) => columns.map((list) => list[i]!));

for (const definition of definitions)
  test(`sorted along an axis, by ranks: ${definition.name}`, async () => {
    const x = tied([5, 3]);
    for (const descending of [false, true]) {
      const { values } = await evaluate(definition, [x], (b, ref) => {
        const turned = b.node("transpose", [ref], { axes: [1, 0] });
        const [down, across] = [sort(b, ref, 0, descending), sort(b, turned, -1, descending)];
        return { down: down.values, at: down.indices(), across: across.values };
      });
      const orders = columnsOf(x).map((list) => order(list, descending));
      const sorted = columnsOf(x).map((list, j) => orders[j]!.map((i) => list[i]!));
      assert.deepEqual(values.down, rowsOf(sorted));
      assert.deepEqual(values.at, rowsOf(orders));
      assert.deepEqual(values.across, sorted.flat());
    }
  });

for (const definition of definitions)
  test(`the network, with a gradient: ${definition.name}`, async () => {
    // Too long for ranks; too many columns for them.
    const shapes =
      definition === plain
        ? [
            [mostRivals + 1, 1],
            [7, 20_000],
          ]
        : [[mostRivals + 1, 1]];
    for (const dims of shapes) {
      assert.ok(!byRanks(dims[0]!, dims[1]!, dims[0]!));
      const x = tied(dims, 4);
      const weights = numbers(dims[0]!, 1, 9).map((value) => Math.round(value * 8) / 8 + 0);
      for (const descending of definition === plain ? [false, true] : [true]) {
        const { values } = await evaluate(definition, [x], (b, ref) => {
          const { values, indices } = sort(b, ref, 0, descending);
          const weighted = sum(b, mul(b, values, constant(b, weights, [dims[0]!, 1], 3)));
          return { sorted: values, at: indices(), gradient: differentiate(b, weighted, [ref])[0]! };
        });
        const columns = columnsOf(x);
        const orders = columns.map((list) => order(list, descending));
        assert.deepEqual(values.sorted, rowsOf(columns.map((list, j) => orders[j]!.map((i) => list[i]!))));
        assert.deepEqual(values.at, rowsOf(orders));
        const ranks = orders.map((list) => {
          const inverse: number[] = [];
          for (const [rank, i] of list.entries()) inverse[i] = rank;
          return inverse;
        });
        assert.deepEqual(values.gradient, rowsOf(ranks.map((list) => list.map((rank) => weights[rank]!))));
      }
    }
  });

test("every length by either way", async () => {
  for (const n of [1, 2, 3, 4, 5, 8, 9, 16, 17, 33])
    for (const width of [2, 30_000 / n ** 0.5]) {
      const m = Math.round(width);
      const x = tied([n, m], n);
      const { values } = await evaluate(plain, [x], (b, ref) => ({ y: sort(b, ref, 0).values }));
      assert.deepEqual(
        values.y,
        rowsOf(columnsOf(x).map((list) => order(list, false).map((i) => list[i]!))),
        `${n} x ${m}`,
      );
    }
});

test("topk, median and quantile, and their gradients", async () => {
  const x = tied([9, 4], 2);
  const even = tied([6, 4], 3);
  const { values, shapes } = await evaluate(rep3, [x, even], (b, ref, other) => {
    const [large, small] = [topk(b, ref, 3, 0), topk(b, ref, 2, 0, false)];
    const [middle, lower] = [median(b, ref, 0, true), median(b, other, 0)];
    const parted = quantile(b, ref, 0.3, 0);
    return {
      ...{ large: large.values, largeAt: large.indices(), small: small.values },
      ...{ middle: middle.values, lower: lower.values, lowerAt: lower.indices() },
      ...{ parted, whole: quantile(b, ref, 1, 0, true), gradient: differentiate(b, sum(b, parted), [ref])[0]! },
    };
  });
  const columns = columnsOf(x);
  const sorted = columns.map((list) => [...list].sort((p, q) => p - q));
  const evens = columnsOf(even);
  assert.deepEqual(
    values.large,
    rowsOf(
      columns.map((list) =>
        order(list, true)
          .slice(0, 3)
          .map((i) => list[i]!),
      ),
    ),
  );
  assert.deepEqual(values.largeAt, rowsOf(columns.map((list) => order(list, true).slice(0, 3))));
  assert.deepEqual(values.small, rowsOf(sorted.map((list) => list.slice(0, 2))));
  assert.deepEqual(
    values.middle,
    sorted.map((list) => list[4]!),
  );
  assert.deepEqual(
    values.lower,
    evens.map((list) => list[order(list, false)[2]!]!),
  );
  assert.deepEqual(
    values.lowerAt,
    evens.map((list) => order(list, false)[2]!),
  );
  for (const [j, list] of sorted.entries())
    assert.ok(Math.abs(values.parted![j]! - (list[2]! + 0.4 * (list[3]! - list[2]!))) < 1e-4);
  assert.deepEqual(
    values.whole,
    sorted.map((list) => list[8]!),
  );
  assert.deepEqual([shapes.large, shapes.middle, shapes.lower, shapes.whole], [[3, 4], [1, 4], [4], [1, 4]]);
  const slopes = rowsOf(
    columns.map((list) => list.map((_, i) => ({ 2: 0.6, 3: 0.4 })[order(list, false).indexOf(i)] ?? 0)),
  );
  for (const [i, slope] of slopes.entries()) assert.ok(Math.abs(values.gradient![i]! - slope) < 1e-4);
});

test("ranks cost as many rounds whatever the length; values too large for the network are refused", async () => {
  for (const [n, most] of [
    [10, 12],
    [100, 13],
    [200, 14],
  ] as const) {
    const { rounds } = await evaluate(rep3, [{ dims: [n], data: numbers(n, 30) }], (b, x) => ({
      y: sort(b, x).values,
    }));
    assert.ok(rounds <= most, `${n}: ${rounds}`);
  }
  const { rounds } = await evaluate(rep3, [{ dims: [300], data: numbers(300, 30) }], (b, x) => ({
    y: sort(b, x).values,
  }));
  assert.ok(rounds <= 45 * 9 + 10, `${rounds}`);
  const b = new Recorder({ fraction: 20 });
  const wide = b.node("input", [], { slot: "x", shape: [300], scale: 0, bound: 60 });
  assert.throws(() => sort(b, wide), BoundError);
});
