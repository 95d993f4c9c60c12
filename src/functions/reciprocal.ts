/** 1/x where the range of x is known to begin at 1: no comparison and no bits. */
import { mul, neg, share } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { plus, times, timesConstant, truncated } from "./fixed.js";
import { reciprocal } from "./powers.js";
import { evaluate } from "./series.js";
import * as fits from "./series-fits.js";

/**
 * 1/x for 1 <= x <= most ; elsewhere wrong. Up to 16 a sum of waves, above 1024 `reciprocal`. In between, Goldschmidt's iteration with the best
 * scalings, by which the residual 1 - x y after i steps is a Chebyshev polynomial of degree 2^i of the first one; up to 128 from a
 * sum of waves, else from a constant. Each step takes one truncation for the residual and one for the iterate, side by side.
 */
export function reciprocalFromOne(b: Builder, x: Ref, most: number): Ref {
  if (most > 1024) return reciprocal(b, x, { positive: true });
  const input = share(b, x);
  const fit = [fits.inverseTo4, fits.inverseTo16].find(({ to }) => most <= to);
  const output = fit
    ? truncated(b, evaluate(b, input, fit), b.env.fraction, 1)
    : iterate(b, most <= fits.inverseTo128.to ? startWithWaves(b, input) : startWithConstant(b, input, most));
  return b.define(output, [x], (_, gradient) => [neg(b, mul(b, gradient, mul(b, output, output)))]);
}

/** Fraction bits of residuals: the square of one and a scaling have room. */
const scale = 26;
const freeScale = 27;
const scalingBits = 7;
const iterateScale = 30;

/** Where to begin: the residual 1 - x y, and y times all scalings to come. */
interface Start {
  readonly e: Ref;
  readonly y: Ref;
  readonly scalings: readonly number[];
}

function iterate(b: Builder, { e, y, scalings }: Start): Ref {
  let [residual, iterate] = [e, y];
  for (const [i, a] of scalings.entries()) {
    const last = i === scalings.length - 1;
    iterate = times(b, iterate, plus(b, residual, 1), last ? b.env.fraction : iterateScale, 1);
    if (last) break;
    const square = b.node("mul", [residual, residual]);
    residual = truncated(b, plus(b, timesConstant(b, square, a, scalingBits), 1 - a), scale, 1);
  }
  return iterate;
}

/** A scaling for each step, of which the last is 1; the residual after each is small enough for the next. */
function scalingsFrom(residual: number): number[] {
  const scalings: number[] = [];
  let left = residual;
  while (left > 2 ** -16 && scalings.length < 99) {
    const a = Math.round(2 ** scalingBits / (1 - left ** 2 / 2)) / 2 ** scalingBits;
    scalings.push(a);
    left = Math.max(Math.abs(1 - a), Math.abs(1 - a + a * left ** 2));
  }
  return scalings;
}
const productOf = (scalings: readonly number[]) => scalings.reduce((product, a) => product * a, 1);

/** Relative error of fits.inverseTo128, or a little more. */
const waveResidual = 0.1;

function startWithWaves(b: Builder, x: Ref): Start {
  const scalings = scalingsFrom(waveResidual);
  const waves = evaluate(b, x, fits.inverseTo128, { most: 22 });
  const y = truncated(b, waves, iterateScale, 1);
  const e = plus(b, truncated(b, neg(b, b.node("mul", [x, y])), scale, 1), 1);
  return { e, y: truncated(b, timesConstant(b, waves, productOf(scalings), 10), iterateScale, 1), scalings };
}

function startWithConstant(b: Builder, x: Ref, most: number): Start {
  const { fraction } = b.env;
  const [few, many] = [constantFor(most, freeScale - fraction), constantFor(most, Math.ceil(Math.log2(most)) + 4)];
  const { first, bits, scalings } = few.scalings.length <= many.scalings.length + 1 ? few : many;
  // 1 - first x, the residual of the constant `first`.
  const exact = plus(b, neg(b, timesConstant(b, x, first, bits)), 1);
  const e = exact.type.scale > freeScale ? truncated(b, exact, scale, 1) : exact;
  // The first step, first (1 + e), is linear in x.
  const [a, ...rest] = scalings;
  const factor = first * productOf(scalings);
  const y = truncated(b, timesConstant(b, plus(b, e, 1), factor, 61 - e.type.scale), iterateScale, 1);
  const square = b.node("mul", [e, e]);
  const next = truncated(b, plus(b, timesConstant(b, square, a!, scalingBits), 1 - a!), scale, 1);
  return { e: next, y, scalings: rest };
}

/** The constant to start from, at `bits` fraction bits. */
function constantFor(most: number, bits: number) {
  const first = Math.floor((2 / (most + 1)) * 2 ** bits) / 2 ** bits;
  return { first, bits, scalings: scalingsFrom(Math.max(1 - first, Math.abs(1 - first * most))) };
}
