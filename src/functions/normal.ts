/**
 * Floating point on secrets: x = c 2^e with c in [1/2, 1), and numbers that e decides. Not the functions that use it, which are
 * in logarithm.ts and powers.ts.
 */
import { type Builder, declaredIntegerBits, highDigits, type Ref, radix } from "../ops/index.js";
import { lowered, plus, row, timesConstant } from "./fixed.js";

/** A number that the position m of the highest bit decides: low(m mod 8) + high(m div 8), at `scale` fraction bits. */
interface Factor {
  readonly low?: (digit: number) => number;
  readonly high?: (digit: number) => number;
  readonly scale?: number;
}

export interface Normal {
  /** |x| / 2^e as a share, exactly: |x| power / 2^exponent. */
  readonly c: Ref;
  /** 2^exponent / 2^e as a share at scale 0, with the sign of x if that is signed; 0 where x is 0. */
  readonly power: Ref;
  readonly exponent: number;
}

/** Of x that may be negative, a share with |x| < 2^15. */
export function normaliseSigned(b: Builder, x: Ref): Normal {
  const { digits, low, high } = powerOf(x);
  const row = digitRows(b, x, true, digits, [low, high]);
  const power = product(b, row(0), row(1));
  const sign = b.node("reshare", [plus(b, timesConstant(b, row(2), -2, 0), 1)]);
  return { ...scaled(b, product(b, x, sign), power, x, digits), power: product(b, power, sign) };
}

/** Numbers that functions of a positive x make of its exponent, as products. */
export interface PositiveNormal extends Normal {
  /** e log 2. */
  readonly log: Ref;
  /** Two factors of 2^(e/2), and of 2^(-e/2), of which one is to be made a share at `rootBits` fraction bits, see `root`. */
  readonly roots: readonly [Ref, Ref];
  readonly inverseRoots: readonly [Ref, Ref];
}

/** Of a share x with 0 < x < 2^15. All functions of one x have the same first steps, whichever of them are recorded. */
export function normalisePositive(b: Builder, x: Ref): PositiveNormal {
  const { digits, low, high } = powerOf(x);
  const { scale } = x.type;
  const odd = scale % 2;
  const factors: Factor[] = [
    low,
    high,
    // e = m + 1 - scale.
    { low: (digit) => (digit + 1 - scale) * Math.LN2, high: (digit) => radix * digit * Math.LN2, scale: logBits },
    { low: (digit) => 2 ** ((digit + 1 - odd) / 2), scale: rootBits },
    { high: (digit) => 2 ** ((radix / 2) * digit) },
    { low: (digit) => 2 ** ((radix - 1 - digit + odd) / 2), scale: rootBits },
    { high: (digit) => 2 ** ((radix / 2) * (digits - 1 - digit)) },
  ];
  const row = digitRows(b, x, false, digits, factors);
  const power = product(b, row(0), row(1));
  return {
    ...scaled(b, x, power, x, digits),
    power,
    log: row(2),
    roots: [row(3), lowered(b, row(4), (scale - odd) / 2)],
    inverseRoots: [row(5), lowered(b, row(6), (radix * digits - scale + odd) / 2)],
  };
}

/** Fraction bits of what `PositiveNormal` offers. */
const logBits = 44;
export const rootBits = 20;

/** The two factors of 2^(8 digits - 1 - m). */
function powerOf({ type: { scale, bound } }: Ref) {
  const width = Math.min(bound, scale + declaredIntegerBits);
  const digits = highDigits(width);
  const low: Factor = { low: (digit) => 2 ** (radix - 1 - digit) };
  const high: Factor = { high: (digit) => 2 ** (radix * (digits - 1 - digit)) };
  return { digits, low, high };
}

function scaled(b: Builder, size: Ref, power: Ref, { type }: Ref, digits: number): Pick<Normal, "c" | "exponent"> {
  const exponent = radix * digits - type.scale;
  return { c: b.node("reshare", [lowered(b, b.node("mul", [size, power]), exponent)]), exponent };
}

/** The product of two shares or products, which loses nothing. */
export function product(b: Builder, x: Ref, y: Ref): Ref {
  const [p, q] = [x, y].map((ref) => (ref.type.kind === "product" ? b.node("reshare", [ref]) : ref));
  return b.node("reshare", [b.node("mul", [p!, q!])]);
}

/** Factors, and whether x < 0 after them, by number, as products. */
function digitRows(b: Builder, x: Ref, signed: boolean, digits: number, factors: readonly Factor[]) {
  const { shape, scale, bound } = x.type;
  const low = factors.flatMap((factor) =>
    Array.from({ length: radix - 1 }, (_, i) => weight(factor.low, i + 1, factor) - weight(factor.low, 0, factor)),
  );
  const high = factors.flatMap((factor) => Array.from({ length: digits }, (_, i) => weight(factor.high, i, factor)));
  const width = Math.min(bound, scale + declaredIntegerBits);
  const stack = b.node("leading", [x], { width, signed, rows: factors.length, low, high });
  return (i: number): Ref => {
    const words = row(b, stack, i, shape);
    const factor = factors[i];
    return factor ? lowered(b, plus(b, words, weight(factor.low, 0, factor)), factor.scale ?? 0) : words;
  };
}

/** 0 where a factor does not depend on a digit; weights of low digits come on top of digit 0's. */
function weight(of: ((digit: number) => number) | undefined, digit: number, { scale = 0 }: Factor): number {
  return of ? Math.round(of(digit) * 2 ** scale) : 0;
}
