/**
 * softmax, its logarithm, and the logarithm of a sum of exponentials, along an axis of any length up to some thousands.
 *
 * All three subtract a number near the largest element first, so that any logits within their bound are fine. It is found among the
 * elements rounded to whole numbers (up to 12 elements: to eighths), which takes a comparison of 17 bits instead of 37 in each level
 * of the tournament; that it is off by less than 1 changes nothing but the range of the sum, 1/e to e C for C elements. Then one power
 * of two an element (exp2), one look at the sum (ranged.ts), and for softmax one product. Elements 14 below the largest or more count
 * as 0: an error of at most C e^-14, and of 3e-4 where all of 1024 elements but one lie 15 below it.
 *
 * Largest absolute errors over 9 x 10^6 logits in ±0.1 to ±1000, C from 2 to 4096, with the stochastic rounding:
 *
 * |                       | f = 16 | f = 20 |
 * | softmax               | 9.9e-5 | 4.4e-5 |
 * | logSoftmax, logSumExp | 1.3e-4 | 5.6e-5 |
 *
 * Cost with rep3, 128 x 128: softmax 47 rounds and 1.69 MB a party, logSoftmax 43 and 1.50 MB; 128 x 10: 23 rounds, 21. Of logits that
 * are a product still, 2 rounds less.
 */
import { add, isNegative, mul, not, reshape, share, sub, sum } from "../ops/build.js";
import { max } from "../ops/extremes.js";
import type { Builder, Ref } from "../ops/index.js";
import { normalizeAxis } from "../ring/index.js";
import { plus, times, truncated } from "./fixed.js";
import { type Ranged, ranged } from "./ranged.js";

/** What all of them begin with. */
interface Exponentials {
  readonly axis: number;
  /** Less than 1 away from the largest element along the axis, which has length 1; of few elements less than 1/8. */
  readonly top: Ref;
  /** x - top. */
  readonly shifted: Ref;
  /** exp(shifted). */
  readonly powers: Ref;
  /** Their sum along the axis. */
  readonly total: Ranged;
}

/** What is rounded to at least so much below the largest element is taken part of, as far as exp2 reaches. */
const lowest = 14;
/** Of so few elements the sum ranges over less than a factor of 16 if the largest one is known to an eighth. */
const few = 12;

function exponentials(b: Builder, x: Ref, given: number): Exponentials {
  const { shape } = x.type;
  const axis = normalizeAxis(given, shape.length, "softmax");
  const count = shape[axis]!;
  const input = share(b, x);
  const bits = count <= few ? 3 : 0;
  const coarse = rounded(b, x, input, bits);
  const top = max(b, coarse, axis, true).value;
  const kept = not(b, isNegative(b, plus(b, sub(b, coarse, top), lowest)));
  const shifted = sub(b, input, top);
  const powers = b.node("select", [kept, powersOf(b, shifted)]);
  // One per cent for rounding.
  const off = Math.exp(2 ** -bits) * 1.01;
  const total = ranged(b, sum(b, powers, [axis], true), 1 / off, count * off);
  return { axis, top, shifted, powers, total };
}

/** x rounded up or down to so many fraction bits. */
function rounded(b: Builder, x: Ref, input: Ref, bits: number): Ref {
  if (x.type.scale <= bits) return input;
  const product = x.type.kind === "product" ? x : b.node("lift", [input]);
  return b.node("truncate", [product], { shift: product.type.scale - bits });
}

/** exp(x) for -15.2 < x < 1.38. */
function powersOf(b: Builder, x: Ref): Ref {
  const fine = x.type.scale < 8 ? b.node("rescale", [x], { bits: 8 - x.type.scale }) : x;
  const factor = Math.round(Math.LOG2E * 2 ** (59 - fine.type.scale));
  return truncated(b, b.node("exp2", [fine], { factor, top: 2 }), b.env.fraction, 2);
}

function fractions(b: Builder, { powers, total }: Exponentials): Ref {
  const inverse = b.node("broadcast", [total.reciprocal()], { shape: powers.type.shape });
  return times(b, powers, inverse, b.env.fraction, 1);
}

/** exp(x_i) divided by the sum of all exp(x_j) along the axis. The gradient takes two products an element. */
export function softmax(b: Builder, x: Ref, axis: number): Ref {
  const parts = exponentials(b, x, axis);
  const output = fractions(b, parts);
  return b.define(output, [x], (_, gradient) => {
    const mean = share(b, sum(b, mul(b, gradient, output), [parts.axis], true));
    return [mul(b, output, share(b, sub(b, gradient, mean)))];
  });
}

/** ln softmax(x). The gradient takes the product that makes softmax, and another one. */
export function logSoftmax(b: Builder, x: Ref, axis: number): Ref {
  const parts = exponentials(b, x, axis);
  const output = sub(b, parts.shifted, share(b, parts.total.log()));
  return b.define(output, [x], (_, gradient) => {
    const all = share(b, sum(b, gradient, [parts.axis], true));
    return [sub(b, gradient, mul(b, fractions(b, parts), all))];
  });
}

/** ln of the sum of all exp(x_i) along the axis. The gradient takes the product that makes softmax, and another one. */
export function logSumExp(b: Builder, x: Ref, axis: number, keepDims = false): Ref {
  const parts = exponentials(b, x, axis);
  const kept = add(b, parts.top, share(b, parts.total.log()));
  const shape = x.type.shape.filter((_, i) => i !== parts.axis);
  const output = keepDims ? kept : reshape(b, kept, shape);
  return b.define(output, [x], (_, gradient) => [mul(b, fractions(b, parts), reshape(b, gradient, kept.type.shape))]);
}
