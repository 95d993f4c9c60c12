// Powers of two of words with 5 whole bits, cut into a digit of 8 octaves and the rest: the two sides of exp2 (../kernels.ts). The
// same double operations in the same order as the twin's; no branch on words.
import { fractionPower, load, put, times, toWord } from "./waves";

/** Fraction bits of either side. */
const LEFT: f64 = 16777216.0;
const RIGHT: f64 = 536870912.0;

/** The double 2^e for integers e. */
// @ts-ignore: decorator
@inline
function power(e: v128): v128 { return i64x2.shl(i64x2.add(e, i64x2.splat(1023)), 52); }

/** 2^(y mod 8) for y as 5 whole bits and 59 of fraction. */
// @ts-ignore: decorator
@inline
function octavePower(y: v128): v128 {
  const whole = v128.and(i64x2.shr_u(y, 59), i64x2.splat(7));
  return f64x2.mul(times(fractionPower(y), 1.4142135623730951), power(whole));
}

// @ts-ignore: decorator
@inline
function powersAt(dst: usize, x: usize, rows: usize, factor: v128, pair: bool): void {
  const y = i64x2.mul(load(x, pair), factor);
  const word = toWord(times(octavePower(y), LEFT));
  const digit = i64x2.shr_u(y, 62);
  for (let t = 0; t < 4; t++) put(dst + <usize>t * rows, v128.and(word, i64x2.eq(digit, i64x2.splat(t))), pair);
}
export function powers(dst: usize, x: usize, n: i32, factor: i64): void {
  const rows = <usize>n << 3;
  const by = i64x2.splat(factor);
  for (let i = n >> 1; i > 0; i--) {
    powersAt(dst, x, rows, by, true);
    dst += 16; x += 16;
  }
  if (n & 1) powersAt(dst, x, rows, by, false);
}

// @ts-ignore: decorator
@inline
function powersAddAt(dst: usize, x: usize, g: usize, rows: usize, factor: v128, offset: v128, pair: bool): void {
  const y = i64x2.add(i64x2.mul(load(x, pair), factor), offset);
  const rest = times(octavePower(y), RIGHT);
  // Digits t + digit modulo 4 stand for 0, -24, -16 and -8 octaves.
  const digit = i64x2.add(i64x2.shr_u(y, 62), i64x2.splat(3));
  let sum = load(dst, pair);
  for (let t = 0; t < 4; t++) {
    const turned = v128.and(i64x2.add(digit, i64x2.splat(t)), i64x2.splat(3));
    const octaves = i64x2.sub(i64x2.shl(turned, 3), i64x2.splat(24));
    sum = i64x2.add(sum, i64x2.mul(load(g + <usize>t * rows, pair), toWord(f64x2.mul(rest, power(octaves)))));
  }
  put(dst, sum, pair);
}
export function powersAdd(dst: usize, x: usize, g: usize, n: i32, factor: i64, offset: i64): void {
  const rows = <usize>n << 3;
  const by = i64x2.splat(factor);
  const off = i64x2.splat(offset);
  for (let i = n >> 1; i > 0; i--) {
    powersAddAt(dst, x, g, rows, by, off, true);
    dst += 16; x += 16; g += 16;
  }
  if (n & 1) powersAddAt(dst, x, g, rows, by, off, false);
}
