/**
 * Functions that are smooth near 0 and straight lines beyond: sigmoid, tanh, erf, gelu, silu, softplus. A sum of waves near 0, side
 * by side with two comparisons that tell where the lines begin; then the line is selected.
 */
import { add, constant, mul, share, sub } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { atLeast, below, correction, lowered, plus, timesConstant, truncated } from "./fixed.js";
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
  const corrections = [
    correction(b, atLeast(b, x, limit), line(above), inside),
    correction(b, below(b, x, -limit), line(shape.below), inside),
  ];
  return corrections.reduce<Ref>((sum, part) => (part ? add(b, sum, part) : sum), inside);
}
/** A share as a product at a higher scale. Where it does not fit, the result is garbage that nobody selects. */
function raisedProduct(b: Builder, x: Ref, scale: number): Ref {
  return b.node("lift", [b.node("rescale", [x], { bits: scale - x.type.scale })]);
}

const logistic: Shape = { series: fits.tanhHalf, amplitude: 0.5, plus: 0.5, above: 1, below: 0 };

/** 1 / (1 + exp(-x)) for all x. */
export function sigmoid(b: Builder, x: Ref): Ref {
  const output = saturating(b, share(b, x), logistic);
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, mul(b, output, sub(b, one(b), output)))]);
}

/** tanh(x) for all x. */
export function tanh(b: Builder, x: Ref): Ref {
  const output = saturating(b, share(b, x), { series: fits.tanhHalf, stretch: 2, above: 1, below: -1 });
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, sub(b, one(b), mul(b, output, output)))]);
}

/** The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, for all x. */
export function erf(b: Builder, x: Ref): Ref {
  return curved(b, x, { series: fits.erf, above: 1, below: -1 }, { series: fits.erfSlope, above: 0, below: 0 });
}

const slope = { plus: 0.5, above: 1, below: 0 } as const;
const bend = { plus: "x/2", above: "x", below: 0 } as const;

/** x Phi(x), with Phi the normal distribution, for all x; with "tanh" the approximation that PyTorch has under that name. */
export function gelu(b: Builder, x: Ref, approximate: "none" | "tanh" = "none"): Ref {
  const [series, derivative] =
    approximate === "none" ? [fits.gelu, fits.geluSlope] : [fits.geluTanh, fits.geluTanhSlope];
  return curved(b, x, { series, ...bend }, { series: derivative, ...slope });
}

/** x / (1 + exp(-x)) for all x. */
export function silu(b: Builder, x: Ref): Ref {
  return curved(b, x, { series: fits.silu, ...bend }, { series: fits.siluSlope, ...slope });
}

/** log(1 + exp(x)) for all x. */
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

/**
 * max(0, min(1, x / 6 + 1/2)): PyTorch's hardsigmoid, the cheap relative of sigmoid, 0.07 away from it at most. For models that
 * are trained with it. The gradient is 1/6 inside and 0 outside.
 */
export function hardsigmoid(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const inside = truncated(b, plus(b, b.node("lift", [timesConstant(b, input, 1 / 6, 20)]), 0.5), b.env.fraction, 14);
  const [high, low] = [atLeast(b, input, 3), below(b, input, -3)];
  const parts = [correction(b, high, one(b), inside), correction(b, low, constant(b, 0, [], 0), inside)];
  const output = parts.reduce<Ref>((sum, part) => (part ? add(b, sum, part) : sum), inside);
  return b.define(output, [x], (_, gradient) => {
    const sixth = share(b, mul(b, gradient, constant(b, 1 / 6, [], 20)));
    const outside = [high, low].reduce((both, bit) => (both && bit ? b.node("xor", [both, bit]) : (both ?? bit)));
    return [outside ? b.node("select", [b.node("not", [outside]), sixth]) : sixth];
  });
}
