/**
 * Every function along an axis with its domain, its float64 reference of one row and the largest error that it has shown, as
 * `table.ts` has them for single elements. Not needed to compute.
 */
import { cumsum } from "../ops/build.js";
import { max, min } from "../ops/extremes.js";
import type { Builder, Ref } from "../ops/index.js";
import { sort, topk } from "../ops/sorting.js";
import { logSoftmax, logSumExp, softmax } from "./softmax.js";
import { norm, prod, std, variance } from "./statistics.js";
import { notorious } from "./table-entries.js";

export interface AxisEntry {
  readonly name: string;
  /** Along axis 1 of [rows, columns]. */
  readonly record: (b: Builder, x: Ref) => Ref;
  /** Of one row. */
  readonly reference: (row: readonly number[]) => readonly number[];
  readonly domainText: string;
  readonly method: string;
  /** Rows that are swept: numbers up to `limit` from `around` (0), in whole `steps` if given, so that some are equal. */
  readonly rows: readonly { readonly limit: number; readonly around?: number; readonly steps?: number }[];
  readonly lengths: readonly number[];
  /** Also a row of these. */
  readonly row?: readonly number[];
  /** The largest error of a sweep, the smaller one of absolute and relative: at 16 and at 20 fraction bits. */
  readonly error: readonly [at16: number, at20: number];
  /** False where the gradient is zero or not defined by the reference. */
  readonly gradient?: false;
}

const logits = {
  rows: [{ limit: 0.1 }, { limit: 30 }, { limit: 1000 }],
  lengths: [2, 3, 10, 100, 1000],
  row: notorious,
};
const ordinary = { rows: [{ limit: 30000 }, { limit: 4, steps: 1 }], lengths: [2, 3, 10, 100], row: notorious };
const short = [2, 3, 10, 100, 1000];

function logOfSum(row: readonly number[]): number {
  const top = row.reduce((most, value) => Math.max(most, value), row[0]!);
  return top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
}
function varianceOf(row: readonly number[]): number {
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
  return row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (row.length - 1);
}
const largest = (row: readonly number[]) => row.reduce((most, value) => Math.max(most, value), row[0]!);
const smallest = (row: readonly number[]) => -largest(row.map((value) => -value));
/** Positions in order of their values, of equal ones the lower one first. */
const order = (row: readonly number[], descending: boolean) =>
  row.map((_, i) => i).sort((i, j) => (descending ? row[j]! - row[i]! : row[i]! - row[j]!) || i - j);

export const axisFunctions: readonly AxisEntry[] = [
  {
    name: "softmax",
    record: (b, x) => softmax(b, x, 1),
    reference: (row) => row.map((value) => Math.exp(value - logOfSum(row))),
    domainText: "all",
    method: "coarse maximum, powers of two, one look at their sum",
    ...logits,
    error: [1e-4, 4.5e-5],
  },
  {
    name: "logSoftmax",
    record: (b, x) => logSoftmax(b, x, 1),
    reference: (row) => row.map((value) => value - logOfSum(row)),
    domainText: "all",
    method: "as softmax",
    ...logits,
    error: [1.4e-4, 6e-5],
  },
  {
    name: "logSumExp",
    record: (b, x) => logSumExp(b, x, 1),
    reference: (row) => [logOfSum(row)],
    domainText: "all",
    method: "as softmax",
    ...logits,
    error: [1.4e-4, 6e-5],
  },
  {
    name: "var",
    record: (b, x) => variance(b, x, 1),
    reference: (row) => [varianceOf(row)],
    domainText: "sum of squares < 2^(62 - 2f), result < 2^15",
    method: "mean, then squared distances from it",
    rows: [{ limit: 0.01 }, { limit: 1 }, { limit: 30 }, { limit: 1, around: 1000 }],
    lengths: short,
    error: [2e-5, 6e-6],
  },
  {
    name: "std",
    record: (b, x) => std(b, x, 1),
    reference: (row) => [Math.sqrt(varianceOf(row))],
    domainText: "as var",
    method: "square root of var",
    rows: [{ limit: 0.01 }, { limit: 1 }, { limit: 30 }, { limit: 1, around: 1000 }],
    lengths: short,
    error: [4e-3, 1e-3],
  },
  {
    name: "norm (1)",
    record: (b, x) => norm(b, x, 1, 1),
    reference: (row) => [row.reduce((sum, value) => sum + Math.abs(value), 0)],
    domainText: "all",
    method: "sum of absolute values",
    ...ordinary,
    error: [0, 0],
  },
  {
    name: "norm (2)",
    record: (b, x) => norm(b, x, 2, 1),
    reference: (row) => [Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))],
    domainText: "sum of squares < 2^15",
    method: "square root of one sum of squares",
    rows: [{ limit: 0.01 }, { limit: 1 }, { limit: 5 }],
    lengths: short,
    error: [4e-3, 1e-3],
  },
  {
    name: "norm (Infinity)",
    record: (b, x) => norm(b, x, Number.POSITIVE_INFINITY, 1),
    reference: (row) => [largest(row.map(Math.abs))],
    domainText: "all",
    method: "maximum of absolute values",
    ...ordinary,
    error: [0, 0],
  },
  {
    name: "prod",
    record: (b, x) => prod(b, x, 1),
    reference: (row) => [row.reduce((product, value) => product * value, 1)],
    domainText: "products of all and of halves < 2^15",
    method: "products of halves",
    rows: [{ limit: 1 }, { limit: 1.5 }],
    lengths: short,
    error: [1.3e-4, 8e-6],
  },
  {
    name: "cumsum",
    record: (b, x) => cumsum(b, x, 1),
    reference: (row) => row.map((_, i) => row.slice(0, i + 1).reduce((sum, value) => sum + value, 0)),
    domainText: "all",
    method: "sums, nothing sent",
    ...ordinary,
    error: [0, 0],
  },
  ...(["max", "min"] as const).map(
    (name): AxisEntry => ({
      name,
      record: (b, x) => (name === "max" ? max : min)(b, x, 1).value,
      reference: (row) => [(name === "max" ? largest : smallest)(row)],
      domainText: "all",
      method: "tournament; gradient to the lowest position of equals",
      ...ordinary,
      error: [0, 0],
    }),
  ),
  ...(["argmax", "argmin"] as const).map(
    (name): AxisEntry => ({
      name,
      record: (b, x) => (name === "argmax" ? max : min)(b, x, 1).position(),
      reference: (row) => [order(row, name === "argmax")[0]!],
      domainText: "all",
      method: "tournament; lowest position of equals",
      ...ordinary,
      error: [0, 0],
      gradient: false,
    }),
  ),
  {
    name: "topk (2), values",
    record: (b, x) => topk(b, x, 2, 1).values,
    reference: (row) =>
      order(row, true)
        .slice(0, 2)
        .map((i) => row[i]!),
    domainText: "all",
    method: "ranks, or a sorting network",
    ...ordinary,
    error: [0, 0],
  },
  {
    name: "topk (2), indices",
    record: (b, x) => topk(b, x, 2, 1).indices(),
    reference: (row) => order(row, true).slice(0, 2),
    domainText: "all",
    method: "as its values; lowest positions of equals first",
    ...ordinary,
    error: [0, 0],
    gradient: false,
  },
  {
    name: "sort, values",
    record: (b, x) => sort(b, x, 1).values,
    reference: (row) => order(row, false).map((i) => row[i]!),
    domainText: "all",
    method: "ranks, or a sorting network",
    ...ordinary,
    error: [0, 0],
  },
  {
    name: "sort, indices",
    record: (b, x) => sort(b, x, 1).indices(),
    reference: (row) => order(row, false),
    domainText: "all",
    method: "as its values; stable",
    ...ordinary,
    error: [0, 0],
    gradient: false,
  },
];
