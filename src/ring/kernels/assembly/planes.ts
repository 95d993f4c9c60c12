// Words to bit planes and back: 64x64 bit transposes by swapping ever smaller squares (Hacker's Delight 7-3), two
// blocks at a time, one per lane of a v128. Only the planes asked for are computed. Not packing (packing.ts).
import { edge, rows } from "./scratch";

/** Bits whose index has bit log2(j) clear: the left halves of the 2j x 2j squares. */
// @ts-ignore: decorator
@inline
function leftHalf(j: i32): v128 {
  let mask: u64 = 0x00000000ffffffff;
  if (j <= 16) mask = 0x0000ffff0000ffff;
  if (j <= 8) mask = 0x00ff00ff00ff00ff;
  if (j <= 4) mask = 0x0f0f0f0f0f0f0f0f;
  if (j <= 2) mask = 0x3333333333333333;
  if (j <= 1) mask = 0x5555555555555555;
  return i64x2.splat(mask);
}

// @ts-ignore: decorator
@inline
function row(i: usize): usize { return rows + (i << 4); }

/** Transposes `count` (a power of two, at most 32) rows in squares of side `count`. */
function transposeSquares(count: i32): void {
  for (let j = count >> 1; j > 0; j >>= 1) {
    const mask = leftHalf(j);
    for (let i = 0; i < count; i = ((i | j) + 1) & ~j) {
      const low = v128.load(row(i));
      const high = v128.load(row(i + j));
      const swap = v128.and(v128.xor(i64x2.shr_u(low, j), high), mask);
      v128.store(row(i), v128.xor(low, i64x2.shl(swap, j)));
      v128.store(row(i + j), v128.xor(high, swap));
    }
  }
}

/** The smallest power of two that is at least x (1..32). */
// @ts-ignore: decorator
@inline
function powerAbove(x: i32): i32 { return x <= 1 ? 1 : 1 << (32 - clz(x - 1)); }

/** Reads words i of both blocks (the second 64 words behind) and leaves bits [from, from+32) of 64 words in 32 rows. */
function foldWords(src: usize, high: bool): void {
  const mask = leftHalf(32);
  for (let i: usize = 0; i < 32; i += 2) {
    const at = src + (i << 3);
    const a = v128.load(at);
    const b = v128.load(at, 512);
    const c = v128.load(at, 256);
    const d = v128.load(at, 768);
    const x0 = v128.shuffle<i64>(a, b, 0, 2);
    const x1 = v128.shuffle<i64>(a, b, 1, 3);
    const y0 = v128.shuffle<i64>(c, d, 0, 2);
    const y1 = v128.shuffle<i64>(c, d, 1, 3);
    if (high) {
      v128.store(row(i), v128.or(i64x2.shr_u(x0, 32), v128.andnot(y0, mask)));
      v128.store(row(i + 1), v128.or(i64x2.shr_u(x1, 32), v128.andnot(y1, mask)));
    } else {
      v128.store(row(i), v128.or(v128.and(x0, mask), i64x2.shl(y0, 32)));
      v128.store(row(i + 1), v128.or(v128.and(x1, mask), i64x2.shl(y1, 32)));
    }
  }
}

/** Planes [first, first+count) of two blocks of 64 words at src; count <= 32. `both`: the second block exists. */
function slicePair(dst: usize, planeBytes: usize, src: usize, high: bool, count: i32, both: bool): void {
  foldWords(src, high);
  const side = powerAbove(count);
  for (let j = 16; j >= side; j >>= 1) {
    const mask = leftHalf(j);
    for (let i = 0; i < j; i++) {
      const low = v128.and(v128.load(row(i)), mask);
      const rest = v128.and(v128.load(row(i + j)), mask);
      v128.store(row(i), v128.or(low, i64x2.shl(rest, j)));
    }
  }
  transposeSquares(side);
  for (let p = 0; p < count; p++) {
    if (both) v128.store(dst, v128.load(row(p)));
    else v128.store64_lane(dst, v128.load(row(p)), 0);
    dst += planeBytes;
  }
}

export function slice(dst: usize, src: usize, n: usize, width: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  for (let done: usize = 0; done < n; done += 128) {
    const left = n - done;
    let from = src;
    if (left < 128) {
      memory.fill(edge, 0, 1024);
      memory.copy(edge, src, left << 3);
      from = edge;
    }
    slicePair(dst, planeBytes, from, false, min(width, 32), left > 64);
    if (width > 32) slicePair(dst + (planeBytes << 5), planeBytes, from, true, width - 32, left > 64);
    src += 1024;
    dst += 16;
  }
}

/** The inverse of slicePair up to the fold: 32 rows with the bits of 64 words each. */
function loadPlanes(planes: usize, planeBytes: usize, count: i32, both: bool): void {
  const side = powerAbove(count);
  for (let p = 0; p < count; p++) {
    v128.store(row(p), both ? v128.load(planes) : v128.load64_zero(planes));
    planes += planeBytes;
  }
  for (let p = count; p < side; p++) v128.store(row(p), i64x2.splat(0));
  transposeSquares(side);
  for (let j = side; j < 32; j <<= 1) {
    const mask = leftHalf(j);
    for (let i = 0; i < j; i++) {
      const value = v128.load(row(i));
      v128.store(row(i), v128.and(value, mask));
      v128.store(row(i + j), v128.and(i64x2.shr_u(value, j), mask));
    }
  }
}

/** Rows to words: the low 32 bits (high = false, stored) or the high ones (or-ed onto what is there). */
function unfoldWords(dst: usize, high: bool): void {
  const mask = leftHalf(32);
  for (let i: usize = 0; i < 32; i += 2) {
    const at = dst + (i << 3);
    const r0 = v128.load(row(i));
    const r1 = v128.load(row(i + 1));
    let a = v128.shuffle<i64>(r0, r1, 0, 2);
    let b = v128.shuffle<i64>(r0, r1, 1, 3);
    let c: v128;
    let d: v128;
    if (high) {
      c = v128.or(v128.load(at, 256), v128.andnot(a, mask));
      d = v128.or(v128.load(at, 768), v128.andnot(b, mask));
      a = v128.or(v128.load(at), i64x2.shl(a, 32));
      b = v128.or(v128.load(at, 512), i64x2.shl(b, 32));
    } else {
      c = i64x2.shr_u(a, 32);
      d = i64x2.shr_u(b, 32);
      a = v128.and(a, mask);
      b = v128.and(b, mask);
    }
    v128.store(at, a);
    v128.store(at, b, 512);
    v128.store(at, c, 256);
    v128.store(at, d, 768);
  }
}

export function unslice(dst: usize, planes: usize, n: usize, width: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  for (let done: usize = 0; done < n; done += 128) {
    const left = n - done;
    const to = left < 128 ? edge : dst;
    loadPlanes(planes, planeBytes, min(width, 32), left > 64);
    unfoldWords(to, false);
    if (width > 32) {
      loadPlanes(planes + (planeBytes << 5), planeBytes, width - 32, left > 64);
      unfoldWords(to, true);
    }
    if (left < 128) memory.copy(dst, edge, left << 3);
    planes += 16;
    dst += 1024;
  }
}
