// The innermost loops of the matrix product: one tile of C, all of one block of K. Blocking and packing are matmul.ts.
//
// Split: x = xl + 2^32 xh, so x*y mod 2^64 = xl*yl + 2^32 (xl*yh + xh*yl): the cross terms need only 32 bits and are
// shifted once at the end. Winograd (inner products, 1968): on top of the split, pairs of k share a multiplication,
//   a0*b0 + a1*b1 = (a0 + b1)*(a1 + b0) - a0*a1 - b0*b1,
// exact in every commutative ring; the last two sums are one number per row and per column and come from packing.
// V8 decides the shapes: 15 vector registers, loads never folded into arithmetic but hoisted to the top of their basic
// block. So no loop is unrolled, for it would spill.

/** Lower halves of the four words in x and y. */
// @ts-ignore: decorator
@inline
function low(x: v128, y: v128): v128 { return v128.shuffle<i32>(x, y, 0, 2, 4, 6); }
/** Upper halves. */
// @ts-ignore: decorator
@inline
function high(x: v128, y: v128): v128 { return v128.shuffle<i32>(x, y, 1, 3, 5, 7); }

/** Columns 0, 1 of a row of the tile: the low product plus the cross terms, shifted into place. */
// @ts-ignore: decorator
@inline
function left(l: v128, x: v128): v128 { return i64x2.add(l, i64x2.shl(i64x2.extend_low_i32x4_u(x), 32)); }
/** Columns 2, 3. */
// @ts-ignore: decorator
@inline
function right(h: v128, x: v128): v128 { return i64x2.add(h, i64x2.shl(i64x2.extend_high_i32x4_u(x), 32)); }

// @ts-ignore: decorator
@inline
function put(c: usize, l: v128, h: v128, first: i32): void {
  if (first) {
    v128.store(c, l);
    v128.store(c, h, 16);
  } else {
    v128.store(c, i64x2.add(v128.load(c), l));
    v128.store(c, i64x2.add(v128.load(c, 16), h), 16);
  }
}

/**
 * 2 x 4 tile; a, b: packed pairs; sumsA, sumsB: the sums of a0*a1 of 2 rows and of b0*b1 of 4 columns.
 *
 * The loop leaves from its middle, and so has the second row twice: the branch keeps V8 from loading the second row's
 * words of A before the first row is done, which costs 3 spilled registers and an eighth of the speed. One accumulator is
 * spilled all the same; that nothing but one addition depends on it keeps the way through memory short.
 */
export function microWinograd(
  c0: usize, c1: usize, a: usize, b: usize, pairs: usize, sumsA: usize, sumsB: usize, first: i32,
): void {
  let l0 = i64x2.splat(0);
  let h0 = i64x2.splat(0);
  let x0 = i64x2.splat(0);
  let l1 = i64x2.splat(0);
  let h1 = i64x2.splat(0);
  let x1 = i64x2.splat(0);
  const end = b + (pairs << 6);
  while (true) {
    const b00 = v128.load(b);
    const b01 = v128.load(b, 16);
    const b10 = v128.load(b, 32);
    const b11 = v128.load(b, 48);
    {
      const p = v128.load64_splat(a, 0);
      const q = v128.load64_splat(a, 8);
      const u0 = i64x2.add(p, b10);
      const u1 = i64x2.add(p, b11);
      const v0 = i64x2.add(q, b00);
      const v1 = i64x2.add(q, b01);
      const ul = low(u0, u1);
      const vl = low(v0, v1);
      l0 = i64x2.add(l0, i64x2.extmul_low_i32x4_u(ul, vl));
      h0 = i64x2.add(h0, i64x2.extmul_high_i32x4_u(ul, vl));
      x0 = i32x4.add(x0, i32x4.add(i32x4.mul(ul, high(v0, v1)), i32x4.mul(high(u0, u1), vl)));
    }
    b += 64;
    if (b == end) {
    {
      const p = v128.load64_splat(a, 16);
      const q = v128.load64_splat(a, 24);
      const u0 = i64x2.add(p, b10);
      const u1 = i64x2.add(p, b11);
      const v0 = i64x2.add(q, b00);
      const v1 = i64x2.add(q, b01);
      const ul = low(u0, u1);
      const vl = low(v0, v1);
      l1 = i64x2.add(l1, i64x2.extmul_low_i32x4_u(ul, vl));
      h1 = i64x2.add(h1, i64x2.extmul_high_i32x4_u(ul, vl));
      x1 = i32x4.add(x1, i32x4.add(i32x4.mul(ul, high(v0, v1)), i32x4.mul(high(u0, u1), vl)));
    }
      break;
    }
    {
      const p = v128.load64_splat(a, 16);
      const q = v128.load64_splat(a, 24);
      const u0 = i64x2.add(p, b10);
      const u1 = i64x2.add(p, b11);
      const v0 = i64x2.add(q, b00);
      const v1 = i64x2.add(q, b01);
      const ul = low(u0, u1);
      const vl = low(v0, v1);
      l1 = i64x2.add(l1, i64x2.extmul_low_i32x4_u(ul, vl));
      h1 = i64x2.add(h1, i64x2.extmul_high_i32x4_u(ul, vl));
      x1 = i32x4.add(x1, i32x4.add(i32x4.mul(ul, high(v0, v1)), i32x4.mul(high(u0, u1), vl)));
    }
    a += 32;
  }
  const sumB0 = v128.load(sumsB);
  const sumB1 = v128.load(sumsB, 16);
  const sumA0 = v128.load64_splat(sumsA);
  const sumA1 = v128.load64_splat(sumsA, 8);
  put(c0, i64x2.sub(left(l0, x0), i64x2.add(sumA0, sumB0)), i64x2.sub(right(h0, x0), i64x2.add(sumA0, sumB1)), first);
  put(c1, i64x2.sub(left(l1, x1), i64x2.add(sumA1, sumB0)), i64x2.sub(right(h1, x1), i64x2.add(sumA1, sumB1)), first);
}

/** 2 x 4 tile; a0, a1: two rows of A; b: B itself, with `row` bytes from one k to the next. */
// @ts-ignore: decorator
@inline
export function microPair(
  c0: usize, c1: usize, a0: usize, a1: usize, b: usize, row: usize, k: usize, first: i32,
): void {
  let l0 = i64x2.splat(0);
  let h0 = i64x2.splat(0);
  let x0 = i64x2.splat(0);
  let l1 = i64x2.splat(0);
  let h1 = i64x2.splat(0);
  let x1 = i64x2.splat(0);
  const end = a0 + (k << 3);
  while (a0 < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const bl = low(b0, b1);
    const bh = high(b0, b1);
    {
      const al = v128.load32_splat(a0);
      const ah = v128.load32_splat(a0, 4);
      l0 = i64x2.add(l0, i64x2.extmul_low_i32x4_u(al, bl));
      h0 = i64x2.add(h0, i64x2.extmul_high_i32x4_u(al, bl));
      x0 = i32x4.add(i32x4.add(x0, i32x4.mul(al, bh)), i32x4.mul(ah, bl));
    }
    {
      const al = v128.load32_splat(a1);
      const ah = v128.load32_splat(a1, 4);
      l1 = i64x2.add(l1, i64x2.extmul_low_i32x4_u(al, bl));
      h1 = i64x2.add(h1, i64x2.extmul_high_i32x4_u(al, bl));
      x1 = i32x4.add(i32x4.add(x1, i32x4.mul(al, bh)), i32x4.mul(ah, bl));
    }
    a0 += 8;
    a1 += 8;
    b += row;
  }
  put(c0, left(l0, x0), right(h0, x0), first);
  put(c1, left(l1, x1), right(h1, x1), first);
}

/** 1 x 8 tile with A and B as they are: a whole cache line of every row of B. */
// @ts-ignore: decorator
@inline
export function microRow(c: usize, a: usize, b: usize, row: usize, k: usize, first: i32): void {
  let l0 = i64x2.splat(0);
  let h0 = i64x2.splat(0);
  let x0 = i64x2.splat(0);
  let l1 = i64x2.splat(0);
  let h1 = i64x2.splat(0);
  let x1 = i64x2.splat(0);
  const end = a + (k << 3);
  while (a < end) {
    const al = v128.load32_splat(a);
    const ah = v128.load32_splat(a, 4);
    {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const bl = low(b0, b1);
      l0 = i64x2.add(l0, i64x2.extmul_low_i32x4_u(al, bl));
      h0 = i64x2.add(h0, i64x2.extmul_high_i32x4_u(al, bl));
      x0 = i32x4.add(i32x4.add(x0, i32x4.mul(al, high(b0, b1))), i32x4.mul(ah, bl));
    }
    {
      const b0 = v128.load(b, 32);
      const b1 = v128.load(b, 48);
      const bl = low(b0, b1);
      l1 = i64x2.add(l1, i64x2.extmul_low_i32x4_u(al, bl));
      h1 = i64x2.add(h1, i64x2.extmul_high_i32x4_u(al, bl));
      x1 = i32x4.add(i32x4.add(x1, i32x4.mul(al, high(b0, b1))), i32x4.mul(ah, bl));
    }
    a += 8;
    b += row;
  }
  put(c, left(l0, x0), right(h0, x0), first);
  put(c + 32, left(l1, x1), right(h1, x1), first);
}

/** The inner product of n contiguous words. */
export function dot(a: usize, b: usize, n: usize): u64 {
  let s0 = i64x2.splat(0);
  let s1 = i64x2.splat(0);
  const end = a + ((n & ~3) << 3);
  while (a < end) {
    s0 = i64x2.add(s0, i64x2.mul(v128.load(a), v128.load(b)));
    s1 = i64x2.add(s1, i64x2.mul(v128.load(a, 16), v128.load(b, 16)));
    a += 32;
    b += 32;
  }
  s0 = i64x2.add(s0, s1);
  let sum: u64 = i64x2.extract_lane(s0, 0) + i64x2.extract_lane(s0, 1);
  for (let rest = n & 3; rest > 0; rest--) {
    sum += load<u64>(a) * load<u64>(b);
    a += 8;
    b += 8;
  }
  return sum;
}

/** The inner product of n words with a column of B (`row` bytes apart), for the few columns beside the tiles. */
export function dotColumn(a: usize, b: usize, row: usize, n: usize): u64 {
  let sum: u64 = 0;
  const end = a + (n << 3);
  while (a < end) {
    sum += load<u64>(a) * load<u64>(b);
    a += 8;
    b += row;
  }
  return sum;
}
