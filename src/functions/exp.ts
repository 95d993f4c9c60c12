/**
 * The exponential function, by the addition theorem of powers of two: Kelkar, Le, Raykova and Seth 2022
 * (https://eprint.iacr.org/2021/208), with the whole part modulo 32 as `octaves` has it. Errors are stated as in table.ts.
 */
import { mul, share } from "../ops/build.js";
import { type Builder, octaveBits, type Ref } from "../ops/index.js";
import { below, limitOf, row, times, truncated, unless } from "./fixed.js";

/**
 * 2^(x perUnit) as a product with 58 - top fraction bits, for top - 29 <= x perUnit < top: one exchange, one truncation of two
 * words, and the product of the two.
 */
function power(b: Builder, x: Ref, perUnit: number, top: number): Ref {
  const { shape, scale } = x.type;
  // What multiplies x must be a whole number below 2^53.
  const raised = scale < 8 ? b.node("rescale", [x], { bits: 8 - scale }) : x;
  const factor = Math.round(perUnit * 2 ** (59 - raised.type.scale));
  const sides = b.node("octaves", [raised], { factor, top });
  const stack = b.node("truncate", [sides], { shift: octaveBits, bound: 33 });
  return b.node("mul", [row(b, stack, 0, shape), row(b, stack, 1, shape)]);
}

/**
 * exp(x) for x <= 1.38, what softmax needs of its differences to the largest. Above, wrong; below -18 it gives 0. Largest error
 * 1.6e-5 at f = 16, 1.1e-6 at f = 20. rep3: 7 rounds (8 of more than 16384 elements at f = 20), 65 bytes a party and element.
 */
export function expNonPositive(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const value = truncated(b, power(b, input, Math.LOG2E, 2), b.env.fraction, 2);
  const output = unless(b, below(b, input, -18), value);
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, output)]);
}

/** log(2^15), rounded down. */
const largest = 10.39;

/**
 * exp(x) for x < 10.39, where it stays below 2^15; above, wrong. Below -20 it gives 0. Largest error 1.7e-5 at f = 16, 1.4e-6 at
 * f = 20. rep3: 9 rounds, 76 bytes; 5 rounds without a comparison where the bound of x says |x| < 8.
 */
export function exp(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const { fraction } = b.env;
  if (limitOf(input) > largest) b.assume(input, `exp: x < ${largest}`);
  let output: Ref;
  if (limitOf(input) <= 8) output = truncated(b, power(b, input, Math.LOG2E, 12), fraction, 12);
  else {
    // More octaves than one power has: the square of exp(x / 2).
    const root = truncated(b, power(b, input, Math.LOG2E / 2, 8), 22, 8);
    output = unless(b, below(b, input, -20), times(b, root, root, fraction, 15));
  }
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, output)]);
}
