/** 1/x where the range of x is known to begin at 1: no comparison and no bits. */
import { mul, neg, share } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { plus, times, timesConstant, truncated } from "./fixed.js";
import { reciprocal } from "./powers.js";
import { evaluate } from "./series.js";
import * as fits from "./series-fits.js";

/**
 * 1/x for 1 <= x <= most; elsewhere wrong. Up to 16 a sum of waves; up to 128 a rough one, made better by Goldschmidt's iteration;
 * above, `reciprocal`. Largest error 5e-5 at f = 16, 3.5e-5 at f = 20. rep3: 3 rounds and 99 bytes a party and element up to 16,
 * 9 rounds and 138 bytes up to 128.
 */
export function reciprocalFromOne(b: Builder, x: Ref, most: number): Ref {
  if (most > fits.inverseTo128.to) return reciprocal(b, x, { positive: true });
  const input = share(b, x);
  const fit = [fits.inverseTo4, fits.inverseTo16].find(({ to }) => most <= to);
  const output = fit ? truncated(b, evaluate(b, input, fit), b.env.fraction, 1) : iterated(b, input);
  return b.define(output, [x], (_, gradient) => [neg(b, mul(b, gradient, mul(b, output, output)))]);
}

/** Fraction bits of residuals, and of what they multiply. */
const scale = 26;
const iterateScale = 30;
/** Makes the most of the first step: of a residual |e| <= 0.1, a y (1 + e) leaves 1 - a + a e^2, below 0.006. In 9 bits. */
const scaling = 515 / 512;

/** Two steps, each with one truncation for the residual and one for the iterate, side by side. */
function iterated(b: Builder, x: Ref): Ref {
  const waves = evaluate(b, x, fits.inverseTo128, { most: 22 });
  const start = truncated(b, waves, iterateScale, 1);
  const residual = plus(b, truncated(b, neg(b, b.node("mul", [x, start])), scale, 1), 1);
  const scaled = truncated(b, timesConstant(b, waves, scaling, 9), iterateScale, 1);
  const first = times(b, scaled, plus(b, residual, 1), iterateScale, 1);
  const square = timesConstant(b, b.node("mul", [residual, residual]), scaling, 9);
  const next = plus(b, truncated(b, square, scale, 1), 1 - scaling);
  return times(b, first, plus(b, next, 1), b.env.fraction, 1);
}
