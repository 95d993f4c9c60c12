// Element-wise kernels over words of 32 bits, by the loops of elementwise.ts. Scalars come as 64-bit numbers, of which the lower half
// counts.
import { andLocal, binary, Op, repeat, unary } from "./elementwise";

export function add32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.Add, dst, a, b, n); }
export function sub32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.Sub, dst, a, b, n); }
export function mul32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.Mul, dst, a, b, n); }
export function mulAdd32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.MulAdd, dst, a, b, n); }
export function xor32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.Xor, dst, a, b, n); }
export function and32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.And, dst, a, b, n); }
export function or32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.Or, dst, a, b, n); }

export function neg32(dst: usize, a: usize, n: usize): void { unary<i32>(Op.Neg, dst, a, i32x4.splat(0), 0, n); }
export function not32(dst: usize, a: usize, n: usize): void { unary<i32>(Op.Not, dst, a, i32x4.splat(0), 0, n); }
export function addScalar32(dst: usize, a: usize, c: i64, n: usize): void { unary<i32>(Op.Add, dst, a, i32x4.splat(<i32>c), 0, n); }
export function mulScalar32(dst: usize, a: usize, c: i64, n: usize): void { unary<i32>(Op.Mul, dst, a, i32x4.splat(<i32>c), 0, n); }
export function mulScalarAdd32(dst: usize, a: usize, c: i64, n: usize): void {
  unary<i32>(Op.MulAdd, dst, a, i32x4.splat(<i32>c), 0, n);
}
export function andScalar32(dst: usize, a: usize, mask: i64, n: usize): void {
  unary<i32>(Op.And, dst, a, i32x4.splat(<i32>mask), 0, n);
}
export function shl32(dst: usize, a: usize, bits: i32, n: usize): void { unary<i32>(Op.Shl, dst, a, i32x4.splat(0), bits, n); }
export function shr32(dst: usize, a: usize, bits: i32, n: usize): void { unary<i32>(Op.Shr, dst, a, i32x4.splat(0), bits, n); }
export function sar32(dst: usize, a: usize, bits: i32, n: usize): void { unary<i32>(Op.Sar, dst, a, i32x4.splat(0), bits, n); }

export function copy32(dst: usize, a: usize, n: usize): void { memory.copy(dst, a, n << 2); }

export function fill32(dst: usize, c: i64, n: usize): void { repeat<i32>(dst, <i32>c, n); }

export function andXor32(dst: usize, a: usize, b: usize, n: usize): void { binary<i32>(Op.AndXor, dst, a, b, n); }

/** Planes have an even number of words. */
export function andLocal32(dst: usize, x0: usize, x1: usize, y0: usize, y1: usize, mask: usize, n: usize): void {
  andLocal(dst, x0, x1, y0, y1, mask, n >> 1);
}
