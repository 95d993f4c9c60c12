/**
 * Operators as people think of them, composed from the table: broadcasting, scale alignment, relu, maximum, mean. What
 * `tensor/` and gradient rules call; records nodes, computes nothing.
 */
import { PlanError, ScaleError, ShapeError } from "../errors.js";
import { broadcastShapes, formatShape, normalizeAxis, type Shape, sameShape, size } from "../ring/index.js";
import { factor, factors, share } from "./factor.js";
import { knownRelu } from "./known-relus.js";
import {
  constant,
  exactScale,
  numberOf,
  repeated,
  scalarConstant,
  significantBits,
  significantScale,
  timesNumber,
} from "./numbers.js";
import type { Builder, Ref, ValueType } from "./op.js";
import { matmul, timesTransposed } from "./products.js";
import { maxBound, sumBits } from "./type.js";

export { constant, exactScale, factor, matmul, scalarConstant as publicNumber, share };

function raise(b: Builder, x: Ref, scale: number): Ref {
  return x.type.scale === scale ? x : b.node("rescale", [x], { bits: scale - x.type.scale });
}
/** Repeats along axes of length 1 and missing axes in front. */
export function broadcastTo(b: Builder, x: Ref, shape: Shape): Ref {
  return sameShape(x.type.shape, shape) ? x : b.node("broadcast", [x], { shape });
}
/** Bits as the numbers 0 and 1. */
export function numeric(b: Builder, x: Ref): Ref {
  return x.type.kind === "bits" ? b.node("fromBits", [x]) : x;
}

/**
 * Brings two values to one kind, scale and shape, so that they can be added. A product pulls the other up to it, unless the
 * other's bound would not fit at its scale: then the product is truncated first.
 */
export function align(b: Builder, x: Ref, y: Ref): [Ref, Ref] {
  let pair: [Ref, Ref] = [numeric(b, x), numeric(b, y)];
  const common = () => Math.max(pair[0].type.scale, pair[1].type.scale);
  const overflows = ({ type }: Ref) =>
    type.scale < common() && declaredBound(b, type) + common() - type.scale > maxBound(b.env);
  if (pair.some(overflows))
    pair = both(pair, (ref) => (ref.type.scale > maxBound(b.env) - productIntegerBits(b) ? share(b, ref) : ref));
  const kinds = pair.map((ref) => ref.type.kind);
  const target = kinds.includes("product") ? "product" : kinds.includes("share") ? "share" : "public";
  const scale = common();
  const shape = broadcastShapes(pair[0].type.shape, pair[1].type.shape);
  return both(pair, (ref) => {
    let out = raise(b, ref, scale);
    if (out.type.kind === "public" && target !== "public") out = b.node("secret", [out]);
    if (out.type.kind === "share" && target === "product") out = b.node("lift", [out]);
    return broadcastTo(b, out, shape);
  });
}
function both(pair: readonly [Ref, Ref], change: (ref: Ref) => Ref): [Ref, Ref] {
  return [change(pair[0]), change(pair[1])];
}

export function add(b: Builder, x: Ref, y: Ref): Ref {
  return b.node("add", align(b, x, y));
}
export function sub(b: Builder, x: Ref, y: Ref): Ref {
  return b.node("sub", align(b, x, y));
}
export function neg(b: Builder, x: Ref): Ref {
  return b.node("neg", [numeric(b, x)]);
}

/** A product with one public number keeps the other's kind; otherwise both are brought to shares first. */
export function mul(b: Builder, x: Ref, y: Ref): Ref {
  const shape = broadcastShapes(x.type.shape, y.type.shape);
  const [p, q] = [repeated(b, x), repeated(b, y)];
  if (p && q) return broadcastTo(b, timesNumber(b, p, q), shape);
  for (const [number, other] of [
    [p, y],
    [q, x],
  ] as const)
    if (number && sameShape(other.type.shape, shape)) return timesPublic(b, numeric(b, other), number);
  const [f, g] = factors(b, x, y);
  return b.node("mul", [broadcastTo(b, f, shape), broadcastTo(b, g, shape)]);
}
function timesPublic(b: Builder, x: Ref, number: Ref): Ref {
  return numberOf(b, number) === 1 ? x : b.node("mul", [fit(b, x, number), number]);
}

/**
 * A gradient times a value that was multiplied. One public number times a value that was truncated is taken of the product
 * before its truncation: it does not wait for the value's two rounds, and truncates once itself.
 */
export function timesGradient(b: Builder, gradient: Ref, x: Ref): Ref {
  const number = repeated(b, gradient);
  const { op, inputs } = b.made(x);
  if (!number || op !== "truncate" || x.type.scale + number.type.scale <= b.env.fraction) return mul(b, x, gradient);
  const [product] = inputs as readonly [Ref];
  return leavesRoom(b, product, number) ? share(b, mul(b, product, gradient)) : mul(b, x, gradient);
}
/**
 * A product that meets a public factor before it is truncated is declared below 2^12, so that a run-time scalar of 10 bits
 * finds room at f = 20 (40 + 12 + 10 = 62); or below 2^integerBits, if that is less.
 */
const productIntegerBits = ({ env }: Builder): number => Math.min(12, env.integerBits);

function declaredBound(b: Builder, { kind, bound, scale }: ValueType): number {
  return kind === "product" ? Math.min(bound, scale + productIntegerBits(b)) : bound;
}
/** Bits that a public factor may have before x must be truncated. */
export function roomFor(b: Builder, { type }: Ref): number {
  return maxBound(b.env) - declaredBound(b, type);
}
function leavesRoom(b: Builder, x: Ref, { type: { scale, bound } }: Ref): boolean {
  const { env } = b;
  const product = x.type.scale + scale;
  // In words of 32 bits what is only declared to fit must do so with all integer bits: plan/word-size.ts.
  const declared = x.type.bound + bound >= maxBound(env) && env.wordBits === 32;
  return bound <= roomFor(b, x) && product <= 61 && !(declared && product + env.integerBits > maxBound(env));
}
/** Truncates x first where its product with `scalar` would leave no room. */
function fit(b: Builder, x: Ref, scalar: Ref): Ref {
  return leavesRoom(b, x, scalar) || x.type.scale <= b.env.fraction ? x : share(b, x);
}

/** What was multiplied last by a public number, and that number: a sum and its divisor's reciprocal, for a mean. */
export function splitFactor(b: Builder, x: Ref): { value: Ref; factor: number } {
  const { op, inputs } = b.made(x);
  const factor = op === "mul" ? numberOf(b, inputs[1]!) : undefined;
  return factor ? { value: inputs[0]!, factor } : { value: x, factor: 1 };
}

export function square(b: Builder, x: Ref): Ref {
  return mul(b, x, x);
}

/** Division by a public number: a product with its reciprocal. */
export function divPublic(b: Builder, x: Ref, divisor: number): Ref {
  if (divisor === 0 || !Number.isFinite(divisor))
    throw new ScaleError(`div: expected a finite divisor other than 0, got ${divisor}; try another one`);
  return scaleBy(b, x, 1 / divisor);
}
/**
 * x times a public number, to 16 significant bits at least; a power of two is exact and costs no precision. On a product
 * that has no room for them x is truncated first, which costs two more rounds but not the precision.
 */
export function scaleBy(b: Builder, x: Ref, value: number): Ref {
  if (!Number.isFinite(value)) throw new ScaleError(`mul: expected a finite number, got ${value}; try another one`);
  const number = numberOf(b, x);
  if (number !== undefined) return scalarConstant(b, number * value, significantBits);
  let factored = numeric(b, x);
  const wanted = (room: number) => Math.min(significantBits, room);
  const exact = constantBits(value, significantBits);
  if (roomFor(b, factored) < Math.min(exact, 16) || factored.type.scale + significantScale(value, 16) > 61)
    if (factored.type.scale > b.env.fraction) factored = share(b, factored);
  // One bit less in words of 32 bits: a bound that reaches the limit counts as declared there.
  const room = roomFor(b, factored) - (b.env.wordBits === 32 ? 1 : 0);
  const scalar = scalarConstant(b, value, Math.max(1, wanted(room)), 61 - factored.type.scale);
  return mul(b, factored, scalar);
}
/** Bits of the word that the number becomes: fewer than `bits` if it is exact with fewer. */
function constantBits(value: number, bits: number): number {
  const word = Math.abs(value) * 2 ** significantScale(value, bits);
  return Math.ceil(Math.log2(word + 1));
}

/** [m] x [n] -> [m, n]: a matrix product, so that each vector is sent once. */
export function outer(b: Builder, x: Ref, y: Ref): Ref {
  const [p, q] = [x.type.shape, y.type.shape];
  if (p.length !== 1 || q.length !== 1)
    throw new ShapeError(`outer: expected two vectors, got ${formatShape(p)} and ${formatShape(q)}; try flatten`);
  return matmul(b, reshape(b, x, [p[0]!, 1]), reshape(b, y, [1, q[0]!]));
}
/** x Wᵀ + bias, x: [..., inputs], weight: [outputs, inputs]. */
export function linear(b: Builder, x: Ref, weight: Ref, bias?: Ref): Ref {
  const product = timesTransposed(b, x, weight);
  return bias ? add(b, product, bias) : product;
}

export function sum(b: Builder, x: Ref, axes?: readonly number[], keepDims = false): Ref {
  const value = numeric(b, x);
  const { shape } = value.type;
  const over = distinctAxes(shape, axes, "sum");
  if (over.length === 0) return value;
  const summed = b.node("sum", [value], { axes: over });
  return keepDims
    ? reshape(
        b,
        summed,
        shape.map((d, i) => (over.includes(i) ? 1 : d)),
      )
    : summed;
}
export function mean(b: Builder, x: Ref, axes?: readonly number[], keepDims = false): Ref {
  const total = sum(b, x, axes, keepDims);
  const terms = size(distinctAxes(x.type.shape, axes, "mean").map((axis) => x.type.shape[axis]!));
  if (terms === 0)
    throw new ShapeError(
      `mean: expected at least one element, got shape ${formatShape(x.type.shape)}; try sum, which is 0`,
    );
  return divPublic(b, total, terms);
}
/** Sums of all elements up to each position of an axis. Free. */
export function cumsum(b: Builder, x: Ref, axis: number): Ref {
  return b.node("cumsum", [numeric(b, x)], {
    axis: normalizeAxis(axis, x.type.shape.length, "cumsum"),
    reverse: false,
  });
}
/** Ascending; all of them if none are given. */
function distinctAxes(shape: Shape, axes: readonly number[] | undefined, where: string): number[] {
  const list = axes?.map((axis) => normalizeAxis(axis, shape.length, where)) ?? shape.map((_, i) => i);
  return [...new Set(list)].sort((p, q) => p - q);
}

export function reshape(b: Builder, x: Ref, shape: Shape): Ref {
  return sameShape(x.type.shape, shape) ? x : b.node("reshape", [x], { shape });
}
export function transpose(b: Builder, x: Ref, axes?: readonly number[]): Ref {
  const order = axes ?? x.type.shape.map((_, i) => x.type.shape.length - 1 - i);
  return b.node("transpose", [x], {
    axes: order.map((axis) => normalizeAxis(axis, x.type.shape.length, "transpose")),
  });
}
export function slice(b: Builder, x: Ref, axis: number, start: number, end: number): Ref {
  return b.node("slice", [x], { axis: normalizeAxis(axis, x.type.shape.length, "slice"), start, end });
}
export function concat(b: Builder, parts: readonly Ref[], axis: number): Ref {
  const first = parts[0];
  if (!first) throw new ShapeError("concat: expected at least one value, got none");
  const at = normalizeAxis(axis, first.type.shape.length, "concat");
  if (parts.every(({ type }) => type.kind === "bits")) return b.node("concat", parts, { axis: at });
  const shares = parts.map((part) => share(b, part));
  const scale = Math.max(...shares.map((part) => part.type.scale));
  return b.node(
    "concat",
    shares.map((part) => raise(b, part, scale)),
    { axis: at },
  );
}

/** x < 0 as bits. */
export function isNegative(b: Builder, x: Ref): Ref {
  return b.node("isNegative", [share(b, x)]);
}
/** Bits where x < y; > and the negations follow by swapping and `not`. */
export function less(b: Builder, x: Ref, y: Ref): Ref {
  return isNegative(b, sub(b, share(b, x), share(b, y)));
}
export function equal(b: Builder, x: Ref, y: Ref): Ref {
  return b.node("isZero", [share(b, sub(b, share(b, x), share(b, y)))]);
}
/**
 * Bits [..., classes]: 1 at the position that x is, a whole number from 0 to classes - 1; another x gives any bits. Looks at the few
 * bits that tell these apart: with rep3 2 rounds up to 16 classes, 2 more if x has fraction bits.
 */
export function oneHot(b: Builder, x: Ref, classes: number): Ref {
  const bound = Math.max(1, sumBits(classes));
  b.assume(x, `oneHot: a whole number from 0 to ${classes - 1}`);
  const { shape, scale } = share(b, x).type;
  const whole =
    scale === 0 ? share(b, x) : b.node("truncate", [b.node("lift", [share(b, x)])], { shift: scale, bound });
  const positions = constant(
    b,
    Array.from({ length: classes }, (_, i) => i),
    [classes],
    0,
  );
  return b.node("isZero", [b.node("narrow", [sub(b, reshape(b, whole, [...shape, 1]), positions)], { bound })]);
}
export function not(b: Builder, x: Ref): Ref {
  return b.node("not", [x]);
}
/** x where the bit is set, else y. Bits that have to be broadcast cost a conversion and a product instead of a selection. */
export function where(b: Builder, bit: Ref, x: Ref, y: Ref): Ref {
  if (bit.type.kind !== "bits")
    throw new PlanError(`where: expected bits to choose by, got a ${bit.type.kind}; try a comparison`);
  const [p, q] = align(b, share(b, x), share(b, y));
  const shape = broadcastShapes(bit.type.shape, p.type.shape);
  const [yes, no] = [broadcastTo(b, p, shape), broadcastTo(b, q, shape)];
  if (sameShape(bit.type.shape, shape)) return b.node("choose", [bit, yes, no]);
  return add(b, no, mul(b, broadcastTo(b, numeric(b, bit), shape), sub(b, yes, no)));
}

/** max(x, 0): the sign bit, then one selection. The gradient reuses the bit, which is 1 at 0. */
export function relu(b: Builder, x: Ref): Ref {
  const value = share(b, x);
  return knownRelu(value) ?? b.node("select", [not(b, isNegative(b, value)), value]);
}
/** The larger of two, element by element; x where they are equal. */
export function maximum(b: Builder, x: Ref, y: Ref): Ref {
  return where(b, less(b, x, y), y, x);
}
