/** prod, norm, var and std: values, axes, errors, gradients; with every protocol. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BoundError, ShapeError } from "../../src/errors.js";
import { norm, prod, std, variance } from "../../src/functions/index.js";
import { constant, mul, sum } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { plain } from "../../src/protocol/index.js";
import { definitions, evaluate, numbers } from "./evaluate.js";

const meanOf = (list: readonly number[]) => list.reduce((total, value) => total + value, 0) / list.length;
const varianceOf = (list: readonly number[], correction = 1) =>
  list.reduce((total, value) => total + (value - meanOf(list)) ** 2, 0) / (list.length - correction);

interface Case {
  readonly record: (b: Builder, x: Ref, axis: number | undefined, keepDims: boolean) => Ref;
  readonly reference: (list: readonly number[]) => number;
}
const cases: Record<string, Case> = {
  var: { record: (b, x, axis, keepDims) => variance(b, x, axis, { keepDims }), reference: varianceOf },
  "var, correction 0": {
    record: (b, x, axis, keepDims) => variance(b, x, axis, { correction: 0, keepDims }),
    reference: (list) => varianceOf(list, 0),
  },
  std: {
    record: (b, x, axis, keepDims) => std(b, x, axis, { keepDims }),
    reference: (list) => Math.sqrt(varianceOf(list)),
  },
  "norm 1": {
    record: (b, x, axis, keepDims) => norm(b, x, 1, axis, keepDims),
    reference: (list) => list.reduce((s, v) => s + Math.abs(v), 0),
  },
  "norm 2": {
    record: (b, x, axis, keepDims) => norm(b, x, 2, axis, keepDims),
    reference: (list) => Math.hypot(...list),
  },
  "norm Infinity": {
    record: (b, x, axis, keepDims) => norm(b, x, Number.POSITIVE_INFINITY, axis, keepDims),
    reference: (list) => Math.max(...list.map(Math.abs)),
  },
  prod: {
    record: (b, x, axis, keepDims) => prod(b, x, axis, keepDims),
    reference: (list) => list.reduce((p, v) => p * v, 1),
  },
};
const round = (values: Float64Array, fraction = 20) =>
  values.map((value) => Math.round(value * 2 ** fraction) / 2 ** fraction);

for (const definition of definitions)
  test(`over an axis or all, with gradients: ${definition.name}`, async () => {
    const x = { dims: [3, 5], data: round(numbers(15, 3, 11)) };
    const weights = [1, -0.5, 0.75, 2, -1.25];
    const rows = (data: ArrayLike<number>, axis: number | undefined): number[][] => {
      const list = Array.from(data);
      if (axis === undefined) return [list];
      if (axis === 1) return [0, 1, 2].map((i) => list.slice(5 * i, 5 * i + 5));
      return [0, 1, 2, 3, 4].map((j) => [0, 1, 2].map((i) => list[5 * i + j]!));
    };
    for (const axis of [0, 1, undefined]) {
      const count = rows(x.data, axis).length;
      const shape = axis === undefined ? [1, 1] : axis === 0 ? [1, 5] : [3, 1];
      const { values, shapes } = await evaluate(definition, [x], (b, ref) =>
        Object.fromEntries(
          Object.entries(cases).flatMap(([name, { record }]) => {
            const y = record(b, ref, axis, true);
            const weighted = sum(b, mul(b, y, constant(b, weights.slice(0, count), shape, 2)));
            return [
              [name, y],
              [`flat ${name}`, record(b, ref, axis, false)],
              [`gradient of ${name}`, differentiate(b, weighted, [ref])[0]!],
            ];
          }),
        ),
      );
      for (const [name, { reference }] of Object.entries(cases)) {
        assert.deepEqual(shapes[name], shape);
        assert.deepEqual(
          shapes[`flat ${name}`],
          shape.filter((length) => length > 1),
        );
        const near = (got: number[], wanted: number[], what: string) => {
          for (const [i, value] of got.entries())
            assert.ok(
              Math.abs(value - wanted[i]!) < 3e-4 * (1 + Math.abs(wanted[i]!)),
              `${what}[${i}]: ${value}, ${wanted[i]}`,
            );
        };
        const wanted = rows(x.data, axis).map((row) => reference(row));
        near(values[name]!, wanted, name);
        near(values[`flat ${name}`]!, wanted, name);
        const loss = (data: Float64Array) =>
          rows(data, axis).reduce((total, row, i) => total + weights[i]! * reference(row), 0);
        const slopes = Array.from(x.data, (_, i) => {
          const shifted = (by: number) => loss(x.data.map((value, j) => (i === j ? value + by : value)));
          return (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
        });
        near(values[`gradient of ${name}`]!, slopes, `gradient of ${name}, axis ${axis}`);
      }
    }
  });

/** The smaller of the absolute and the relative error over rows of each kind. */
async function worst(name: string, fraction: number, limits: readonly number[], lengths: readonly number[], shift = 0) {
  let most = 0;
  for (const limit of limits)
    for (const length of lengths) {
      const rows = Math.ceil(2 ** 12 / length);
      const data = round(
        numbers(rows * length, limit, length).map((value) => value + shift),
        fraction,
      );
      const { values } = await evaluate(
        plain,
        [{ dims: [rows, length], data }],
        (b, x) => ({ y: cases[name]!.record(b, x, 1, false) }),
        { fraction },
      );
      values.y!.forEach((value, i) => {
        const wanted = cases[name]!.reference([...data.subarray(i * length, (i + 1) * length)]);
        const error = Math.abs(value - wanted);
        most = Math.max(most, wanted === 0 ? error : Math.min(error, error / Math.abs(wanted)));
      });
    }
  return most;
}

for (const [fraction, bar] of [
  [16, 4e-3],
  [20, 1e-3],
] as const)
  test(`errors over small and large values, short and long axes: f = ${fraction}`, async () => {
    const lengths = [2, 3, 10, 100, 1000];
    for (const [name, limits, shift] of [
      ["var", [0.01, 1, 30], 0],
      ["var", [0.01, 1], 1000],
      ["std", [0.01, 1, 30], 0],
      ["std", [1], 1000],
      ["norm 1", [0.01, 1, 30], 0],
      ["norm 2", [0.01, 1, 5], 0],
      ["norm Infinity", [1, 30000], 0],
      ["prod", [1, 1.5], 0],
    ] as const) {
      const error = await worst(name, fraction, limits, lengths, shift);
      assert.ok(error < bar, `${name} at ${shift}: ${error}`);
    }
  });

test("what cannot be is refused", () => {
  const b = new Recorder({ fraction: 16 });
  const x = b.node("input", [], { slot: "x", shape: [3, 1, 0], scale: 16, bound: 31 });
  assert.throws(() => variance(b, x, 1), ShapeError);
  assert.throws(() => prod(b, x), ShapeError);
  assert.throws(() => norm(b, x, 3), BoundError);
});
