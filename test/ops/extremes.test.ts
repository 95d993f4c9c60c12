/** max, min, argmax, argmin: values, positions, ties, gradients and costs, with every protocol. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { minimum } from "../../src/functions/index.js";
import { constant, maximum, mul, sum } from "../../src/ops/build.js";
import { max, min } from "../../src/ops/extremes.js";
import { windowsFor } from "../../src/ops/knockout.js";
import { differentiate } from "../../src/plan/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { definitions, evaluate, numbers, type Tensor } from "../functions/evaluate.js";

/** The first position of the largest of each row of `count` numbers that are `step` apart. */
function firstLargest(list: readonly number[]): number {
  return list.indexOf(Math.max(...list));
}
/** Rows along an axis of a tensor with three axes, in the order of the result. */
function along({ dims, data }: Tensor, axis: number): number[][] {
  const [p, q, r] = dims as [number, number, number];
  const at = (i: number, j: number, k: number) => data[(i * q + j) * r + k]!;
  const rows: number[][] = [];
  const rest = [0, 1, 2].filter((other) => other !== axis);
  for (let i = 0; i < dims[rest[0]!]!; i++)
    for (let j = 0; j < dims[rest[1]!]!; j++)
      rows.push(
        Array.from({ length: dims[axis]! }, (_, k) => {
          const index = axis === 0 ? [k, i, j] : axis === 1 ? [i, k, j] : [i, j, k];
          return at(...(index as [number, number, number]));
        }),
      );
  assert.equal(rows.length, (p * q * r) / dims[axis]!);
  return rows;
}
/** Few different values, so that many are equal. */
const tied = (dims: readonly number[], seed = 1): Tensor => ({
  dims,
  data: numbers(
    dims.reduce((n, d) => n * d, 1),
    2.5,
    seed,
  ).map((value) => Math.round(value) + 0),
});

for (const definition of definitions) {
  test(`the largest along each axis, and where the first one is: ${definition.name}`, async () => {
    const x = tied([3, 7, 5]);
    for (const axis of [0, 1, 2]) {
      const rows = along(x, axis);
      const { values, shapes } = await evaluate(definition, [x], (b, ref) => {
        const [up, down] = [max(b, ref, axis), min(b, ref, axis - 3, true)];
        return { max: up.value, argmax: up.position(), min: down.value, argmin: down.position(), hot: up.oneHot() };
      });
      assert.deepEqual(
        values.max,
        rows.map((row) => Math.max(...row)),
      );
      assert.deepEqual(values.argmax, rows.map(firstLargest));
      assert.deepEqual(
        values.min,
        rows.map((row) => Math.min(...row)),
      );
      assert.deepEqual(
        values.argmin,
        rows.map((row) => firstLargest(row.map((value) => -value))),
      );
      assert.deepEqual(
        along({ dims: x.dims, data: values.hot! }, axis),
        rows.map((row) => row.map((_, i) => (i === firstLargest(row) ? 1 : 0))),
      );
      assert.deepEqual(
        shapes.max,
        x.dims.filter((_, i) => i !== axis),
      );
      assert.deepEqual(
        shapes.min,
        x.dims.map((d, i) => (i === axis ? 1 : d)),
      );
      assert.deepEqual(shapes.hot, x.dims);
    }
  });

  test(`the gradient goes to the first of equal ones: ${definition.name}`, async () => {
    const x: Tensor = { dims: [2, 5], data: [1, 3, -2, 3, 0, -1, -4, -1, -1, -2] };
    const weights = [2, -0.5];
    const { values } = await evaluate(definition, [x], (b, ref) => {
      const of = (value: typeof ref) =>
        differentiate(b, sum(b, mul(b, value, constant(b, weights, [2], 1))), [ref])[0]!;
      return { max: of(max(b, ref, 1).value), min: of(min(b, ref, 1).value) };
    });
    assert.deepEqual(values.max, [0, 2, 0, 0, 0, -0.5, 0, 0, 0, 0]);
    assert.deepEqual(values.min, [0, 0, 2, 0, 0, 0, -0.5, 0, 0, 0]);
  });
}

test("of a whole tensor, and of one value", async () => {
  const x = tied([4, 6], 3);
  const list = [...(x.data as Float64Array)];
  for (const definition of [plain, rep3]) {
    const { values, shapes } = await evaluate(definition, [x, { dims: [2, 1], data: [5, -6] }], (b, ref, one) => {
      const [all, kept, single] = [max(b, ref), min(b, ref, undefined, true), max(b, one, 1)];
      return {
        ...{ max: all.value, argmax: all.position(), hot: all.oneHot(), min: kept.value },
        ...{ one: single.value, oneAt: single.position(), oneHot: single.oneHot() },
      };
    });
    assert.deepEqual(values.max, [Math.max(...list)]);
    assert.deepEqual(values.argmax, [firstLargest(list)]);
    assert.deepEqual(
      values.hot,
      list.map((_, i) => (i === firstLargest(list) ? 1 : 0)),
    );
    assert.deepEqual(values.min, [Math.min(...list)]);
    assert.deepEqual([shapes.max, shapes.hot, shapes.min], [[], [4, 6], [1, 1]]);
    assert.deepEqual(
      [values.one, values.oneAt, values.oneHot],
      [
        [5, -6],
        [0, 0],
        [1, 1],
      ],
    );
  }
});

test("every length, with ties, whatever the windows", async () => {
  for (let n = 2; n <= 70; n++) {
    const x = tied([n, 3], n);
    const columns = [0, 1, 2].map((j) => Array.from({ length: n }, (_, i) => x.data[3 * i + j]!));
    const { values } = await evaluate(plain, [x], (b, ref) => {
      const found = max(b, ref, 0);
      return { max: found.value, at: found.position() };
    });
    assert.deepEqual(
      values.max,
      columns.map((list) => Math.max(...list)),
      `n = ${n}`,
    );
    assert.deepEqual(values.at, columns.map(firstLargest), `n = ${n}`);
  }
});

test("exact at the edges of the bound", async () => {
  const edge = 2 ** 15 - 2 ** -16;
  const x: Tensor = { dims: [6], data: [-edge, edge - 2 ** -16, edge, -edge, 0, edge] };
  const { values } = await evaluate(
    rep3,
    [x],
    (b, ref) => ({
      max: max(b, ref).value,
      at: max(b, ref).position(),
      min: min(b, ref).value,
      minAt: min(b, ref).position(),
    }),
    { fraction: 16 },
  );
  assert.deepEqual(values, { max: [edge], at: [2], min: [-edge], minAt: [0] });
});

test("of two tensors", async () => {
  const inputs = [tied([3, 4], 5), tied([4], 6)];
  const { values } = await evaluate(rep3, inputs, (b, x, y) => ({ max: maximum(b, x, y), min: minimum(b, x, y) }));
  const pairs = [...(inputs[0]!.data as Float64Array)].map((value, i) => [value, inputs[1]!.data[i % 4]!] as const);
  assert.deepEqual(
    values.max,
    pairs.map(([p, q]) => Math.max(p, q)),
  );
  assert.deepEqual(
    values.min,
    pairs.map(([p, q]) => Math.min(p, q)),
  );
});

test("windows grow as values become fewer", () => {
  assert.deepEqual(windowsFor(128, 128), [3, 5, 9]);
  assert.deepEqual(windowsFor(10, 128), [10]);
  assert.deepEqual(windowsFor(1, 7), []);
  for (const [n, columns] of [
    [2, 1],
    [100, 100_000],
    [5000, 3],
    [1_000_000, 1],
  ] as const)
    assert.ok(windowsFor(n, columns).reduce((product, w) => product * w, 1) >= n);
});

test("only what is asked for is computed; the gradient compares nothing", async () => {
  const x = tied([128, 10]);
  const cost = async (...names: ("value" | "at" | "hot" | "gradient")[]) => {
    const { rounds, bytes } = await evaluate(rep3, [x], (b, ref) => {
      const { value, position, oneHot } = max(b, ref, 1);
      const all = {
        value: () => value,
        at: position,
        hot: oneHot,
        gradient: () => differentiate(b, sum(b, value), [ref])[0]!,
      };
      return Object.fromEntries(names.map((name) => [name, all[name]()]));
    });
    assert.ok(bytes < 165_000, `${names}: ${bytes} bytes`);
    return rounds;
  };
  for (const names of [["value"], ["at"], ["hot"], ["value", "at"], ["value", "gradient"]] as const)
    assert.equal(await cost(...names), 11, `rounds of ${names}`);
});
