/** Sums of waves: how a fit (series-fits.ts) is evaluated on secrets, in one exchange. Not the fits. */
import { add, constant } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";

/** constant + sum of cos[k] cos(w x) + sin[k] sin(w x) over the waves w = 2 pi (1 + k by) / period; an empty list is zeros. */
export interface Series {
  /** The fit is good up to here. */
  readonly to: number;
  readonly period: number;
  readonly by: 1 | 2;
  readonly constant: number;
  readonly cos: readonly number[];
  readonly sin: readonly number[];
}

/** amplitude f(stretch x), of a share, as a product with twice as many fraction bits as coefficients have, which is `most`. */
export function evaluate(b: Builder, x: Ref, series: Series, { stretch = 1, amplitude = 1, most = 27 } = {}): Ref {
  // So that what all coefficients, cosines and sines round away is below a unit of the result.
  const bits = Math.min(most, b.env.fraction + 7);
  // What multiplies x must be a whole number below 2^53.
  const raised = x.type.scale < 14 ? b.node("rescale", [x], { bits: 14 - x.type.scale }) : x;
  const factor = Math.round((2 ** (64 - raised.type.scale) * stretch) / series.period);
  const count = Math.max(series.cos.length, series.sin.length);
  const whole = (list: readonly number[]) =>
    Array.from({ length: count }, (_, k) => Math.round((list[k] ?? 0) * amplitude * 2 ** bits) + 0);
  const { by } = series;
  const sum = b.node("waves", [raised], { factor, by, bits, cos: whole(series.cos), sin: whole(series.sin) });
  const offset = series.constant * amplitude;
  return offset === 0 ? sum : add(b, sum, constant(b, offset, [], sum.type.scale));
}
