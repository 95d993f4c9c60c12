/**
 * sqrt(a^2 + s^2) over a range far wider than squares of fixed-point numbers have, and what is to be divided by it: the step of Adam
 * and its relatives, whose state is a root of a mean of squares. Not a general function: operands have a scale and a bound of their own.
 */
import { add, constant, isNegative, mul, sub } from "../ops/build.js";
import { type Builder, highDigits, type Ref, radix } from "../ops/index.js";
import { lowered, plus, row, truncated } from "./fixed.js";
import { evaluate } from "./series.js";
import * as fits from "./series-fits.js";

/** Words of |a| + s + epsilon have as many bits. */
const width = 40;
/** Words of a and of s stay below 2^operandBits. */
export const operandBits = 38;
const digits = highDigits(width);
/** Fraction bits of operands after the division by a power of two that makes their sum lie in [1/2, 1). */
const unitBits = 24;
const squareBits = 26;
const inverseBits = 22;
const rootBits = 20;
/** Of a power of two times `keep`. */
const lowBits = 26;

export interface Hypot {
  /** keep sqrt(a^2 + s^2), a share at the scale of the operands. */
  readonly root: Ref;
  /** x / (sqrt(a^2 + s^2) + epsilon), as a product with `bits` fraction bits (at most 40), for quotients below 2^integerBits. */
  over(x: Ref, integerBits: number, bits: number): Ref;
}
export interface HypotOptions {
  /** Public, of shape [], above 0, with no more fraction bits than the operands have. */
  readonly epsilon: Ref;
  /** What the root is multiplied by, without a further rounding that would bias it. At most 1. */
  readonly keep?: number;
}

/**
 * For shares a and s >= 0 at one scale, words below 2^38, of which the root may be as small as a unit. All three are divided by the power
 * of two above their sum, so that the sum of squares lies in [1/8, 1); a sum of waves gives its inverse root, another the quotient.
 * Error of a root above 30 epsilon: 3e-6 of it and the rounding to a unit, both without bias (2e-7), so that a state may go through it
 * thousands of times; above 3 epsilon 2e-4, below 5 % of epsilon. Error of quotients: 5e-5, and 8 % of them where epsilon is 2 to 20
 * times the root.
 *
 * Cost with rep3: 37 rounds for root and quotient and about 350 bytes an element and party.
 */
export function hypot(b: Builder, a: Ref, s: Ref, { epsilon, keep = 1 }: HypotOptions): Hypot {
  const { shape, scale } = a.type;
  const size = sub(b, a, mul(b, b.node("select", [isNegative(b, a), a]), constant(b, 2, [], 0)));
  const sum = add(b, add(b, size, s), epsilon);
  // m is the place of the sum's highest bit. 2^(39 - m), in two factors; keep 2^(m + 1), in two.
  const whole = Math.round(keep * 2 ** (lowBits + 1));
  const lows = [(low: number) => 2 ** (radix - 1 - low), zero, (low: number) => whole * 2 ** low, zero];
  const highs = [
    zero,
    (high: number) => 2 ** (radix * (digits - 1 - high)),
    zero,
    (high: number) => 2 ** (radix * high),
  ];
  const weights = {
    // On top of those of digit 0, which is not looked for.
    low: lows.flatMap((of) => Array.from({ length: radix - 1 }, (_, i) => of(i + 1) - of(0))),
    high: highs.flatMap((of) => Array.from({ length: digits }, (_, i) => of(i))),
  };
  const stack = b.node("leading", [sum], { width, signed: false, rows: lows.length, ...weights });
  const shares = b.node("reshare", [stack]);
  const factor = (i: number) => plus(b, row(b, shares, i, shape), lows[i]!(0));
  const power = b.node("reshare", [b.node("mul", [factor(0), factor(1)])]);
  /** x over the power of two above the sum. */
  const unit = (x: Ref, bits: number, integerBits: number) =>
    truncated(b, lowered(b, b.node("mul", [x, power]), width - scale), bits, integerBits);

  const [p, q] = [unit(a, unitBits, 0), unit(s, unitBits, 0)];
  const squares = b.node("add", [b.node("mul", [p, p]), b.node("mul", [q, q])]);
  const u = truncated(b, squares, squareBits, 0);
  const inverse = truncated(b, evaluate(b, u, fits.inverseRootTo8), inverseBits, 3);
  const unitRoot = truncated(b, b.node("mul", [u, inverse]), rootBits, 1);
  const scaled = truncated(b, lowered(b, b.node("mul", [unitRoot, factor(2)]), lowBits), rootBits, radix + 1);
  // Words of the sum are 2^(m + 1) units.
  const root = truncated(b, lowered(b, b.node("mul", [scaled, factor(3)]), scale), scale, operandBits - scale);
  return {
    root,
    over(x, integerBits, bits) {
      const inverseAt = Math.min(inverseBits, Math.ceil((5 * bits) / 9));
      const small = truncated(b, lift(b, lowered(b, mul(b, power, epsilon), width - scale)), rootBits, 1);
      const divisor = add(b, unitRoot, small);
      const quotient = truncated(b, evaluate(b, divisor, fits.inverseTo3), inverseAt, 2);
      return b.node("mul", [unit(x, bits - inverseAt, integerBits + 1), quotient]);
    },
  };
}

const lift = (b: Builder, x: Ref): Ref => (x.type.kind === "share" ? b.node("lift", [x]) : x);
const zero = () => 0;
