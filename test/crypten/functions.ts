/** CrypTen's functions, reductions and methods that find extremes, over the domains where CrypTen's own fail, too. */
import type { Tensor } from "../../src/tensor/index.js";
import { along, at, between, type Clear, largest, made, map, scalar, smallest, total, whole, wide } from "./clear.js";
import { approximation, type Row, rounding } from "./row.js";

/** Abramowitz and Stegun 7.1.5, in float64; above 4 it is 1 to 1e-8. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let [sum, term] = [0, x];
  for (let n = 0; n < 120; n++) {
    sum += term / (2 * n + 1);
    term *= (-x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const grid = (from: number, to: number): Clear =>
  made([321], (i) => Math.round((from + ((to - from) * i!) / 320) * 4096) / 4096);
const joined = (...parts: Clear[]): Clear => {
  const data = parts.flatMap((part) => [...part.data]);
  return { shape: [data.length], data: Float64Array.from(data) };
};
const unary = (
  crypten: string,
  inputs: readonly Clear[],
  here: (x: Tensor) => Tensor,
  clear: (x: number) => number,
): Row[] =>
  inputs.map((input) => ({
    crypten,
    inputs: [input],
    here: (x) => here(x!),
    clear: (x) => map(x!, clear),
    tolerance: approximation,
  }));
const negative = (x: Clear) => map(x, (value) => -value);
const anywhere = joined(grid(-10, 10), wide(32000, 40));

function softmax(row: number[]): number[] {
  const top = largest(row);
  const powers = row.map((value) => Math.exp(value - top));
  return powers.map((value) => value / total(powers));
}
/** Over one axis, all axes; kept or not. */
const reduction = (
  crypten: string,
  input: Clear,
  here: (x: Tensor, axis?: number) => Tensor,
  clear: (row: number[]) => number,
  tolerance: number,
): Row[] => [
  ...input.shape.map(
    (_, axis): Row => ({
      crypten,
      inputs: [input],
      here: (x) => here(x!, axis),
      clear: (x) => along(x!, axis, clear),
      tolerance,
    }),
  ),
  { crypten, inputs: [input], here: (x) => here(x!), clear: (x) => scalar(clear([...x!.data])), tolerance },
];
const mean = (row: number[]) => total(row) / row.length;
const variance = (row: number[], correction: number) =>
  total(row.map((value) => (value - mean(row)) ** 2)) / (row.length - correction);
const first = (row: number[], wanted: number) => row.indexOf(wanted);
/** Many of them equal, and numbers far apart. */
const ordered = [
  whole(1, 4, 3, 4, 5),
  wide(32000, 2, 7),
  { shape: [8], data: Float64Array.of(1, 1, 2, 1, 4, 1, 3, 4) },
];
const oneHot = (row: number[], wanted: number) => row.map((_, i) => Number(i === first(row, wanted)));

export const functions: readonly Row[] = [
  ...unary("exp", [grid(-10, 10), negative(between(10, 32000, 40))], (x) => x.exp(), Math.exp),
  ...unary("log", [between(2 ** -12, 32000, 300)], (x) => x.log(), Math.log),
  ...unary(
    "reciprocal",
    [between(0.001, 32000, 200), negative(between(0.001, 32000, 200))],
    (x) => x.reciprocal(),
    (x) => 1 / x,
  ),
  ...unary(
    "inv_sqrt",
    [between(2 ** -12, 32000, 300)],
    (x) => x.rsqrt(),
    (x) => 1 / Math.sqrt(x),
  ),
  ...unary("sqrt", [joined(scalar(0), between(2 ** -12, 32000, 300))], (x) => x.sqrt(), Math.sqrt),
  ...unary("sin", [anywhere], (x) => x.sin(), Math.sin),
  ...unary("cos", [anywhere], (x) => x.cos(), Math.cos),
  {
    crypten: "cossin",
    inputs: [anywhere],
    here: (x) => [x!.cos(), x!.sin()],
    clear: (x) => [map(x!, Math.cos), map(x!, Math.sin)],
    tolerance: approximation,
  },
  ...unary("sigmoid", [anywhere], (x) => x.sigmoid(), sigmoid),
  ...unary("tanh", [anywhere], (x) => x.tanh(), Math.tanh),
  ...unary("erf", [anywhere], (x) => x.erf(), erf),
  ...[wide(1000, 6, 10), wide(3, 2, 3, 4), wide(20, 5)].flatMap((input) =>
    input.shape.map(
      (_, axis): Row => ({
        crypten: "softmax",
        inputs: [input],
        here: (x) => x!.softmax(axis),
        clear: (x) => along(x!, axis, softmax),
        tolerance: approximation,
      }),
    ),
  ),
  ...[wide(1000, 6, 10), wide(3, 2, 3, 4)].map(
    (input): Row => ({
      crypten: "log_softmax",
      inputs: [input],
      here: (x) => x!.logSoftmax(1),
      clear: (x) =>
        along(x!, 1, (row) => {
          const [top] = [largest(row)];
          const log = top + Math.log(total(row.map((value) => Math.exp(value - top))));
          return row.map((value) => value - log);
        }),
      tolerance: approximation,
    }),
  ),
  ...reduction("sum", wide(1000, 3, 4, 5), (x, axis) => x.sum(axis), total, 0),
  ...reduction("mean", wide(1000, 3, 4, 5), (x, axis) => x.mean(axis), mean, rounding),
  ...reduction(
    "var",
    wide(30, 3, 4, 5),
    (x, axis) => x.var(axis),
    (row) => variance(row, 1),
    approximation,
  ),
  ...reduction(
    "var",
    wide(30, 3, 4, 5),
    (x, axis) => x.var(axis, { correction: 0 }),
    (row) => variance(row, 0),
    approximation,
  ),
  ...reduction(
    "prod",
    wide(3, 2, 3, 2),
    (x, axis) => x.prod(axis),
    (row) => row.reduce((p, value) => p * value, 1),
    approximation,
  ),
  ...[0, 1, 2].map(
    (axis): Row => ({
      crypten: "cumsum",
      inputs: [wide(1000, 3, 4, 5)],
      here: (x) => x!.cumsum(axis),
      clear: (x) => along(x!, axis, (row) => row.map((_, i) => total(row.slice(0, i + 1)))),
      tolerance: 0,
    }),
  ),
  {
    crypten: "trace",
    inputs: [wide(30000, 5, 5)],
    here: (x) => x!.trace(),
    clear: (x) => scalar(total([0, 1, 2, 3, 4].map((i) => at(x!, i, i)))),
    tolerance: 0,
  },
  ...reduction(
    "norm",
    wide(1000, 3, 4),
    (x, axis) => x.norm(1, axis),
    (row) => total(row.map(Math.abs)),
    0,
  ),
  ...reduction(
    "norm",
    wide(20, 3, 4),
    (x, axis) => x.norm(2, axis),
    (row) => Math.hypot(...row),
    approximation,
  ),
  ...reduction(
    "norm",
    wide(30000, 3, 4),
    (x, axis) => x.norm(Number.POSITIVE_INFINITY, axis),
    (row) => largest(row.map(Math.abs)),
    0,
  ),
  ...ordered.flatMap((input) => [
    ...reduction("max", input, (x, axis) => x.max(axis), largest, 0),
    ...reduction("min", input, (x, axis) => x.min(axis), smallest, 0),
    ...reduction(
      "argmax",
      input,
      (x, axis) => x.argmax(axis),
      (row) => first(row, largest(row)),
      0,
    ),
    ...reduction(
      "argmin",
      input,
      (x, axis) => x.argmin(axis),
      (row) => first(row, smallest(row)),
      0,
    ),
  ]),
  ...[0, 1, 2].map(
    (axis): Row => ({
      crypten: "argmax",
      inputs: [ordered[0]!],
      here: (x) => x!.argmax(axis, false, true),
      clear: (x) => along(x!, axis, (row) => oneHot(row, largest(row))),
      tolerance: 0,
    }),
  ),
];
