/**
 * Fixed-point steps that functions are made of, at scales of their own: `build.ts` brings everything to the session's scale, a
 * function keeps a few bits more until its end. Records nodes; approximates nothing.
 */
import { add, constant, isNegative, reshape, share, sub } from "../ops/build.js";
import { type Builder, declaredIntegerBits, encodeWords, type Ref } from "../ops/index.js";

/** Results of functions are right below 2^this: what they are made for, or what the session declares, if that is less. */
export const resultBits = ({ env }: Builder): number => Math.min(declaredIntegerBits, env.integerBits);

/** A product (or share) at `scale` fraction bits, fewer than it has; |result| < 2^integerBits follows from the function. */
export function truncated(b: Builder, x: Ref, scale: number, integerBits: number): Ref {
  const product = x.type.kind === "share" ? b.node("lift", [x]) : x;
  return b.node("truncate", [product], { shift: x.type.scale - scale, bound: Math.max(1, scale + integerBits) });
}

/** The product of two shares of equal shape at `scale`. */
export function times(b: Builder, x: Ref, y: Ref, scale: number, integerBits: number): Ref {
  return truncated(b, b.node("mul", [x, y]), scale, integerBits);
}

/** x + value, at the scale of x. */
export function plus(b: Builder, x: Ref, value: number): Ref {
  return add(b, x, constant(b, value, [], x.type.scale));
}

/** x value, `bits` fraction bits more than x. */
export function timesConstant(b: Builder, x: Ref, value: number, bits: number): Ref {
  return b.node("mul", [x, constant(b, value, [], bits)]);
}

/** x / 2^bits: the same words at another scale. */
export function lowered(b: Builder, x: Ref, bits: number): Ref {
  return bits === 0 ? x : b.node("mul", [x, b.node("constant", [], { shape: [], scale: bits, bound: 1, words: one })]);
}
const one = encodeWords(BigInt64Array.of(1n));

/** Row i of values that lie one behind the other along axis 0, under a shape. */
export function row(b: Builder, stack: Ref, i: number, shape: readonly number[]): Ref {
  return reshape(b, b.node("slice", [stack], { axis: 0, start: i, end: i + 1 }), shape);
}

/** x < value, or undefined where the bound of x excludes it. */
export function below(b: Builder, x: Ref, value: number): Ref | undefined {
  return value <= -limitOf(x) ? undefined : isNegative(b, plus(b, x, -value));
}
/** x >= value, or undefined where the bound of x excludes it. */
export function atLeast(b: Builder, x: Ref, value: number): Ref | undefined {
  return value >= limitOf(x) ? undefined : b.node("not", [isNegative(b, plus(b, x, -value))]);
}
/** |x| is below this. */
export function limitOf({ type: { bound, scale } }: Ref): number {
  return 2 ** (bound - scale);
}

/** 0 where the bit is set, else x. */
export function unless(b: Builder, bit: Ref | undefined, x: Ref): Ref {
  return bit ? b.node("select", [b.node("not", [bit]), x]) : x;
}

/** x, but another value where a bit is set. At most one bit of an element may be; all are selected side by side. */
export function replaced(b: Builder, x: Ref, pieces: readonly (readonly [bit: Ref | undefined, other: Ref])[]): Ref {
  return pieces.reduce(
    (sum, [bit, other]) => (bit ? add(b, sum, b.node("select", [bit, share(b, sub(b, other, x))])) : sum),
    x,
  );
}

/** The same value, known to be at most `limit` in size. */
export function narrowed(b: Builder, x: Ref, limit: number): Ref {
  const bound = Math.floor(Math.log2(limit)) + 1 + x.type.scale;
  return x.type.bound <= bound ? x : b.node("narrow", [x], { bound });
}
