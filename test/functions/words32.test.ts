/** Functions in sessions of few bits: those that need words of 64 bits get them, the others stay in words of 32, and all are as exact. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logSoftmax, logSumExp, norm, prod, softmax, std, variance } from "../../src/functions/index.js";
import { type FunctionEntry, functions } from "../../src/functions/table.js";
import { mul, square, sum } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { differentiate, type Recorder } from "../../src/plan/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { evaluate, numbers, type Tensor } from "./evaluate.js";
import { argumentsOf } from "./sweep.js";

const fraction = 10;
/** Numbers and results below 2^8: recorded for words of 32 bits, as long as that goes. */
const few = { fraction, integerBits: 8 };
/** The same numbers in words of 64 bits from the start. */
const many = { fraction, integerBits: 15 };

/** Points of the domain at which arguments and results are below `most`. */
function pointsOf(entry: FunctionEntry, count: number, most: number): number[][] {
  const lists = argumentsOf(entry, fraction, count);
  const points = Array.from(lists[0]!, (_, at) => lists.map((list) => Math.round(list[at]! * 2 ** 10) / 2 ** 10));
  return points.filter((point) => [...point, entry.reference(...point)].every((value) => Math.abs(value) < most));
}
const columns = (points: readonly number[][]): Tensor[] =>
  points[0]!.map((_, i) => ({ dims: [points.length], data: points.map((point) => point[i]!) }));

/** In words of 32 bits from the beginning to the end. */
const narrow = /^(pow \(\d+\)|abs|sign|clamp|minimum|maximum|relu)$/;

for (const definition of [plain, rep3])
  for (const entry of functions)
    test(`${entry.name}: as exact in a session of few bits, ${definition.name}`, async () => {
      const points = pointsOf(entry, definition === plain ? 300 : 40, 200);
      assert.ok(points.length > 20, `${points.length} points`);
      const run = (precision: typeof few) =>
        evaluate(definition, columns(points), (b, ...inputs) => ({ y: entry.record(b, ...inputs) }), precision);
      const [got, usual] = [await run(few), await run(many)];
      assert.deepEqual([got.wordBits, usual.wordBits], [narrow.test(entry.name) ? 32 : 64, 64]);
      const off = ({ values }: typeof got) =>
        points.map((point, i) => {
          const wanted = entry.reference(...point);
          return Math.abs(values.y![i]! - wanted) / Math.max(1, Math.abs(wanted));
        });
      // Roundings are random; what is wrong is off by far more.
      const limit = 4 * Math.max(...off(usual)) + 4 * 2 ** -fraction;
      off(got).forEach((miss, i) => {
        assert.ok(miss <= limit, `${entry.name}(${points[i]}): ${got.values.y![i]}, off by ${miss} of ${limit}`);
      });
    });

test("gradients are the same in sessions of few bits", async () => {
  for (const entry of functions.filter(({ gradient }) => gradient !== false)) {
    // Where neither powers of the result nor of the argument leave what is declared.
    const points = pointsOf(entry, 200, 3).filter((point) => point.every((value) => Math.abs(value) > 0.5));
    assert.ok(points.length > 10, `${entry.name}: ${points.length} points`);
    const record = (b: Recorder, ...inputs: Ref[]) => {
      const gradients = differentiate(b, sum(b, entry.record(b, ...inputs)), inputs);
      return Object.fromEntries(gradients.map((gradient, i) => [`g${i}`, gradient!]));
    };
    const [got, usual] = [
      await evaluate(plain, columns(points), record, few),
      await evaluate(plain, columns(points), record, many),
    ];
    for (const [label, values] of Object.entries(usual.values))
      values.forEach((value, i) => {
        const off = Math.abs(got.values[label]![i]! - value);
        // Of x^17 it is 17 times a product of five that were rounded.
        const limit = 0.05 * Math.max(1, Math.abs(value));
        assert.ok(off <= limit, `${entry.name}' at ${points[i]}: ${got.values[label]![i]}, usually ${value}`);
      });
  }
});

/** Functions along an axis: 6 rows of 5 numbers. */
const along: Readonly<Record<string, { bits: number; of: (b: Builder, x: Ref) => Ref }>> = {
  softmax: { bits: 64, of: (b, x) => softmax(b, x, -1) },
  logSoftmax: { bits: 64, of: (b, x) => logSoftmax(b, x, -1) },
  logSumExp: { bits: 64, of: (b, x) => logSumExp(b, x, -1) },
  variance: { bits: 32, of: (b, x) => variance(b, x, 1) },
  "variance of a divisor of many bits": { bits: 32, of: (b, x) => variance(b, x, 1, { correction: 2 }) },
  std: { bits: 64, of: (b, x) => std(b, x, 1) },
  "norm 1": { bits: 32, of: (b, x) => norm(b, x, 1, 1) },
  "norm 2": { bits: 64, of: (b, x) => norm(b, x, 2, 1) },
  "norm Infinity": { bits: 32, of: (b, x) => norm(b, x, Number.POSITIVE_INFINITY, 1) },
  prod: { bits: 32, of: (b, x) => prod(b, x, 1) },
  // What is recorded first has room in 32 bits, the last step has not.
  "a product, then a softmax": { bits: 64, of: (b, x) => softmax(b, square(b, mul(b, x, x)), -1) },
};
for (const definition of [plain, rep3])
  test(`functions along an axis are the same in sessions of few bits, ${definition.name}`, async () => {
    const x = { dims: [6, 5], data: numbers(30, 1.7, 7) };
    for (const [name, { bits, of }] of Object.entries(along)) {
      const run = (precision: typeof few) => evaluate(definition, [x], (b, ref) => ({ y: of(b, ref) }), precision);
      const [got, usual] = [await run(few), await run(many)];
      assert.deepEqual([got.wordBits, usual.wordBits], [bits, 64], name);
      usual.values.y!.forEach((value, i) => {
        const off = Math.abs(got.values.y![i]! - value);
        assert.ok(off <= 0.02 * Math.max(1, Math.abs(value)), `${name}: ${got.values.y![i]}, usually ${value}`);
      });
    }
  });
