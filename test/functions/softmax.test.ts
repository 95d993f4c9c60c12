/** softmax, logSoftmax, logSumExp: errors over wide logits, axes, gradients, costs; with every protocol. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logSoftmax, logSumExp, softmax } from "../../src/functions/index.js";
import { constant, mul, sum } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { differentiate } from "../../src/plan/index.js";
import { type ProtocolDefinition, plain, rep3 } from "../../src/protocol/index.js";
import { definitions, evaluate, numbers, type Tensor } from "./evaluate.js";

const functions = { softmax, logSoftmax, logSumExp } as const;
type Name = keyof typeof functions;

/** Of one row, in float64. */
function reference(name: Name, row: readonly number[]): number[] {
  const top = Math.max(...row);
  const total = row.reduce((all, value) => all + Math.exp(value - top), 0);
  const log = top + Math.log(total);
  if (name === "logSumExp") return [log];
  return row.map((value) => (name === "softmax" ? Math.exp(value - log) : value - log));
}
const onGrid = (values: Float64Array, fraction: number) =>
  values.map((value) => Math.round(value * 2 ** fraction) / 2 ** fraction);

/** The largest absolute error over rows of `columns`. */
async function worst(
  name: Name,
  data: Float64Array,
  columns: number,
  fraction: number,
  definition: ProtocolDefinition = plain,
) {
  const rows = data.length / columns;
  const x = { dims: [rows, columns], data: onGrid(data, fraction) };
  const record = (b: Builder, ref: Ref) => ({ y: functions[name](b, ref, 1) });
  const got = (await evaluate(definition, [x], record, { fraction })).values.y!;
  let most = 0;
  const each = got.length / rows;
  for (let r = 0; r < rows; r++)
    reference(name, [...x.data.subarray(r * columns, (r + 1) * columns)]).forEach((wanted, i) => {
      most = Math.max(most, Math.abs(wanted - got[r * each + i]!));
    });
  return most;
}

const limits = {
  16: { softmax: 2e-4, logSoftmax: 4e-4, logSumExp: 4e-4 },
  20: { softmax: 1e-4, logSoftmax: 1e-4, logSumExp: 1e-4 },
};

for (const fraction of [16, 20] as const)
  test(`errors over logits in ±30 and ±1000, 2 to 1024 of them: f = ${fraction}`, async () => {
    for (const [columns, rows] of [
      [2, 4096],
      [3, 1000],
      [10, 4096],
      [100, 300],
      [1024, 64],
    ] as const)
      for (const limit of [0.1, 30, 1000])
        for (const name of ["softmax", "logSoftmax", "logSumExp"] as const) {
          const error = await worst(name, numbers(rows * columns, limit, columns), columns, fraction);
          assert.ok(error < limits[fraction][name], `${name} of ${columns} in ±${limit}: ${error}`);
        }
  });

test("rows that are special: all equal, one far above, at the edges of the bound, just where exponentials end", async () => {
  const edge = 2 ** 15 - 1;
  const row = (length: number, value: number, first = value) => [first, ...new Array<number>(length - 1).fill(value)];
  const special = [
    row(64, 0),
    row(64, edge),
    row(64, -edge),
    row(64, -edge, edge),
    row(64, edge, -edge),
    row(64, 0, 13.9),
    row(64, 0, 14.1),
    row(64, 0.5, 15.2),
    row(64, 0.999),
    Array.from({ length: 64 }, (_, i) => -i / 4),
    Array.from({ length: 64 }, (_, i) => (i - 32) * 1000),
  ];
  for (const name of ["softmax", "logSoftmax", "logSumExp"] as const) {
    const error = await worst(name, Float64Array.from(special.flat()), 64, 16);
    assert.ok(error < 5e-4, `${name}: ${error}`);
  }
  // Where many exponentials are cut off.
  const error = await worst("softmax", Float64Array.from(row(1024, -15, 0)), 1024, 20);
  assert.ok(error > 2e-4 && error < 4e-4, `${error}`);
});

for (const definition of definitions)
  test(`any axis, and gradients: ${definition.name}`, async () => {
    const dims = [2, 5, 3];
    const x: Tensor = { dims, data: onGrid(numbers(30, 4, 3), 20) };
    const weights = numbers(30, 1, 5).map((value) => Math.round(value * 64) / 64);
    const at = (axis: number, i: number, k: number) => {
      const step = axis === 0 ? 15 : axis === 1 ? 3 : 1;
      const [inner, outer] = [i % step, Math.floor(i / step)];
      return (outer * dims[axis]! + k) * step + inner;
    };
    for (const axis of [0, 1, 2])
      for (const name of ["softmax", "logSoftmax", "logSumExp"] as const) {
        const columns = 30 / dims[axis]!;
        const places = Array.from({ length: columns }, (_, i) =>
          Array.from({ length: dims[axis]! }, (_, k) => at(axis, i, k)),
        );
        const forward = (data: ArrayLike<number>) =>
          places.map((place) =>
            reference(
              name,
              place.map((j) => data[j]!),
            ),
          );
        const wanted = new Float64Array(name === "logSumExp" ? columns : 30);
        for (const [i, row] of forward(x.data).entries())
          for (const [k, value] of row.entries()) wanted[name === "logSumExp" ? i : places[i]![k]!] = value;
        const loss = (data: Float64Array) => {
          let total = 0;
          for (const [i, row] of forward(data).entries())
            for (const [k, value] of row.entries())
              total += value * weights[name === "logSumExp" ? i : places[i]![k]!]!;
          return total;
        };
        const shape = dims.filter((_, i) => name !== "logSumExp" || i !== axis);
        const { values, shapes } = await evaluate(definition, [x], (b, ref) => {
          const y = functions[name](b, ref, axis - 3);
          const weighted = mul(b, y, constant(b, weights.slice(0, wanted.length), shape, 6));
          return { y, gradient: differentiate(b, sum(b, weighted), [ref])[0]! };
        });
        assert.deepEqual(shapes.y, shape);
        for (const [i, value] of values.y!.entries())
          assert.ok(Math.abs(value - wanted[i]!) < 2e-4, `${name} ${axis} [${i}]: ${value}, ${wanted[i]}`);
        for (const [i, value] of values.gradient!.entries()) {
          const shifted = (by: number) => loss(Float64Array.from(x.data, (v, j) => (i === j ? v + by : v)));
          const slope = (shifted(1e-4) - shifted(-1e-4)) / 2e-4;
          assert.ok(Math.abs(value - slope) < 4e-4, `gradient of ${name} ${axis} [${i}]: ${value}, ${slope}`);
        }
      }
  });

test("costs", async () => {
  const cost = async (name: Name, rows: number, columns: number) => {
    const x = { dims: [rows, columns], data: new Float64Array(rows * columns) };
    const { rounds, bytes } = await evaluate(rep3, [x], (b, ref) => ({ y: functions[name](b, ref, 1) }));
    return [rounds, (bytes / 1e6).toFixed(2)];
  };
  assert.deepEqual(await cost("softmax", 128, 128), [47, "1.69"]);
  assert.deepEqual(await cost("logSoftmax", 128, 128), [43, "1.50"]);
  assert.deepEqual(await cost("softmax", 128, 10), [22, "0.21"]);
  assert.deepEqual(await cost("logSumExp", 128, 10), [20, "0.18"]);
});
