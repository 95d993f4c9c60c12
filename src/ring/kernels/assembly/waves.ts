// Powers of two and waves of words, in double precision, two words per v128: the addends' sides of addition theorems. The same
// double operations in the same order as the twin's, so that all parties round alike; no branch on words.

/** 1.5 * 2^52: adding it to a double below 2^51 leaves the rounded integer in the low bits. */
const MAGIC: f64 = 6755399441055744.0;
const MAGIC_BITS: i64 = 0x4338000000000000;

/** A signed integer below 2^51 as a double. */
// @ts-ignore: decorator
@inline
function toDouble(x: v128): v128 {
  return f64x2.sub(i64x2.add(x, i64x2.splat(MAGIC_BITS)), f64x2.splat(MAGIC));
}
/** A double below 2^51 as the nearest integer, ties to even. */
// @ts-ignore: decorator
@inline
export function toWord(x: v128): v128 {
  return i64x2.sub(f64x2.add(x, f64x2.splat(MAGIC)), i64x2.splat(MAGIC_BITS));
}
// @ts-ignore: decorator
@inline
export function times(x: v128, c: f64): v128 { return f64x2.mul(x, f64x2.splat(c)); }
/** x y + c. */
// @ts-ignore: decorator
@inline
function step(x: v128, y: v128, c: f64): v128 { return f64x2.add(f64x2.mul(x, y), f64x2.splat(c)); }

// @ts-ignore: decorator
@inline
export function load(at: usize, pair: bool): v128 { return pair ? v128.load(at) : v128.load64_zero(at); }
// @ts-ignore: decorator
@inline
export function put(at: usize, x: v128, pair: bool): void {
  if (pair) v128.store(at, x);
  else v128.store64_lane(at, x, 0);
}

/** 2^(whole part) of words with 5 whole bits, as words. */
// @ts-ignore: decorator
@inline
function wholePower(y: v128): v128 {
  // The double 2^i has i + 1023 as its exponent.
  const exponent = i64x2.add(i64x2.shr_u(y, 59), i64x2.splat(1023));
  return toWord(i64x2.shl(exponent, 52));
}
/** 2^(fraction - 1/2), by Taylor's series. */
// @ts-ignore: decorator
@inline
export function fractionPower(y: v128): v128 {
  const above = v128.or(i64x2.shr_u(i64x2.shl(y, 5), 12), i64x2.splat(0x3ff0000000000000));
  const z = times(f64x2.sub(above, f64x2.splat(1.5)), 0.6931471805599453);
  let p = step(f64x2.splat(2.755731922398589e-7), z, 2.7557319223985893e-6);
  p = step(p, z, 2.48015873015873e-5);
  p = step(p, z, 1.984126984126984e-4);
  p = step(p, z, 1.388888888888889e-3);
  p = step(p, z, 8.333333333333333e-3);
  p = step(p, z, 4.1666666666666664e-2);
  p = step(p, z, 1.6666666666666666e-1);
  p = step(p, z, 0.5);
  p = step(p, z, 1.0);
  return step(p, z, 1.0);
}

// @ts-ignore: decorator
@inline
function octavesAt(dst: usize, x: usize, rows: usize, factor: v128, offset: v128, pair: bool): void {
  const y = i64x2.add(i64x2.mul(load(x, pair), factor), offset);
  put(dst, wholePower(y), pair);
  put(dst + rows, toWord(times(fractionPower(y), 1518500249.988025)), pair);
}
export function octaves(dst: usize, x: usize, n: i32, factor: i64, offset: i64): void {
  const rows = <usize>n << 3;
  const by = i64x2.splat(factor);
  const off = i64x2.splat(offset);
  for (let i = n >> 1; i > 0; i--) {
    octavesAt(dst, x, rows, by, off, true);
    dst += 16; x += 16;
  }
  if (n & 1) octavesAt(dst, x, rows, by, off, false);
}

/** sin(2 pi y / 2^66) by Taylor's series: a quarter of the angle, at most pi/4. */
// @ts-ignore: decorator
@inline
function quarterSine(a: v128, a2: v128): v128 {
  let p = step(f64x2.splat(1.6059043836821613e-10), a2, -2.505210838544172e-8);
  p = step(p, a2, 2.7557319223985893e-6);
  p = step(p, a2, -1.984126984126984e-4);
  p = step(p, a2, 8.333333333333333e-3);
  p = step(p, a2, -1.6666666666666666e-1);
  p = step(p, a2, 1.0);
  return f64x2.mul(p, a);
}
// @ts-ignore: decorator
@inline
function quarterCosine(a2: v128): v128 {
  let p = step(f64x2.splat(-1.1470745597729725e-11), a2, 2.08767569878681e-9);
  p = step(p, a2, -2.755731922398589e-7);
  p = step(p, a2, 2.48015873015873e-5);
  p = step(p, a2, -1.388888888888889e-3);
  p = step(p, a2, 4.1666666666666664e-2);
  p = step(p, a2, -0.5);
  return step(p, a2, 1.0);
}

/**
 * Cosine and sine of the waves 1, 1 + by, 1 + 2 by, … in turn. `g` 0: rounded to `bits` fraction bits, into rows of dst.
 * Otherwise dst += g_cos (a cos + b sin) + g_sin (b cos - a sin) for the coefficients a, b and rows of g.
 */
// @ts-ignore: decorator
@inline
function wavesAt(
  dst: usize, x: usize, g: usize, rows: usize, factor: v128, by: i32, count: i32, bits: f64, coefficients: usize, pair: bool,
): void {
  const y = i64x2.mul(load(x, pair), factor);
  const a = times(toDouble(i64x2.shr_s(y, 12)), 3.487868498008632e-16);
  const a2 = f64x2.mul(a, a);
  let s = quarterSine(a, a2);
  let c = quarterCosine(a2);
  const t = f64x2.mul(s, c);
  c = f64x2.sub(f64x2.splat(1), times(f64x2.mul(s, s), 2));
  s = times(t, 2);
  const u = f64x2.mul(s, c);
  c = f64x2.sub(f64x2.splat(1), times(f64x2.mul(s, s), 2));
  s = times(u, 2);
  let stepCos = c;
  let stepSin = s;
  if (by == 2) {
    const v = f64x2.mul(s, c);
    stepCos = f64x2.sub(f64x2.splat(1), times(f64x2.mul(s, s), 2));
    stepSin = times(v, 2);
  }
  let sum = g != 0 ? load(dst, pair) : i64x2.splat(0);
  for (let k = 0; k < count; k++) {
    if (g == 0) {
      put(dst, toWord(times(c, bits)), pair);
      put(dst + rows, toWord(times(s, bits)), pair);
      dst += rows << 1;
    } else {
      const even = f64x2.splat(f64.load(coefficients));
      const odd = f64x2.splat(f64.load(coefficients, 8));
      const h = toWord(f64x2.add(f64x2.mul(even, c), f64x2.mul(odd, s)));
      const l = toWord(f64x2.sub(f64x2.mul(odd, c), f64x2.mul(even, s)));
      sum = i64x2.add(sum, i64x2.mul(load(g, pair), h));
      sum = i64x2.add(sum, i64x2.mul(load(g + rows, pair), l));
      g += rows << 1;
      coefficients += 16;
    }
    const next = f64x2.sub(f64x2.mul(c, stepCos), f64x2.mul(s, stepSin));
    s = f64x2.add(f64x2.mul(s, stepCos), f64x2.mul(c, stepSin));
    c = next;
  }
  if (g != 0) put(dst, sum, pair);
}

export function waves(dst: usize, x: usize, n: i32, factor: i64, by: i32, count: i32, bits: i32): void {
  const rows = <usize>n << 3;
  const f = i64x2.splat(factor);
  const scale = <f64>((<i64>1) << bits);
  for (let i = n >> 1; i > 0; i--) {
    wavesAt(dst, x, 0, rows, f, by, count, scale, 0, true);
    dst += 16; x += 16;
  }
  if (n & 1) wavesAt(dst, x, 0, rows, f, by, count, scale, 0, false);
}

export function wavesAdd(
  dst: usize, x: usize, g: usize, n: i32, factor: i64, by: i32, count: i32, coefficients: usize,
): void {
  const rows = <usize>n << 3;
  const f = i64x2.splat(factor);
  for (let i = n >> 1; i > 0; i--) {
    wavesAt(dst, x, g, rows, f, by, count, 0, coefficients, true);
    dst += 16; x += 16; g += 16;
  }
  if (n & 1) wavesAt(dst, x, g, rows, f, by, count, 0, coefficients, false);
}
