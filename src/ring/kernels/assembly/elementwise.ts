// Element-wise kernels, two words per v128. Memory-bound in most uses, so unrolled only as far as that takes.

const enum Op { Add, Sub, Mul, MulAdd, Xor, And, AndXor, Or, Neg, Not, Shl, Shr, Sar, Copy }

/** One operation on two words; `op` is a constant at every call, so only one arm is left after inlining. */
// @ts-ignore: decorator
@inline
function apply(op: Op, x: v128, y: v128, old: v128, bits: i32): v128 {
  switch (op) {
    case Op.Add: return i64x2.add(x, y);
    case Op.Sub: return i64x2.sub(x, y);
    case Op.Mul: return i64x2.mul(x, y);
    case Op.MulAdd: return i64x2.add(old, i64x2.mul(x, y));
    case Op.Xor: return v128.xor(x, y);
    case Op.And: return v128.and(x, y);
    case Op.AndXor: return v128.xor(old, v128.and(x, y));
    case Op.Or: return v128.or(x, y);
    case Op.Neg: return i64x2.neg(x);
    case Op.Not: return v128.not(x);
    case Op.Shl: return i64x2.shl(x, bits);
    case Op.Shr: return i64x2.shr_u(x, bits);
    case Op.Sar: return i64x2.shr_s(x, bits);
    default: return x;
  }
}

/** dst[i] = a[i] op b[i]. The odd last word is done as a vector whose upper lane is never stored. */
// @ts-ignore: decorator
@inline
function binary(op: Op, dst: usize, a: usize, b: usize, n: usize): void {
  const end = dst + ((n & ~3) << 3);
  while (dst < end) {
    const old0 = op == Op.MulAdd || op == Op.AndXor ? v128.load(dst) : i64x2.splat(0);
    const old1 = op == Op.MulAdd || op == Op.AndXor ? v128.load(dst, 16) : i64x2.splat(0);
    const r0 = apply(op, v128.load(a), v128.load(b), old0, 0);
    const r1 = apply(op, v128.load(a, 16), v128.load(b, 16), old1, 0);
    v128.store(dst, r0);
    v128.store(dst, r1, 16);
    dst += 32;
    a += 32;
    b += 32;
  }
  for (let left = n & 3; left > 0; left--) {
    const old = op == Op.MulAdd || op == Op.AndXor ? v128.load64_zero(dst) : i64x2.splat(0);
    v128.store64_lane(dst, apply(op, v128.load64_zero(a), v128.load64_zero(b), old, 0), 0);
    dst += 8;
    a += 8;
    b += 8;
  }
}

/** dst[i] = a[i] op c, with c the same vector for all. */
// @ts-ignore: decorator
@inline
function unary(op: Op, dst: usize, a: usize, c: v128, bits: i32, n: usize): void {
  const end = dst + ((n & ~3) << 3);
  while (dst < end) {
    const old0 = op == Op.MulAdd ? v128.load(dst) : i64x2.splat(0);
    const old1 = op == Op.MulAdd ? v128.load(dst, 16) : i64x2.splat(0);
    const r0 = apply(op, v128.load(a), c, old0, bits);
    const r1 = apply(op, v128.load(a, 16), c, old1, bits);
    v128.store(dst, r0);
    v128.store(dst, r1, 16);
    dst += 32;
    a += 32;
  }
  for (let left = n & 3; left > 0; left--) {
    const old = op == Op.MulAdd ? v128.load64_zero(dst) : i64x2.splat(0);
    v128.store64_lane(dst, apply(op, v128.load64_zero(a), c, old, bits), 0);
    dst += 8;
    a += 8;
  }
}

export function add(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.Add, dst, a, b, n); }
export function sub(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.Sub, dst, a, b, n); }
export function mul(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.Mul, dst, a, b, n); }
export function mulAdd(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.MulAdd, dst, a, b, n); }
export function xor(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.Xor, dst, a, b, n); }
export function and(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.And, dst, a, b, n); }
export function or(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.Or, dst, a, b, n); }

export function neg(dst: usize, a: usize, n: usize): void { unary(Op.Neg, dst, a, i64x2.splat(0), 0, n); }
export function not(dst: usize, a: usize, n: usize): void { unary(Op.Not, dst, a, i64x2.splat(0), 0, n); }
export function addScalar(dst: usize, a: usize, c: i64, n: usize): void { unary(Op.Add, dst, a, i64x2.splat(c), 0, n); }
export function mulScalar(dst: usize, a: usize, c: i64, n: usize): void { unary(Op.Mul, dst, a, i64x2.splat(c), 0, n); }
export function mulScalarAdd(dst: usize, a: usize, c: i64, n: usize): void {
  unary(Op.MulAdd, dst, a, i64x2.splat(c), 0, n);
}
export function andScalar(dst: usize, a: usize, mask: i64, n: usize): void {
  unary(Op.And, dst, a, i64x2.splat(mask), 0, n);
}
export function shl(dst: usize, a: usize, bits: i32, n: usize): void { unary(Op.Shl, dst, a, i64x2.splat(0), bits, n); }
export function shr(dst: usize, a: usize, bits: i32, n: usize): void { unary(Op.Shr, dst, a, i64x2.splat(0), bits, n); }
export function sar(dst: usize, a: usize, bits: i32, n: usize): void { unary(Op.Sar, dst, a, i64x2.splat(0), bits, n); }

export function copy(dst: usize, a: usize, n: usize): void { memory.copy(dst, a, n << 3); }

export function fill(dst: usize, c: i64, n: usize): void {
  if (c == 0) {
    memory.fill(dst, 0, n << 3);
    return;
  }
  const value = i64x2.splat(c);
  const end = dst + ((n & ~1) << 3);
  while (dst < end) {
    v128.store(dst, value);
    dst += 16;
  }
  if (n & 1) store<i64>(dst, c);
}

export function andXor(dst: usize, a: usize, b: usize, n: usize): void { binary(Op.AndXor, dst, a, b, n); }

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
