// Element-wise kernels over words of either size: T is i64 or i32. Those of 64 bits are exported here, those of 32 bits in
// elementwise32.ts. Memory-bound in most uses, so unrolled only as far as that takes: 32 bytes at a time.

export const enum Op { Add, Sub, Mul, MulAdd, Xor, And, AndXor, Or, Neg, Not, Shl, Shr, Sar, Copy }

/** One operation on all words of a vector; `op` is a constant at every call, so only one arm is left after inlining. */
// @ts-ignore: decorator
@inline
function apply<T>(op: Op, x: v128, y: v128, old: v128, bits: i32): v128 {
  switch (op) {
    case Op.Add: return v128.add<T>(x, y);
    case Op.Sub: return v128.sub<T>(x, y);
    case Op.Mul: return v128.mul<T>(x, y);
    case Op.MulAdd: return v128.add<T>(old, v128.mul<T>(x, y));
    case Op.Xor: return v128.xor(x, y);
    case Op.And: return v128.and(x, y);
    case Op.AndXor: return v128.xor(old, v128.and(x, y));
    case Op.Or: return v128.or(x, y);
    case Op.Neg: return v128.neg<T>(x);
    case Op.Not: return v128.not(x);
    case Op.Shl: return v128.shl<T>(x, bits);
    case Op.Shr: return sizeof<T>() == 8 ? i64x2.shr_u(x, bits) : i32x4.shr_u(x, bits);
    case Op.Sar: return sizeof<T>() == 8 ? i64x2.shr_s(x, bits) : i32x4.shr_s(x, bits);
    default: return x;
  }
}

/** A single word, in the first lane; the others are zero. */
// @ts-ignore: decorator
@inline
export function loadWord<T>(at: usize): v128 {
  return sizeof<T>() == 8 ? v128.load64_zero(at) : v128.load32_zero(at);
}
// @ts-ignore: decorator
@inline
export function storeWord<T>(at: usize, value: v128): void {
  if (sizeof<T>() == 8) v128.store64_lane(at, value, 0);
  else v128.store32_lane(at, value, 0);
}

/** dst[i] = a[i] op b[i]. What is left beside whole vectors is done as vectors whose upper lanes are never stored. */
// @ts-ignore: decorator
@inline
export function binary<T>(op: Op, dst: usize, a: usize, b: usize, n: usize): void {
  const mask: usize = 32 / sizeof<T>() - 1;
  const end = dst + (n & ~mask) * sizeof<T>();
  while (dst < end) {
    const old0 = op == Op.MulAdd || op == Op.AndXor ? v128.load(dst) : i64x2.splat(0);
    const old1 = op == Op.MulAdd || op == Op.AndXor ? v128.load(dst, 16) : i64x2.splat(0);
    const r0 = apply<T>(op, v128.load(a), v128.load(b), old0, 0);
    const r1 = apply<T>(op, v128.load(a, 16), v128.load(b, 16), old1, 0);
    v128.store(dst, r0);
    v128.store(dst, r1, 16);
    dst += 32;
    a += 32;
    b += 32;
  }
  for (let left = n & mask; left > 0; left--) {
    const old = op == Op.MulAdd || op == Op.AndXor ? loadWord<T>(dst) : i64x2.splat(0);
    storeWord<T>(dst, apply<T>(op, loadWord<T>(a), loadWord<T>(b), old, 0));
    dst += sizeof<T>();
    a += sizeof<T>();
    b += sizeof<T>();
  }
}

/** dst[i] = a[i] op c, with c the same vector for all. */
// @ts-ignore: decorator
@inline
export function unary<T>(op: Op, dst: usize, a: usize, c: v128, bits: i32, n: usize): void {
  const mask: usize = 32 / sizeof<T>() - 1;
  const end = dst + (n & ~mask) * sizeof<T>();
  while (dst < end) {
    const old0 = op == Op.MulAdd ? v128.load(dst) : i64x2.splat(0);
    const old1 = op == Op.MulAdd ? v128.load(dst, 16) : i64x2.splat(0);
    const r0 = apply<T>(op, v128.load(a), c, old0, bits);
    const r1 = apply<T>(op, v128.load(a, 16), c, old1, bits);
    v128.store(dst, r0);
    v128.store(dst, r1, 16);
    dst += 32;
    a += 32;
  }
  for (let left = n & mask; left > 0; left--) {
    const old = op == Op.MulAdd ? loadWord<T>(dst) : i64x2.splat(0);
    storeWord<T>(dst, apply<T>(op, loadWord<T>(a), c, old, bits));
    dst += sizeof<T>();
    a += sizeof<T>();
  }
}

/** dst[i] = c. */
// @ts-ignore: decorator
@inline
export function repeat<T>(dst: usize, c: T, n: usize): void {
  const bytes = n * sizeof<T>();
  if (c == 0) {
    memory.fill(dst, 0, bytes);
    return;
  }
  const value = v128.splat<T>(c);
  const end = dst + (bytes & ~15);
  while (dst < end) {
    v128.store(dst, value);
    dst += 16;
  }
  for (let left = bytes & 15; left > 0; left -= sizeof<T>()) {
    store<T>(dst, c);
    dst += sizeof<T>();
  }
}

export function add(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.Add, dst, a, b, n); }
export function sub(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.Sub, dst, a, b, n); }
export function mul(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.Mul, dst, a, b, n); }
export function mulAdd(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.MulAdd, dst, a, b, n); }
export function xor(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.Xor, dst, a, b, n); }
export function and(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.And, dst, a, b, n); }
export function or(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.Or, dst, a, b, n); }

export function neg(dst: usize, a: usize, n: usize): void { unary<i64>(Op.Neg, dst, a, i64x2.splat(0), 0, n); }
export function not(dst: usize, a: usize, n: usize): void { unary<i64>(Op.Not, dst, a, i64x2.splat(0), 0, n); }
export function addScalar(dst: usize, a: usize, c: i64, n: usize): void { unary<i64>(Op.Add, dst, a, i64x2.splat(c), 0, n); }
export function mulScalar(dst: usize, a: usize, c: i64, n: usize): void { unary<i64>(Op.Mul, dst, a, i64x2.splat(c), 0, n); }
export function mulScalarAdd(dst: usize, a: usize, c: i64, n: usize): void {
  unary<i64>(Op.MulAdd, dst, a, i64x2.splat(c), 0, n);
}
export function andScalar(dst: usize, a: usize, mask: i64, n: usize): void {
  unary<i64>(Op.And, dst, a, i64x2.splat(mask), 0, n);
}
export function shl(dst: usize, a: usize, bits: i32, n: usize): void { unary<i64>(Op.Shl, dst, a, i64x2.splat(0), bits, n); }
export function shr(dst: usize, a: usize, bits: i32, n: usize): void { unary<i64>(Op.Shr, dst, a, i64x2.splat(0), bits, n); }
export function sar(dst: usize, a: usize, bits: i32, n: usize): void { unary<i64>(Op.Sar, dst, a, i64x2.splat(0), bits, n); }

export function copy(dst: usize, a: usize, n: usize): void { memory.copy(dst, a, n << 3); }

export function fill(dst: usize, c: i64, n: usize): void { repeat<i64>(dst, c, n); }

export function andXor(dst: usize, a: usize, b: usize, n: usize): void { binary<i64>(Op.AndXor, dst, a, b, n); }

export function andLocal(dst: usize, x0: usize, x1: usize, y0: usize, y1: usize, mask: usize, n: usize): void {
  let at: usize = 0;
  const end = (n & ~1) << 3;
  for (; at < end; at += 16) {
    const y = v128.load(y0 + at);
    const left = v128.and(v128.load(x0 + at), v128.xor(y, v128.load(y1 + at)));
    const right = v128.xor(v128.and(v128.load(x1 + at), y), v128.load(mask + at));
    v128.store(dst + at, v128.xor(left, right));
  }
  if (n & 1) {
    const y = load<u64>(y0 + at);
    const value = (load<u64>(x0 + at) & (y ^ load<u64>(y1 + at))) ^ (load<u64>(x1 + at) & y) ^ load<u64>(mask + at);
    store<u64>(dst + at, value);
  }
}
