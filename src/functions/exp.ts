/** The exponential function. */
import { isNegative, mul, share } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { plus, times } from "./fixed.js";

const scale = 30;

/**
 * exp(x) for x <= 0, by (1 + x/2^t)^(2^t) with t = 8 at f = 16 and 10 at f = 20. Below -2^t it gives 0; above 0 it is wrong.
 */
export function expNonPositive(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const squarings = b.env.fraction > 16 ? 10 : 8;
  const tooLow = isNegative(b, plus(b, input, 2 ** squarings - 1));
  // The same words at another scale: x / 2^t, exactly.
  const small = b.node("mul", [input, b.node("constant", [], { shape: [], scale: squarings, bound: 1, words: one })]);
  const bits = scale - small.type.scale;
  let y = plus(b, bits > 0 ? b.node("rescale", [small], { bits }) : small, 1);
  for (let i = 0; i < squarings; i++) y = times(b, y, y, i === squarings - 1 ? b.env.fraction : scale, 1);
  const output = b.node("select", [b.node("not", [tooLow]), y]);
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, output)]);
}
/** The word 1. */
const one = "AQAAAAAAAAA=";
