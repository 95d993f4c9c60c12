/**
 * 1/x, x/y, sqrt(x), 1/sqrt(x) and log(x) wherever the result is representable: sums of four waves of the normalised x, times a
 * power of two. Errors are stated as in table.ts; rounds are those of up to 16384 elements.
 */
import { ScaleError } from "../errors.js";
import { add, broadcastTo, constant, mul, neg, share } from "../ops/build.js";
import { type Builder, declaredIntegerBits, type Ref, significantBits, widestBound } from "../ops/index.js";
import { broadcastShapes } from "../ring/index.js";
import { lowered, times, truncated } from "./fixed.js";
import { type Normal, normalisePositive, normaliseSigned, type PositiveNormal, product, rootBits } from "./normal.js";
import { evaluate } from "./series.js";
import * as fits from "./series-fits.js";

/** 1/c, in [1, 2], at no more than `most` fraction bits. */
function inverse(b: Builder, { c }: Normal, most: number): Ref {
  return truncated(b, evaluate(b, c, fits.inverse), Math.min(28, most), 2);
}

/** Fraction bits of what is multiplied by `power` last, so that a result below 2^15 fits. */
const lastBits = ({ exponent }: Normal) => widestBound - declaredIntegerBits - exponent;

function reciprocalOf(b: Builder, normal: Normal): Ref {
  const whole = b.node("mul", [inverse(b, normal, lastBits(normal)), normal.power]);
  return truncated(b, lowered(b, whole, normal.exponent), b.env.fraction, declaredIntegerBits);
}

/** What is known of an argument. */
export interface Known {
  /** x > 0, and x is in the function's domain. Of a divisor it saves finding the sign, which takes no round but words. */
  readonly positive?: boolean;
}
function normalise(b: Builder, x: Ref, where: string, { positive = false }: Known): Normal {
  if (positive) return normalisePositive(b, x);
  b.assume(x, `${where}: |x| > 2^-15`);
  return normaliseSigned(b, x);
}
function positiveOnly(b: Builder, x: Ref, domain: string, { positive = false }: Known): PositiveNormal {
  const input = share(b, x);
  if (!positive) b.assume(input, domain);
  return normalisePositive(b, input);
}

/**
 * 1/x for 2^-15 < |x| < 2^15. At 0 it gives 0, nearer to 0 it is wrong. Largest error 2e-5 at f = 16, 3.8e-6 at f = 20. rep3:
 * 19 rounds, 170 bytes a party and element at f = 16; two rounds more at f = 20.
 */
export function reciprocal(b: Builder, x: Ref, known: Known = {}): Ref {
  const output = reciprocalOf(b, normalise(b, share(b, x), "reciprocal", known));
  return b.define(output, [x], (_, gradient) => [neg(b, mul(b, gradient, mul(b, output, output)))]);
}

/**
 * x / y for 2^-15 < |y| < 2^15 where the result is below 2^15, broadcasting. Where y is 0 it gives 0. Not x times 1/y, which has few
 * digits where y is large: the power of two comes last. Largest error 6.8e-5 at f = 16, 1.4e-4 at f = 20, both where y is a few
 * units; rep3: 21 rounds, 181 bytes at f = 16; two rounds more at f = 20.
 */
export function divide(b: Builder, x: Ref, y: Ref, known: Known = {}): Ref {
  const shape = broadcastShapes(x.type.shape, y.type.shape);
  const [dividend, divisor] = [share(b, x), share(b, y)];
  const normal = normalise(b, divisor, "div", known);
  const [over, under] = [broadcastTo(b, dividend, shape), broadcastTo(b, divisor, shape)];
  const widest = widestBound - 1 - declaredIntegerBits - dividend.type.scale;
  const factor = broadcastTo(b, inverse(b, normal, Math.min(widest, lastBits(normal))), shape);
  const last = Math.min(28, lastBits(normal), over.type.scale + factor.type.scale - 1);
  const quotient = times(b, over, factor, last, declaredIntegerBits + 1);
  const whole = b.node("mul", [quotient, broadcastTo(b, normal.power, shape)]);
  const output = truncated(b, lowered(b, whole, normal.exponent), b.env.fraction, declaredIntegerBits);
  return b.define(output, [over, under], (_, gradient, wanted) => {
    const part = divide(b, gradient, under, known);
    return [wanted[0] ? part : undefined, wanted[1] ? neg(b, mul(b, part, output)) : undefined];
  });
}

/** x / values, public numbers other than 0: a product with their reciprocals, to 24 bits of the largest. */
export function divideByPublic(b: Builder, x: Ref, values: ArrayLike<number>, shape: readonly number[]): Ref {
  const factors = Array.from(values, (value) => 1 / value);
  const largest = factors.reduce((most, factor) => Math.max(most, Math.abs(factor)), 2 ** -20);
  if (!Number.isFinite(largest))
    throw new ScaleError("div: expected finite divisors other than 0, got another one; try replacing it");
  const scale = Math.min(40, Math.max(0, significantBits - 1 - Math.floor(Math.log2(largest))));
  return mul(b, x, constant(b, factors, shape, scale));
}

/**
 * sqrt(x) for 0 <= x < 2^15; 0 gives 0, a negative x something. Largest error 1.8e-5 at f = 16, 2.5e-6 at f = 20. rep3: 19 rounds,
 * 168 bytes at f = 16; two rounds more at f = 20.
 */
export function sqrt(b: Builder, x: Ref, known: Known = {}): Ref {
  const normal = positiveOnly(b, x, "sqrt: x >= 0", known);
  const output = rootOf(b, normal, fits.root, normal.roots);
  return b.define(output, [x], (_, gradient) => [
    mul(b, gradient, mul(b, rootOf(b, normal, fits.inverseRoot, normal.inverseRoots), constant(b, 0.5, [], 1))),
  ]);
}

/**
 * 1 / sqrt(x) for 0 < x < 2^15, down to the smallest x that there is. At 0 it gives 0, a negative x something. Largest error 1.8e-5
 * at f = 16, 2.5e-6 at f = 20. Cost: as sqrt.
 */
export function rsqrt(b: Builder, x: Ref, known: Known = {}): Ref {
  const normal = positiveOnly(b, x, "rsqrt: x > 0", known);
  const output = rootOf(b, normal, fits.inverseRoot, normal.inverseRoots);
  return b.define(output, [x], (_, gradient) => [
    neg(b, mul(b, gradient, mul(b, mul(b, output, reciprocalOf(b, normal)), constant(b, 0.5, [], 1)))),
  ]);
}

/** A function of c times 2^(e/2) or 2^(-e/2). */
function rootOf(b: Builder, normal: PositiveNormal, series: typeof fits.root, factors: readonly [Ref, Ref]): Ref {
  const value = truncated(b, evaluate(b, normal.c, series), rootBits, 1);
  const power = product(b, ...factors);
  return truncated(b, b.node("mul", [value, power]), b.env.fraction, declaredIntegerBits);
}

/**
 * log(x) for 0 < x < 2^15, down to the smallest x that there is; at 0 and below it is wrong. Largest error 1.8e-5 at f = 16, 2e-6 at
 * f = 20. rep3: 17 rounds, 130 bytes at f = 16; two rounds more at f = 20.
 */
export function log(b: Builder, x: Ref, known: Known = {}): Ref {
  const normal = positiveOnly(b, x, "log: x > 0", known);
  const whole = add(b, evaluate(b, normal.c, fits.log), normal.log);
  const output = truncated(b, whole, b.env.fraction, 5);
  return b.define(output, [x], (_, gradient) => [mul(b, gradient, reciprocalOf(b, normal))]);
}
