/**
 * Functions that are smooth near 0 and straight lines beyond: sigmoid, tanh, erf, gelu, silu, softplus. A sum of waves near 0, side
 * by side with two comparisons that tell where the lines begin; then the line is selected. Sums of waves for smooth functions:
 * Boura et al. 2017 (https://eprint.iacr.org/2017/1234).
 *
 * All take 7 rounds with rep3 (8 of more than 16384 elements at f = 20), and 3 where the bound of x lies within the waves. Errors
 * are stated as in table.ts, bytes a party and element with rep3.
 */
import { constant, mul, share, sub } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { atLeast, below, limitOf, lowered, narrowed, plus, replaced, truncated } from "./fixed.js";
import { evaluate, type Series } from "./series.js";
import * as fits from "./series-fits.js";

/** A line that a function follows beyond the waves: a number, or x itself. */
type Line = number | "x";
interface Shape {
  readonly series: Series;
  readonly stretch?: number;
  readonly amplitude?: number;
  /** Added to the waves: a number, or x / 2. */
  readonly plus?: number | "x/2";
  readonly above: Line;
  readonly below: Line;
}

function saturating(b: Builder, x: Ref, shape: Shape): Ref {
  const { series, stretch = 1, above } = shape;
  const limit = series.to / stretch;
  const waves = evaluate(b, x, series, shape);
  const whole =
    shape.plus === "x/2"
      ? b.node("add", [waves, raisedProduct(b, lowered(b, x, 1), waves.type.scale)])
      : shape.plus
        ? plus(b, waves, shape.plus)
        : waves;
  const inside = truncated(b, whole, b.env.fraction, 4);
  const line = (value: Line) => (value === "x" ? x : constant(b, value, [], 0));
  const value = replaced(b, inside, [
    [atLeast(b, x, limit), line(above)],
    [below(b, x, -limit), line(shape.below)],
  ]);
  // Near 0 values stay below 16, beyond they are x or a number of at most 1.
  return narrowed(b, value, above === "x" ? Math.max(8, limitOf(x) / 2) : 1.5);
}
/** A share as a product at a higher scale. Where it does not fit, the result is garbage that nobody selects. */
function raisedProduct(b: Builder, x: Ref, scale: number): Ref {
  return b.node("lift", [b.node("rescale", [x], { bits: scale - x.type.scale })]);
}

const logistic: Shape = { series: fits.tanhHalf, amplitude: 0.5, plus: 0.5, above: 1, below: 0 };

/** 1 / (1 + exp(-x)) for all x. Largest error 3.4e-5 at f = 16, 1.8e-5 at f = 20; 111 bytes. */
export function sigmoid(b: Builder, x: Ref): Ref {
  const output = saturating(b, share(b, x), logistic);
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, mul(b, output, sub(b, one(b), output)))]);
}

/** tanh(x) for all x. Largest error 5e-5 at f = 16, 3.5e-5 at f = 20; 111 bytes. */
export function tanh(b: Builder, x: Ref): Ref {
  const output = saturating(b, share(b, x), { series: fits.tanhHalf, stretch: 2, above: 1, below: -1 });
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, sub(b, one(b), mul(b, output, output)))]);
}

/**
 * The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, for all x. Largest error 2e-5 at f = 16, 1.3e-5 at
 * f = 20; 84 bytes.
 */
export function erf(b: Builder, x: Ref): Ref {
  return curved(b, x, { series: fits.erf, above: 1, below: -1 }, { series: fits.erfSlope, above: 0, below: 0 });
}

const slope = { plus: 0.5, above: 1, below: 0 } as const;
const bend = { plus: "x/2", above: "x", below: 0 } as const;

/**
 * x Phi(x), with Phi the normal distribution, for all x; with "tanh" the approximation that PyTorch has under that name. Largest
 * error 2.8e-5 at f = 16, 1.2e-5 at f = 20; 95 bytes.
 */
export function gelu(b: Builder, x: Ref, approximate: "none" | "tanh" = "none"): Ref {
  const [series, derivative] =
    approximate === "none" ? [fits.gelu, fits.geluSlope] : [fits.geluTanh, fits.geluTanhSlope];
  return curved(b, x, { series, ...bend }, { series: derivative, ...slope });
}

/** x / (1 + exp(-x)) for all x. Largest error 4.7e-5 at f = 16, 3.2e-5 at f = 20; 137 bytes. */
export function silu(b: Builder, x: Ref): Ref {
  return curved(b, x, { series: fits.silu, ...bend }, { series: fits.siluSlope, ...slope });
}

/** log(1 + exp(x)) for all x. Largest error 3.8e-5 at f = 16, 2.2e-5 at f = 20; 111 bytes. */
export function softplus(b: Builder, x: Ref): Ref {
  return curved(b, x, { series: fits.softplus, ...bend }, logistic);
}

/** A function and its derivative, which share comparisons. */
function curved(b: Builder, x: Ref, value: Shape, derivative: Shape): Ref {
  const input = share(b, x);
  const output = saturating(b, input, value);
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, saturating(b, input, derivative))]);
}

const one = (b: Builder) => constant(b, 1, [], 0);
