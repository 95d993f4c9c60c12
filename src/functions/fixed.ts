/**
 * Fixed-point steps that functions are made of, at scales of their own: `build.ts` brings everything to the session's scale, a
 * function keeps a few bits more until its end. Records nodes; approximates nothing.
 */
import { add, constant } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";

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
