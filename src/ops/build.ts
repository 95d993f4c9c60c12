/**
 * Operators as people think of them, composed from the table: broadcasting, scale alignment, relu, maximum, mean. What
 * `tensor/` and gradient rules call; records nodes, computes nothing.
 */
import { ScaleError, ShapeError } from "../errors.js";
import { broadcastShapes, encodeScalar, type Shape, sameShape, size } from "../ring/index.js";
import { factor, share } from "./factor.js";
import type { Builder, Ref } from "./op.js";
import { encodeWords } from "./source.js";

export { factor, share };

/** A public number or tensor, as integers at `scale` fraction bits. */
export function constant(b: Builder, values: number | ArrayLike<number>, shape: Shape, scale: number): Ref {
  const list = typeof values === "number" ? [values] : Array.from(values);
  const words = BigInt64Array.from(list, (value) => encodeScalar(value, scale));
  let bound = 1;
  for (const word of words) while (word >= 1n << BigInt(bound) || -word >= 1n << BigInt(bound)) bound++;
  return b.node("constant", [], { shape, scale, bound, words: encodeWords(words) });
}

/** The fewest fraction bits (at most `limit`) at which the number is exact, or `limit`. */
export function exactScale(value: number, limit: number): number {
  let scale = 0;
  while (scale < limit && !Number.isInteger(value * 2 ** scale)) scale++;
  return scale;
}

function raise(b: Builder, x: Ref, scale: number): Ref {
  return x.type.scale === scale ? x : b.node("rescale", [x], { bits: scale - x.type.scale });
}
function expand(b: Builder, x: Ref, shape: Shape): Ref {
  return sameShape(x.type.shape, shape) ? x : b.node("broadcast", [x], { shape });
}
function numeric(b: Builder, x: Ref): Ref {
  return x.type.kind === "bits" ? b.node("fromBits", [x]) : x;
}

/** Brings two values to one kind, scale and shape, so that they can be added. A product pulls the other up to it. */
export function align(b: Builder, x: Ref, y: Ref): [Ref, Ref] {
  let pair: [Ref, Ref] = [numeric(b, x), numeric(b, y)];
  const kinds = pair.map((ref) => ref.type.kind);
  const target = kinds.includes("product") ? "product" : kinds.includes("share") ? "share" : "public";
  const scale = Math.max(pair[0].type.scale, pair[1].type.scale);
  if (scale > 61) throw new ScaleError(`add: expected a common scale of at most 61 bits, got ${scale}; try truncating`);
  const shape = broadcastShapes(pair[0].type.shape, pair[1].type.shape);
  pair = pair.map((ref) => {
    let out = ref;
    if (out.type.kind === "public" && target !== "public") out = b.node("secret", [out]);
    if (out.type.kind === "share" && target === "product") out = b.node("lift", [out]);
    return expand(b, raise(b, out, scale), shape);
  }) as [Ref, Ref];
  return pair;
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

/** A product with a public scalar keeps the other's kind; otherwise both are brought to shares first. */
export function mul(b: Builder, x: Ref, y: Ref): Ref {
  for (const [a, c] of [[x, y], [y, x]] as const)
    if (a.type.kind === "public" && a.type.shape.length === 0 && c.type.kind !== "public")
      return b.node("mul", [fitScale(b, numeric(b, c), a), a]);
  const [p, q] = [factor(b, x), factor(b, y)];
  const shape = broadcastShapes(p.type.shape, q.type.shape);
  return b.node("mul", [expand(b, p, shape), expand(b, q, shape)]);
}
/** Truncates first when the product's scale would leave no room for integer bits. */
function fitScale(b: Builder, x: Ref, scalar: Ref): Ref {
  return x.type.scale + scalar.type.scale > 54 ? factor(b, x) : x;
}

export function square(b: Builder, x: Ref): Ref {
  return mul(b, x, x);
}

/** Division by a public number: a product with its reciprocal at the session's scale. */
export function divPublic(b: Builder, x: Ref, divisor: number): Ref {
  if (divisor === 0 || !Number.isFinite(divisor)) throw new ScaleError(`div: expected a finite divisor other than 0, got ${divisor}`);
  return scaleBy(b, x, 1 / divisor);
}
/** x times a public number; a power of two costs no precision. */
export function scaleBy(b: Builder, x: Ref, value: number): Ref {
  const scale = exactScale(value, b.env.fraction);
  return mul(b, x, constant(b, value, [], scale));
}

export function matmul(b: Builder, x: Ref, y: Ref): Ref {
  return b.node("matmul", [factor(b, x), factor(b, y)]);
}

export function sum(b: Builder, x: Ref, axes?: readonly number[], keepDims = false): Ref {
  const value = numeric(b, x);
  const rank = value.type.shape.length;
  const over = [...new Set(axes ?? value.type.shape.map((_, i) => i))].map((axis) => normal(axis, rank)).sort((p, q) => p - q);
  if (over.length === 0) return value;
  const summed = b.node("sum", [value], { axes: over });
  if (!keepDims) return summed;
  return b.node("reshape", [summed], { shape: value.type.shape.map((d, i) => (over.includes(i) ? 1 : d)) });
}
export function mean(b: Builder, x: Ref, axes?: readonly number[], keepDims = false): Ref {
  const total = sum(b, x, axes, keepDims);
  return divPublic(b, total, Math.max(1, size(x.type.shape) / Math.max(1, size(total.type.shape))));
}
function normal(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(at) || at < 0 || at >= rank) throw new ShapeError(`axis: expected -${rank} to ${rank - 1}, got ${axis}`);
  return at;
}

export function reshape(b: Builder, x: Ref, shape: Shape): Ref {
  return sameShape(x.type.shape, shape) ? x : b.node("reshape", [x], { shape });
}
export function transpose(b: Builder, x: Ref, axes?: readonly number[]): Ref {
  const order = axes ?? x.type.shape.map((_, i) => x.type.shape.length - 1 - i);
  return b.node("transpose", [numeric(b, x)], { axes: order.map((axis) => normal(axis, x.type.shape.length)) });
}
export function slice(b: Builder, x: Ref, axis: number, start: number, end: number): Ref {
  return b.node("slice", [numeric(b, x)], { axis: normal(axis, x.type.shape.length), start, end });
}
export function concat(b: Builder, parts: readonly Ref[], axis: number): Ref {
  const first = parts[0];
  if (!first) throw new ShapeError("concat: expected at least one value, got none");
  const shares = parts.map((part) => share(b, part));
  const scale = Math.max(...shares.map((part) => part.type.scale));
  return b.node("concat", shares.map((part) => raise(b, part, scale)), { axis: normal(axis, first.type.shape.length) });
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
export function not(b: Builder, x: Ref): Ref {
  return b.node("not", [x]);
}
/** x where the bit is set, else y. */
export function where(b: Builder, bit: Ref, x: Ref, y: Ref): Ref {
  const [p, q] = align(b, share(b, x), share(b, y));
  const shape = p.type.shape;
  if (!sameShape(bit.type.shape, shape)) {
    const asNumber = expand(b, b.node("fromBits", [bit]), shape);
    return add(b, q, mul(b, asNumber, sub(b, p, q)));
  }
  return b.node("choose", [bit, p, q]);
}

/** max(x, 0): the sign bit, then one selection. The gradient reuses the bit. */
export function relu(b: Builder, x: Ref): Ref {
  const value = share(b, x);
  return b.node("select", [not(b, isNegative(b, value)), value]);
}
export function maximum(b: Builder, x: Ref, y: Ref): Ref {
  return where(b, less(b, x, y), y, x);
}

/**
 * The largest element along an axis and its position, by a tournament of ceil(log2 n) levels. Ties go to the lower
 * position. The index is a share at scale 0.
 */
export function maxAndArgmax(b: Builder, x: Ref, axis = -1): { max: Ref; argmax: Ref } {
  const value = share(b, x);
  const rank = value.type.shape.length;
  const at = normal(axis, rank);
  const n = value.type.shape[at]!;
  if (n === 0) throw new ShapeError("max: expected at least one element, got an empty axis");
  const positions = constant(b, Array.from({ length: n }, (_, i) => i), value.type.shape.map((_, i) => (i === at ? n : 1)), 0);
  let max = value;
  let index = b.node("broadcast", [b.node("secret", [positions])], { shape: value.type.shape });
  while (max.type.shape[at]! > 1) {
    const length = max.type.shape[at]!;
    const half = length >> 1;
    const cut = (ref: Ref, start: number, end: number) => b.node("slice", [ref], { axis: at, start, end });
    const [left, right] = [cut(max, 0, half), cut(max, half, 2 * half)];
    const [leftAt, rightAt] = [cut(index, 0, half), cut(index, half, 2 * half)];
    const rightWins = less(b, left, right);
    const winner = b.node("choose", [rightWins, right, left]);
    const winnerAt = b.node("choose", [rightWins, rightAt, leftAt]);
    const join = (won: Ref, all: Ref) =>
      length % 2 === 0 ? won : b.node("concat", [won, cut(all, length - 1, length)], { axis: at });
    max = join(winner, max);
    index = join(winnerAt, index);
  }
  const shape = value.type.shape.filter((_, i) => i !== at);
  return { max: reshape(b, max, shape), argmax: reshape(b, index, shape) };
}
