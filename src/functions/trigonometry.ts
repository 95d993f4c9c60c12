/** Sine and cosine, which have an addition theorem themselves. Largest error 1.6e-5 at f = 16, 1.1e-6 at f = 20; rep3: 3 rounds, 19 bytes. */
import { mul, neg, share } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { truncated } from "./fixed.js";
import { evaluate, type Series } from "./series.js";

const wave: Pick<Series, "to" | "period" | "by" | "constant"> = {
  to: Number.POSITIVE_INFINITY,
  period: 2 * Math.PI,
  by: 1,
  constant: 0,
};

/** sin(x) for all x: whole turns fall off with the high bits of what multiplies x, so there is nothing to reduce. */
export function sin(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const output = truncated(b, evaluate(b, input, { ...wave, cos: [], sin: [1] }), b.env.fraction, 1);
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, cos(b, input))]);
}

/** cos(x) for all x. */
export function cos(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const output = truncated(b, evaluate(b, input, { ...wave, cos: [1], sin: [] }), b.env.fraction, 1);
  return b.define(output, [x], (_, gradient) => [neg(b, mul(b, gradient, sin(b, input)))]);
}
