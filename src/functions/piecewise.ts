/**
 * Functions in straight pieces, which only compare and select: abs, sign, clamp, minimum, hardsigmoid; and integer powers. All but
 * hardsigmoid and powers are exact; with rep3 they take 7 rounds (8 of more than 16384 elements at f = 20).
 */
import { BoundError } from "../errors.js";
import { constant, less, mul, neg, share, where } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import {
  atLeast,
  below,
  limitOf,
  narrowed,
  plus,
  replaced,
  resultBits,
  timesConstant,
  truncated,
  unless,
} from "./fixed.js";
import { reciprocal } from "./powers.js";

/** |x|. The gradient at 0 is 1, where PyTorch's is 0. */
export function abs(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const negative = b.node("isNegative", [input]);
  const signed = (value: Ref) => b.node("choose", [negative, neg(b, value), value]);
  return b.define(signed(input), [x], (_, gradient) => [signed(share(b, gradient))]);
}

/** 1, 0 or -1, at scale 0. No gradient. */
export function sign(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const positive = b.node("isNegative", [neg(b, input)]);
  const difference = b.node("sub", [numberOf(b, positive), numberOf(b, b.node("isNegative", [input]))]);
  return narrowed(b, difference, 1);
}
const numberOf = (b: Builder, bit: Ref) => b.node("fromBits", [bit]);

/** The smaller one, broadcasting. Where both are equal all of the gradient goes to x. */
export function minimum(b: Builder, x: Ref, y: Ref): Ref {
  return where(b, less(b, y, x), y, x);
}

/** x between two public bounds, either of which may be infinite. The gradient passes inside and at the bounds, as in PyTorch. */
export function clamp(b: Builder, x: Ref, low: number, high: number): Ref {
  if (!(low <= high)) throw new BoundError(`clamp: expected low <= high, got ${low} and ${high}; try exchanging them`);
  const input = share(b, x);
  const { fraction } = b.env;
  const above = high < limitOf(input) ? b.node("isNegative", [neg(b, plus(b, input, -high))]) : undefined;
  const under = below(b, input, low);
  // An infinite one is never taken.
  const bound = (value: number) => constant(b, Number.isFinite(value) ? value : 0, [], fraction);
  const value = replaced(b, input, [
    [above, bound(high)],
    [under, bound(low)],
  ]);
  const limit = Math.max(above ? Math.abs(high) : limitOf(input) / 2, under ? Math.abs(low) : limitOf(input) / 2);
  const output = narrowed(b, value, limit + 2 ** -fraction);
  return b.define(output, [x], (_, gradient) => [unless(b, either(b, above, under), share(b, gradient))]);
}

/** Of two bits that are never both set. */
function either(b: Builder, x: Ref | undefined, y: Ref | undefined): Ref | undefined {
  return x && y ? b.node("xor", [x, y]) : (x ?? y);
}

/**
 * max(0, min(1, x / 6 + 1/2)): PyTorch's hardsigmoid, the cheap relative of sigmoid, up to 0.07 away from it. For models that are
 * trained with it. The gradient is 1/6 inside and 0 outside. rep3: 50 bytes a party and element, less than half of sigmoid's.
 */
export function hardsigmoid(b: Builder, x: Ref): Ref {
  const input = share(b, x);
  const line = plus(b, b.node("lift", [timesConstant(b, input, 1 / 6, 20)]), 0.5);
  const inside = truncated(b, line, b.env.fraction, 14);
  const [above, under] = [atLeast(b, input, 3), below(b, input, -3)];
  const value = replaced(b, inside, [
    [above, constant(b, 1, [], 0)],
    [under, constant(b, 0, [], 0)],
  ]);
  return b.define(narrowed(b, value, 1), [x], (_, gradient) => {
    const sixth = share(b, mul(b, gradient, constant(b, 1 / 6, [], 20)));
    return [unless(b, either(b, above, under), sixth)];
  });
}

/**
 * x^n for a whole number n, by squarings; for n < 0 a power of 1/x. Right where the result and the powers x^(2^i) that it is made
 * of are below 2^15, and for n < 0 the same of 1/x. x^0 is 1. The relative error grows with n: 1.6e-5 for n = 2 and 1.9e-4 for
 * n = 15 at f = 16, 1.1e-6 and 1.1e-5 at f = 20. rep3: 2 rounds and 11 bytes a product, squarings and products side by side.
 */
export function pow(b: Builder, x: Ref, n: number): Ref {
  if (!Number.isSafeInteger(n) || Math.abs(n) > 1024)
    throw new BoundError(`pow: expected a whole exponent of at most 1024, got ${n}; try exp of a multiple of log`);
  if (n === 0) return share(b, b.node("broadcast", [constant(b, 1, [], 0)], { shape: x.type.shape }));
  const input = share(b, x);
  const bits = resultBits(b);
  if (n < -1 || (n > 1 && limitOf(input) ** n > 2 ** bits)) b.assume(input, `pow: |x|^${n} < 2^${bits}`);
  const base = n < 0 ? reciprocal(b, input) : input;
  const output = share(b, positivePower(b, base, Math.abs(n)));
  if (n === 1) return output;
  return b.define(output, [x], (_, gradient) => {
    // n x^(n - 1), without a power of the reciprocal where it is there already.
    const lower = n < 0 ? mul(b, output, base) : positivePower(b, base, n - 1);
    return [mul(b, mul(b, gradient, constant(b, n, [], 0)), lower)];
  });
}

function positivePower(b: Builder, x: Ref, n: number): Ref {
  let [result, square]: [Ref | undefined, Ref] = [undefined, x];
  for (let left = n; ; ) {
    if (left % 2 === 1) result = result ? mul(b, result, square) : square;
    left = Math.floor(left / 2);
    if (left === 0) return result!;
    square = mul(b, square, square);
  }
}
