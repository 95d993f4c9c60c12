/**
 * Products, norms, variances and standard deviations over axes, all of them differentiable. Sums and means are free and among the
 * composed operators.
 *
 * Squares are added up before they are truncated, so a variance takes three truncations of a result's size, whatever its length: 6 rounds
 * with rep3, 4 where the divisor is a power of two. A product of n values takes 2 rounds in each of log2 n levels. Norms and standard
 * deviations end with a square root.
 *
 * Largest errors, the smaller of absolute and relative, over axes of 2 to 1000 values of ±0.01, ±1 and ±30 (of norm 2 up to ±5), for
 * var and std also around 1000, for prod in ±1 and ±1.5:
 *
 * |              | f = 16 | f = 20 |
 * | var          | 1.7e-5 | 4.8e-6 |
 * | std, norm 2  | 3.9e-3 | 9.7e-4 | of roots of a unit or two; 2^-f / (2 std) and the root's own elsewhere
 * | prod         | 1.3e-4 | 8e-6   |
 * | norm 1, Infinity | 0  | 0      |
 */
import { BoundError, ShapeError } from "../errors.js";
import { concat, divPublic, mean, mul, reshape, scaleBy, share, slice, square, sub, sum } from "../ops/build.js";
import { max } from "../ops/extremes.js";
import { type Builder, maxBound, type Ref } from "../ops/index.js";
import { checkOptions } from "../options.js";
import { normalizeAxis, size } from "../ring/index.js";
import { limitOf, resultBits } from "./fixed.js";
import { abs } from "./piecewise.js";
import { sqrt } from "./powers.js";

type Axes = number | readonly number[] | undefined;
const axesOf = (x: Ref, axes: Axes, where: string): number[] => {
  const given = typeof axes === "number" ? [axes] : (axes ?? x.type.shape.map((_, i) => i));
  return [...new Set(given.map((axis) => normalizeAxis(axis, x.type.shape.length, where)))].sort((p, q) => p - q);
};

export interface VarOptions {
  /** The sum of squares is divided by the number of elements less this. Default 1, as in PyTorch. */
  readonly correction?: number;
  readonly keepDims?: boolean;
}

/**
 * The variance over axes (default: all): the mean first, then the mean of squared distances from it, so that a large mean costs no
 * precision. Right where the sum of the squares stays below 2^(62 - 2 f), 2^22 at f = 20, in a session for words of 32 bits below
 * 2^(30 - 2 f), and the result below 2^15. Its error is that of one truncation and of a mean that is off by one unit.
 */
export function variance(b: Builder, x: Ref, given?: Axes, options: VarOptions = {}): Ref {
  checkOptions("var", options, { correction: true, keepDims: true });
  const { correction = 1, keepDims = false } = options;
  const axes = axesOf(x, given, "var");
  const divisor = size(axes.map((axis) => x.type.shape[axis]!)) - correction;
  if (divisor <= 0)
    throw new ShapeError(
      `var: expected more than ${correction} elements, got ${divisor + correction}; try correction: 0, or another axis`,
    );
  const input = share(b, x);
  const most = maxBound(b.env) - 2 * b.env.fraction;
  b.assume(input, `var: the sum of squared distances from the mean < 2^${most}`);
  const distances = sub(b, input, share(b, mean(b, input, axes, true)));
  const output = share(b, divPublic(b, shortened(b, sum(b, square(b, distances), axes, keepDims), divisor), divisor));
  const kept = x.type.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  return b.define(output, [x], (_, gradient) => {
    const slope = share(b, scaleBy(b, gradient, 2 / divisor));
    return [mul(b, distances, reshape(b, slope, kept))];
  });
}

/**
 * A sum of squares with as many fraction bits as the session has: so a large sum has room for a divisor of many bits. A power of two
 * needs none.
 */
function shortened(b: Builder, total: Ref, divisor: number): Ref {
  const { fraction } = b.env;
  if (Number.isInteger(Math.log2(divisor)) || total.type.scale <= fraction) return total;
  const shift = total.type.scale - fraction;
  return b.node("truncate", [total], { shift, bound: maxBound(b.env) - shift });
}

/** The square root of the variance; of equal values 0, with a gradient of 0. */
export function std(b: Builder, x: Ref, axes?: Axes, options: VarOptions = {}): Ref {
  return sqrt(b, variance(b, x, axes, options), { positive: true });
}

/**
 * The sum of sizes (p = 1), the root of the sum of squares (2, the default), or the largest size (Infinity) over axes (default: all).
 * p = 2 is right for norms below 181, whose square is below 2^15. Where all values are 0 its gradient is 0.
 */
export function norm(b: Builder, x: Ref, p = 2, given?: Axes, keepDims = false): Ref {
  const axes = axesOf(x, given, "norm");
  if (p === 1) return sum(b, abs(b, x), axes, keepDims);
  if (p === 2) {
    const input = share(b, x);
    const count = size(axes.map((axis) => x.type.shape[axis]!));
    const bits = resultBits(b);
    if (limitOf(input) ** 2 * count > 2 ** bits) b.assume(input, `norm: the sum of squares < 2^${bits}`);
    return sqrt(b, share(b, sum(b, square(b, input), axes, keepDims)), { positive: true });
  }
  if (p !== Number.POSITIVE_INFINITY) throw new BoundError(`norm: expected 1, 2 or Infinity, got ${p}; try 2`);
  const { shape } = x.type;
  const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const rest = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const columns = rest.map((axis) => shape[axis]!);
  const turned = b.node("transpose", [abs(b, x)], { axes: [...axes, ...rest] });
  const rows = size(axes.map((axis) => shape[axis]!));
  return reshape(b, max(b, reshape(b, turned, [rows, size(columns)]), 0).value, keepDims ? kept : columns);
}

/**
 * The product of all values along an axis, or of a whole tensor: halves are multiplied until one is left. Right where it and all
 * products of halves are below 2^15; an error of one unit at each level, times what it is multiplied by. No axis of length 0.
 */
export function prod(b: Builder, x: Ref, given?: number, keepDims = false): Ref {
  const { shape } = x.type;
  const axis = given === undefined ? undefined : normalizeAxis(given, shape.length, "prod");
  const count = axis === undefined ? size(shape) : shape[axis]!;
  if (count === 0) throw new ShapeError("prod: expected at least one element, got an empty axis; try a longer one");
  const at = axis ?? 0;
  const bits = resultBits(b);
  if (limitOf(share(b, x)) ** count > 2 ** bits)
    b.assume(share(b, x), `prod: products of all and of halves < 2^${bits}`);
  let left = axis === undefined ? reshape(b, share(b, x), [count]) : share(b, x);
  for (let length = count; length > 1; length = Math.ceil(length / 2)) {
    const half = length >> 1;
    const product = share(b, mul(b, slice(b, left, at, 0, half), slice(b, left, at, half, 2 * half)));
    const odd = slice(b, left, at, 2 * half, length);
    left = length % 2 === 0 ? product : concat(b, [product, odd], at);
  }
  const kept = shape.map((length, i) => (axis === undefined || i === axis ? 1 : length));
  return reshape(b, left, keepDims ? kept : kept.filter((_, i) => axis !== undefined && i !== axis));
}
