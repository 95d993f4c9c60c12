/** 1/x where the range of x is known. */
import { mul, neg, share } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { plus, times, timesConstant, truncated } from "./fixed.js";

/** Of residuals: the square of one and a scaling have room. */
const scale = 26;
const freeScale = 27;
const scalingBits = 7;
const iterateScale = 30;

/**
 * 1/x for 1 <= x <= most (at most 1024); elsewhere wrong. No comparison and no bits: Goldschmidt's iteration with the best
 * scalings, by which the residual 1 - x y after i steps is the Chebyshev polynomial of degree 2^i of x. Each step takes one
 * truncation for the residual and one for the iterate, side by side.
 */
export function reciprocalFromOne(b: Builder, x: Ref, most: number): Ref {
  const input = share(b, x);
  const { fraction } = b.env;
  const [few, many] = [planOf(most, freeScale - fraction), planOf(most, Math.ceil(Math.log2(most)) + 4)];
  const { first, bits, scalings } = few.scalings.length <= many.scalings.length + 1 ? few : many;
  // 1 - first x, the residual of the constant `first`.
  const exact = plus(b, neg(b, timesConstant(b, input, first, bits)), 1);
  let e = exact.type.scale > freeScale ? truncated(b, exact, scale, 1) : exact;
  // The first iterate, first (1 + e), is linear in x; it takes all scalings at once.
  const factor = scalings.reduce((product, a) => product * a, first);
  const room = 61 - Math.max(e.type.scale, Math.ceil(Math.log2(factor)));
  let y = truncated(b, timesConstant(b, plus(b, e, 1), factor, Math.min(room, 61 - e.type.scale)), iterateScale, 1);
  scalings.slice(0, -1).forEach((a, i) => {
    e = truncated(b, plus(b, timesConstant(b, b.node("mul", [e, e]), a, scalingBits), 1 - a), scale, 1);
    y = times(b, y, plus(b, e, 1), i === scalings.length - 2 ? fraction : iterateScale, 1);
  });
  return b.define(share(b, y), [x], (_, gradient) => [neg(b, mul(b, gradient, mul(b, y, y)))]);
}

/** The constant to start from, at `bits` fraction bits, and a scaling for each step. */
function planOf(most: number, bits: number) {
  const first = Math.floor((2 / (most + 1)) * 2 ** bits) / 2 ** bits;
  let residual = Math.max(1 - first, Math.abs(1 - first * most));
  const scalings: number[] = [];
  while (residual > 2 ** -18 && scalings.length < 99) {
    const a = Math.round(2 ** scalingBits / (1 - residual ** 2 / 2)) / 2 ** scalingBits;
    scalings.push(a);
    residual = Math.max(Math.abs(1 - a), Math.abs(1 - a + a * residual ** 2));
  }
  return { first, bits, scalings };
}
