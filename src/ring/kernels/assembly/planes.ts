// Words to bit planes and back. Only the planes asked for are computed. Not packing for the wire (packing.ts).
//
// A 64 x 64 bit matrix is transposed by swapping ever smaller squares (Warren, Hacker's Delight, 7-3), here with two
// matrices at a time, one per lane of a v128. Of the steps that only serve planes above `width` nothing is done: a
// "fold" is such a swap of which only one half is kept. Eight blocks of 64 words make a whole cache line of every
// plane, which is gathered in scratch memory first: planes lie at strides that often are powers of two, so that
// writing them word by word would evict one with the other.
import { edge, lines, rows } from "./scratch";

/** Bits whose index has bit log2(j) clear: the left halves of the 2j x 2j squares. */
// @ts-ignore: decorator
@inline
function leftHalf(j: i32): v128 {
  if (j == 32) return i64x2.splat(0x00000000ffffffff);
  if (j == 16) return i64x2.splat(0x0000ffff0000ffff);
  if (j == 8) return i64x2.splat(0x00ff00ff00ff00ff);
  if (j == 4) return i64x2.splat(0x0f0f0f0f0f0f0f0f);
  return j == 2 ? i64x2.splat(0x3333333333333333) : i64x2.splat(0x5555555555555555);
}

/** Row i of the two matrices at hand. */
// @ts-ignore: decorator
@inline
function row(i: i32): usize { return rows + (<usize>i << 4); }

/** What row `low` and row `high`, j below it, must exchange; to be shifted by j for `low`. */
// @ts-ignore: decorator
@inline
function exchange(low: v128, high: v128, j: i32): v128 {
  return v128.and(v128.xor(i64x2.shr_u(low, j), high), leftHalf(j));
}
// @ts-ignore: decorator
@inline
function flip(low: v128, swap: v128, j: i32): v128 { return v128.xor(low, i64x2.shl(swap, j)); }

/** Steps 4, 2 and 1 for the eight rows from `first` on. */
// @ts-ignore: decorator
@inline
function swapEight(first: i32): void {
  let r0 = v128.load(row(first));
  let r1 = v128.load(row(first), 16);
  let r2 = v128.load(row(first), 32);
  let r3 = v128.load(row(first), 48);
  let r4 = v128.load(row(first), 64);
  let r5 = v128.load(row(first), 80);
  let r6 = v128.load(row(first), 96);
  let r7 = v128.load(row(first), 112);
  let s = exchange(r0, r4, 4); r0 = flip(r0, s, 4); r4 = v128.xor(r4, s);
  s = exchange(r1, r5, 4); r1 = flip(r1, s, 4); r5 = v128.xor(r5, s);
  s = exchange(r2, r6, 4); r2 = flip(r2, s, 4); r6 = v128.xor(r6, s);
  s = exchange(r3, r7, 4); r3 = flip(r3, s, 4); r7 = v128.xor(r7, s);
  s = exchange(r0, r2, 2); r0 = flip(r0, s, 2); r2 = v128.xor(r2, s);
  s = exchange(r1, r3, 2); r1 = flip(r1, s, 2); r3 = v128.xor(r3, s);
  s = exchange(r4, r6, 2); r4 = flip(r4, s, 2); r6 = v128.xor(r6, s);
  s = exchange(r5, r7, 2); r5 = flip(r5, s, 2); r7 = v128.xor(r7, s);
  s = exchange(r0, r1, 1); v128.store(row(first), flip(r0, s, 1)); v128.store(row(first), v128.xor(r1, s), 16);
  s = exchange(r2, r3, 1); v128.store(row(first), flip(r2, s, 1), 32); v128.store(row(first), v128.xor(r3, s), 48);
  s = exchange(r4, r5, 1); v128.store(row(first), flip(r4, s, 1), 64); v128.store(row(first), v128.xor(r5, s), 80);
  s = exchange(r6, r7, 1); v128.store(row(first), flip(r6, s, 1), 96); v128.store(row(first), v128.xor(r7, s), 112);
}

/** Transposes the first `side` (8, 16 or 32) rows in squares of that side. */
function transposeSquares(side: i32): void {
  if (side == 32) {
    for (let i = 0; i < 8; i++) {
      let r0 = v128.load(row(i));
      let r1 = v128.load(row(i), 128);
      let r2 = v128.load(row(i), 256);
      let r3 = v128.load(row(i), 384);
      let s = exchange(r0, r2, 16); r0 = flip(r0, s, 16); r2 = v128.xor(r2, s);
      s = exchange(r1, r3, 16); r1 = flip(r1, s, 16); r3 = v128.xor(r3, s);
      s = exchange(r0, r1, 8); v128.store(row(i), flip(r0, s, 8)); v128.store(row(i), v128.xor(r1, s), 128);
      s = exchange(r2, r3, 8); v128.store(row(i), flip(r2, s, 8), 256); v128.store(row(i), v128.xor(r3, s), 384);
    }
  } else if (side == 16) {
    for (let i = 0; i < 8; i++) {
      const low = v128.load(row(i));
      const high = v128.load(row(i), 128);
      const s = exchange(low, high, 8);
      v128.store(row(i), flip(low, s, 8));
      v128.store(row(i), v128.xor(high, s), 128);
    }
  }
  for (let first = 0; first < side; first += 8) swapEight(first);
}

/** The side of the squares in which `count` (1 … 32) planes fit. */
// @ts-ignore: decorator
@inline
function sideFor(count: i32): i32 { return count > 16 ? 32 : count > 8 ? 16 : 8; }

/** Keeps the half of step j that serves the lower rows: j rows are left of 2j. */
// @ts-ignore: decorator
@inline
function fold(j: i32): void {
  for (let i = 0; i < j; i++) {
    const low = v128.and(v128.load(row(i)), leftHalf(j));
    v128.store(row(i), v128.or(low, i64x2.shl(v128.and(v128.load(row(i + j)), leftHalf(j)), j)));
  }
}

/** Step 32, read from 64 words at src and 64 behind them; keeps bits 0 … 31 or, if `high`, 32 … 63 in 32 rows. */
function foldWords(src: usize, high: bool): void {
  for (let i = 0; i < 32; i += 2) {
    const a = v128.load(src);
    const b = v128.load(src, 512);
    const c = v128.load(src, 256);
    const d = v128.load(src, 768);
    const x0 = v128.shuffle<i64>(a, b, 0, 2);
    const x1 = v128.shuffle<i64>(a, b, 1, 3);
    const y0 = v128.shuffle<i64>(c, d, 0, 2);
    const y1 = v128.shuffle<i64>(c, d, 1, 3);
    if (high) {
      v128.store(row(i), v128.or(i64x2.shr_u(x0, 32), v128.andnot(y0, leftHalf(32))));
      v128.store(row(i), v128.or(i64x2.shr_u(x1, 32), v128.andnot(y1, leftHalf(32))), 16);
    } else {
      v128.store(row(i), v128.or(v128.and(x0, leftHalf(32)), i64x2.shl(y0, 32)));
      v128.store(row(i), v128.or(v128.and(x1, leftHalf(32)), i64x2.shl(y1, 32)), 16);
    }
    src += 16;
  }
}

/** `count` planes of 128 words at src, to every fourth v128 from dst on. */
function sliceBlocks(dst: usize, src: usize, high: bool, count: i32): void {
  const side = sideFor(count);
  foldWords(src, high);
  if (side < 32) fold(16);
  if (side < 16) fold(8);
  transposeSquares(side);
  for (let p = 0; p < count; p++) {
    v128.store(dst, v128.load(row(p)));
    dst += 64;
  }
}

export function slice(dst: usize, src: usize, n: usize, width: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  for (; n > 0; ) {
    const words = min(<usize>512, n);
    for (let at: usize = 0; at < words; at += 128) {
      const to = lines + (at >> 3);
      let from = src + (at << 3);
      if (words - at < 128) {
        memory.fill(edge, 0, 1024);
        memory.copy(edge, from, (words - at) << 3);
        from = edge;
      }
      sliceBlocks(to, from, false, min(width, 32));
      if (width > 32) sliceBlocks(to + 2048, from, true, width - 32);
    }
    const bytes = ((words + 63) >> 6) << 3;
    for (let p = 0; p < width; p++) copyLine(dst + <usize>p * planeBytes, lines + (<usize>p << 6), bytes);
    src += 4096;
    dst += 64;
    n -= words;
  }
}

/** Up to 64 bytes, usually all 64. */
// @ts-ignore: decorator
@inline
function copyLine(dst: usize, src: usize, bytes: usize): void {
  if (bytes == 64) {
    v128.store(dst, v128.load(src));
    v128.store(dst, v128.load(src, 16), 16);
    v128.store(dst, v128.load(src, 32), 32);
    v128.store(dst, v128.load(src, 48), 48);
  } else {
    for (let at: usize = 0; at < bytes; at += 8) store<u64>(dst + at, load<u64>(src + at));
  }
}

/** The inverse of fold, whose missing half is zero. */
// @ts-ignore: decorator
@inline
function unfold(j: i32): void {
  for (let i = 0; i < j; i++) {
    const value = v128.load(row(i));
    v128.store(row(i), v128.and(value, leftHalf(j)));
    v128.store(row(i + j), v128.and(i64x2.shr_u(value, j), leftHalf(j)));
  }
}

/** The inverse of foldWords: writes the low halves of 128 words (and zero above), or ors the high halves. */
function unfoldWords(dst: usize, high: bool): void {
  for (let i = 0; i < 32; i += 2) {
    const r0 = v128.load(row(i));
    const r1 = v128.load(row(i), 16);
    const a = v128.shuffle<i64>(r0, r1, 0, 2);
    const b = v128.shuffle<i64>(r0, r1, 1, 3);
    if (high) {
      v128.store(dst, v128.or(v128.load(dst), i64x2.shl(a, 32)));
      v128.store(dst, v128.or(v128.load(dst, 512), i64x2.shl(b, 32)), 512);
      v128.store(dst, v128.or(v128.load(dst, 256), v128.andnot(a, leftHalf(32))), 256);
      v128.store(dst, v128.or(v128.load(dst, 768), v128.andnot(b, leftHalf(32))), 768);
    } else {
      v128.store(dst, v128.and(a, leftHalf(32)));
      v128.store(dst, v128.and(b, leftHalf(32)), 512);
      v128.store(dst, i64x2.shr_u(a, 32), 256);
      v128.store(dst, i64x2.shr_u(b, 32), 768);
    }
    dst += 16;
  }
}

/** 128 words from `count` planes, in every fourth v128 from src on. */
function unsliceBlocks(dst: usize, src: usize, high: bool, count: i32): void {
  const side = sideFor(count);
  for (let p = 0; p < count; p++) {
    v128.store(row(p), v128.load(src));
    src += 64;
  }
  for (let p = count; p < side; p++) v128.store(row(p), i64x2.splat(0));
  transposeSquares(side);
  if (side < 16) unfold(8);
  if (side < 32) unfold(16);
  unfoldWords(dst, high);
}

export function unslice(dst: usize, planes: usize, n: usize, width: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  for (; n > 0; ) {
    const words = min(<usize>512, n);
    const bytes = ((words + 63) >> 6) << 3;
    for (let p = 0; p < width; p++) copyLine(lines + (<usize>p << 6), planes + <usize>p * planeBytes, bytes);
    for (let at: usize = 0; at < words; at += 128) {
      const from = lines + (at >> 3);
      const to = words - at < 128 ? edge : dst + (at << 3);
      unsliceBlocks(to, from, false, min(width, 32));
      if (width > 32) unsliceBlocks(to, from + 2048, true, width - 32);
      if (words - at < 128) memory.copy(dst + (at << 3), edge, (words - at) << 3);
    }
    planes += 64;
    dst += 4096;
    n -= words;
  }
}
