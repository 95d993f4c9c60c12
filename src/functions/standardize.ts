/**
 * (x - mean) / sqrt(variance + eps) over some axes: the middle of every normalisation layer. Not the layers, their running statistics
 * or their parameters, which are in `nn/`.
 */
import { add, broadcastTo, constant, mean, mul, scaleBy, share, square, sub, sum } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { rsqrt } from "./powers.js";

export interface Standardized {
  /** A product: adding a bias to it costs nothing. */
  readonly output: Ref;
  /** Over the axes, which are kept with length 1. */
  readonly mean: Ref;
  /** The biased one: divided by the number of elements. */
  readonly variance: Ref;
}

/**
 * `weight`: multiplies the result; of the shape that the means have. For |x - mean| < 2^11 and a variance below 2^15; the relative
 * error is that of rsqrt and 2^-21 / variance at f = 20, so inputs should not vary by much less than 1/30.
 *
 * Cost of n elements in c groups: with rep3 two truncations of n (of the result, where it is used, and of x, if it is a product) and
 * one rsqrt of c; the gradient, one more of n. Gradient: k (g - mean(g) - x' mean(g x')) for k = weight / sqrt(variance + eps) and the
 * standardised x', with all of its statistics reused.
 */
export function standardize(b: Builder, x: Ref, axes: readonly number[], eps: number, weight?: Ref): Standardized {
  const value = share(b, x);
  const { shape } = value.type;
  const count = axes.reduce((n, axis) => n * shape[axis]!, 1);
  const spread = (ref: Ref) => broadcastTo(b, ref, shape);
  const average = share(b, mean(b, value, axes, true));
  const centred = sub(b, value, average);
  const variance = share(b, mean(b, square(b, centred), axes, true));
  const inverse = rsqrt(b, add(b, variance, constant(b, eps, [], b.env.fraction)));
  const scale = weight ? share(b, mul(b, inverse, weight)) : inverse;
  const output = mul(b, centred, spread(scale));
  b.define(output, weight ? [x, weight] : [x], (_, gradient, wanted) => {
    const whole = share(b, gradient);
    // Sum of g x', which is also the weight's gradient.
    const along = share(b, mul(b, share(b, sum(b, mul(b, whole, centred), axes, true)), inverse));
    if (!wanted[0]) return [undefined, along];
    const factor = share(b, mul(b, share(b, mul(b, scaleBy(b, along, 1 / count), inverse)), scale));
    const rest = sub(b, whole, share(b, mean(b, whole, axes, true)));
    return [sub(b, mul(b, rest, spread(scale)), mul(b, centred, spread(factor))), along];
  });
  return { output, mean: average, variance };
}
