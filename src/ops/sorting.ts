/**
 * Sorted values along an axis: all of them, the first few, the one in the middle, those between. Exact, for values within their bounds.
 *
 * Short axes are sorted by ranks: all pairs are compared at once, a value's rank is the number of those before it, and the value of
 * rank k is a sum of products with the bits "has rank k". Long ones, or many, by Batcher's network of comparators that exchange two
 * values; `byRanks` weighs the two. Both are stable: of equal values the one with the lower position comes first, in either
 * direction, as in PyTorch with stable=True. The network sorts words that have the position behind the value.
 *
 * Cost with rep3 for n values in each of m columns: by ranks 12 or 13 rounds, m n^2 / 2 comparisons and 2 n conversions of bits for
 * each value that is wanted; by the network 8 or 9 rounds in each of p (p + 1) / 2 levels for 2^p values, m n p^2 / 4 comparisons and
 * selections. 100 values: 13 rounds; 128 columns of 100: 252.
 */
import { BoundError, ShapeError } from "../errors.js";
import { formatShape, normalizeAxis, size } from "../ring/index.js";
import { add, constant, isNegative, mul, neg, reshape, share, slice, sub } from "./build.js";
import { encodeWords } from "./constant.js";
import type { Builder, Ref } from "./op.js";
import { mostRivals } from "./rivals.js";
import { sumBits } from "./type.js";

export interface Sorted {
  readonly values: Ref;
  /** Positions along the axis, whole numbers. Nothing is spent on them if nobody asks. */
  indices(): Ref;
}

/** All values along an axis in ascending order, or descending. Differentiable. */
export function sort(b: Builder, x: Ref, axis = -1, descending = false): Sorted {
  const along = columnsOf(b, x, axis, "sort");
  return placed(along, ordered(b, along, descending, everyRank(along.count)));
}

/** The k largest or smallest values along an axis, the most extreme first. Differentiable. */
export function topk(b: Builder, x: Ref, k: number, axis = -1, largest = true): Sorted {
  const along = columnsOf(b, x, axis, "topk");
  if (!Number.isInteger(k) || k < 1 || k > along.count)
    throw new ShapeError(`topk: expected 1 to ${along.count} values, got ${k}; try another axis`);
  return placed(along, ordered(b, along, largest, everyRank(k)));
}

/** The value in the middle of an axis, of an even number the lower one, as in PyTorch. Differentiable. */
export function median(b: Builder, x: Ref, axis = -1, keepDims = false): Sorted {
  const along = columnsOf(b, x, axis, "median");
  const middle = placed(along, ordered(b, along, false, [(along.count - 1) >> 1]));
  const shape = x.type.shape.filter((_, i) => i !== along.axis);
  const laid = (ref: Ref) => (keepDims ? ref : reshape(b, ref, shape));
  return { values: laid(middle.values), indices: () => laid(middle.indices()) };
}

/** The value below which a part q (0 to 1) of an axis lies, between two values on the line that joins them. Differentiable. */
export function quantile(b: Builder, x: Ref, q: number, axis = -1, keepDims = false): Ref {
  if (!(q >= 0 && q <= 1)) throw new ShapeError(`quantile: expected a part from 0 to 1, got ${q}; try 0.5`);
  const along = columnsOf(b, x, axis, "quantile");
  const at = q * (along.count - 1);
  const [low, part] = [Math.floor(at), at - Math.floor(at)];
  const ranks = part > 0 ? [low, low + 1] : [low];
  const found = along.back(ordered(b, along, false, ranks).values);
  const pick = (i: number) => slice(b, found, along.axis, i, i + 1);
  const value = part > 0 ? add(b, pick(0), mul(b, sub(b, pick(1), pick(0)), constant(b, part, [], 20))) : found;
  const shape = x.type.shape.filter((_, i) => i !== along.axis);
  return keepDims ? value : reshape(b, value, shape);
}

const everyRank = (count: number) => Array.from({ length: count }, (_, rank) => rank);

/** Values as columns. */
interface Columns {
  readonly axis: number;
  readonly count: number;
  /** A share [count, columns]. */
  readonly columns: Ref;
  /** The inverse, for any count. */
  back(columns: Ref): Ref;
}

function columnsOf(b: Builder, x: Ref, given: number, where: string): Columns {
  const { shape } = x.type;
  const axis = normalizeAxis(given, shape.length, where);
  const count = shape[axis]!;
  if (count === 0)
    throw new ShapeError(
      `${where}: expected at least one element along axis ${axis} of ${formatShape(shape)}, got none`,
    );
  const toFront = [axis, ...shape.map((_, i) => i).filter((i) => i !== axis)];
  const rest = shape.filter((_, i) => i !== axis);
  const fromFront = shape.map((_, i) => toFront.indexOf(i));
  return {
    axis,
    count,
    columns: reshape(b, b.node("transpose", [share(b, x)], { axes: toFront }), [count, size(rest)]),
    back: (columns) =>
      b.node("transpose", [reshape(b, columns, [columns.type.shape[0]!, ...rest])], { axes: fromFront }),
  };
}

function placed({ back }: Columns, { values, indices }: Sorted): Sorted {
  return { values: back(values), indices: () => back(indices()) };
}

/** The values of these ranks, as columns. */
function ordered(b: Builder, { columns, count }: Columns, descending: boolean, ranks: readonly number[]): Sorted {
  const [, width] = columns.type.shape as [number, number];
  if (count === 1) return { values: columns, indices: () => b.node("secret", [constant(b, 0, [1, width], 0)]) };
  return byRanks(count, width, ranks.length)
    ? ranked(b, columns, descending, ranks)
    : exchanged(b, columns, descending, ranks);
}

/** What a round takes, in comparisons, see knockout.ts. */
const roundInComparisons = 2000;

/** Whether n values in each of m columns, of which k are wanted, are sorted by ranks. */
export function byRanks(n: number, m: number, k: number): boolean {
  if (n > mostRivals) return false;
  const power = Math.ceil(Math.log2(n));
  const levels = (power * (power + 1)) / 2;
  const comparators = (power * power - power + 4) * 2 ** (power - 2) - 1;
  const ranks = 13 * roundInComparisons + m * (0.8 * n * n + 0.85 * n * k);
  const network = (8 * levels + 6) * roundInComparisons + m * 2 * comparators;
  return ranks <= network;
}

/** The position of each value in the sorted order, then the values of the ranks that are wanted. */
function ranked(b: Builder, x: Ref, descending: boolean, ranks: readonly number[]): Sorted {
  const [count, width] = x.type.shape as [number, number];
  // Of a pair i < j: whether j comes before i. Of equal ones it does not.
  const differences = b.node("pairDifferences", [x]);
  const swapped = isNegative(b, descending ? differences : neg(b, differences));
  const positions = constant(b, everyRank(count), [count], 0);
  const rank = add(b, b.node("pairSums", [b.node("fromBits", [swapped])]), reshape(b, positions, [count, 1]));
  const distances = sub(b, reshape(b, rank, [1, count, width]), constant(b, ranks, [ranks.length, 1, 1], 0));
  const has = b.node("isZero", [b.node("narrow", [distances], { bound: sumBits(count) })]);
  const weights = b.node("fromBits", [has]);
  const values = b.node("einsum", [weights, x], { axes: "kim,im->km" });
  return {
    values: share(b, b.node("narrow", [values], { bound: x.type.bound })),
    indices: () => b.node("einsum", [weights, positions], { axes: "kim,i->km" }),
  };
}

/** Words that have the position behind the value, filled up to a power of two with what is above them all. */
function exchanged(b: Builder, x: Ref, descending: boolean, ranks: readonly number[]): Sorted {
  const [count, width] = x.type.shape as [number, number];
  const bits = sumBits(count);
  const { scale, bound } = x.type;
  if (bound + bits > 60)
    throw new BoundError(
      `sort: expected values of at most ${60 - bits} bits, got a bound of ${bound}; try truncating, or fewer values`,
    );
  const fine = scale + bits;
  const positions = constant(
    b,
    everyRank(count).map((i) => i / 2 ** fine),
    [count, 1],
    fine,
  );
  const keys = add(b, b.node("rescale", [descending ? neg(b, x) : x], { bits }), positions);
  const missing = 2 ** bits - count;
  const words = encodeWords(BigInt64Array.of(1n << BigInt(bound + bits)));
  const top = { shape: [missing, width], scale: fine, bound: bound + bits + 1, words };
  const all = missing > 0 ? joined(b, [keys, b.node("secret", [b.node("constant", [], top)])], 0) : keys;
  const first = ranks[0]!;
  const sorted = slice(b, network(b, all), 0, first, first + ranks.length);
  const index = b.node("reshare", [b.node("lowBits", [sorted], { count: bits })]);
  const behind = b.node("mul", [index, constant(b, 2 ** -fine, [], fine)]);
  const whole = b.node("truncate", [b.node("lift", [sub(b, sorted, behind)])], { shift: bits, bound });
  return { values: descending ? neg(b, whole) : whole, indices: () => index };
}

/** At the scale that the words have: concat of build.ts would truncate them, as isNegative would. */
const joined = (b: Builder, parts: readonly Ref[], axis: number): Ref => b.node("concat", parts, { axis });

/** Batcher's odd-even merge sort (1968, https://doi.org/10.1145/1468075.1468121) of a power of two of rows, ascending. */
function network(b: Builder, x: Ref): Ref {
  const [count] = x.type.shape as [number];
  let rows = x;
  for (let half = 1; half < count; half *= 2)
    for (let step = half; step >= 1; step /= 2) rows = merged(b, rows, half, step);
  return rows;
}

/** One level: in each run of 2 half rows, those of rows step to 2 half - step meet that are `step` apart. */
function merged(b: Builder, x: Ref, half: number, step: number): Ref {
  const [count, width] = x.type.shape as [number, number];
  const runs = reshape(b, x, [count / (2 * half), 2 * half, width]);
  const edge = step === half ? 0 : step;
  const inner = slice(b, runs, 1, edge, 2 * half - edge);
  const groups = (2 * half - 2 * edge) / (2 * step);
  const pairs = reshape(b, inner, [count / (2 * half), groups, 2, step * width]);
  const [low, high] = [slice(b, pairs, 2, 0, 1), slice(b, pairs, 2, 1, 2)];
  const difference = sub(b, high, low);
  const exchange = b.node("select", [b.node("isNegative", [difference]), difference]);
  const known = (value: Ref) => b.node("narrow", [value], { bound: x.type.bound });
  const met = joined(b, [known(add(b, low, exchange)), known(sub(b, high, exchange))], 2);
  const laid = reshape(b, met, inner.type.shape);
  const whole =
    edge === 0 ? laid : joined(b, [slice(b, runs, 1, 0, edge), laid, slice(b, runs, 1, 2 * half - edge, 2 * half)], 1);
  return reshape(b, whole, [count, width]);
}
