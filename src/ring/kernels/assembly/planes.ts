// Words to bit planes and back, and words into which planes are shifted from above. Only the planes asked for are
// computed. Not arithmetic on planes (fields.ts).
//
// 128 elements at a time, 32 of their bits at a time. "Rows" stand between words and planes: row 8g + r has byte g of the
// elements r, r + 8, r + 16, …, so that bits differ from planes only by transpositions of 8 x 8 bits across eight rows
// (Warren, Hacker's Delight, 7-3). Bytes move by interleaving vectors. Four blocks of 128 elements make a whole cache
// line of every plane, which is gathered in scratch memory first: planes lie at strides that often are powers of two,
// so that writing them word by word would evict one with the other.
//
// What is generic here (T = u64 or u32) serves planes32.ts, too.
import { edge, lines, rows } from "./scratch";

/** Bits whose index has bit log2(j) clear: the left halves of the 2j x 2j squares. */
// @ts-ignore: decorator
@inline
function leftHalf(j: i32): v128 {
  if (j == 4) return i64x2.splat(0x0f0f0f0f0f0f0f0f);
  return j == 2 ? i64x2.splat(0x3333333333333333) : i64x2.splat(0x5555555555555555);
}

/** What row `low` and row `high`, j below it, must exchange; to be shifted by j for `low`. */
// @ts-ignore: decorator
@inline
function exchange(low: v128, high: v128, j: i32): v128 {
  return v128.and(v128.xor(i64x2.shr_u(low, j), high), leftHalf(j));
}
// @ts-ignore: decorator
@inline
function flip(low: v128, swap: v128, j: i32): v128 { return v128.xor(low, i64x2.shl(swap, j)); }

/** Eight vectors, `fromStep` bytes apart, to eight others: byte B of them is transposed as 8 x 8 bits. Its own inverse. */
// @ts-ignore: decorator
@inline
function transposeEight(to: usize, toStep: usize, from: usize, fromStep: usize): void {
  let r0 = v128.load(from);
  let r1 = v128.load(from + fromStep);
  let r2 = v128.load(from + 2 * fromStep);
  let r3 = v128.load(from + 3 * fromStep);
  let r4 = v128.load(from + 4 * fromStep);
  let r5 = v128.load(from + 5 * fromStep);
  let r6 = v128.load(from + 6 * fromStep);
  let r7 = v128.load(from + 7 * fromStep);
  let s = exchange(r0, r4, 4); r0 = flip(r0, s, 4); r4 = v128.xor(r4, s);
  s = exchange(r1, r5, 4); r1 = flip(r1, s, 4); r5 = v128.xor(r5, s);
  s = exchange(r2, r6, 4); r2 = flip(r2, s, 4); r6 = v128.xor(r6, s);
  s = exchange(r3, r7, 4); r3 = flip(r3, s, 4); r7 = v128.xor(r7, s);
  s = exchange(r0, r2, 2); r0 = flip(r0, s, 2); r2 = v128.xor(r2, s);
  s = exchange(r1, r3, 2); r1 = flip(r1, s, 2); r3 = v128.xor(r3, s);
  s = exchange(r4, r6, 2); r4 = flip(r4, s, 2); r6 = v128.xor(r6, s);
  s = exchange(r5, r7, 2); r5 = flip(r5, s, 2); r7 = v128.xor(r7, s);
  s = exchange(r0, r1, 1); v128.store(to, flip(r0, s, 1)); v128.store(to + toStep, v128.xor(r1, s));
  s = exchange(r2, r3, 1); v128.store(to + 2 * toStep, flip(r2, s, 1)); v128.store(to + 3 * toStep, v128.xor(r3, s));
  s = exchange(r4, r5, 1); v128.store(to + 4 * toStep, flip(r4, s, 1)); v128.store(to + 5 * toStep, v128.xor(r5, s));
  s = exchange(r6, r7, 1); v128.store(to + 6 * toStep, flip(r6, s, 1)); v128.store(to + 7 * toStep, v128.xor(r7, s));
}

// @ts-ignore: decorator
@inline
function mixLow8(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
// @ts-ignore: decorator
@inline
function mixHigh8(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
// @ts-ignore: decorator
@inline
function mixLow16(x: v128, y: v128): v128 { return v128.shuffle<i16>(x, y, 0, 8, 1, 9, 2, 10, 3, 11); }
// @ts-ignore: decorator
@inline
function mixHigh16(x: v128, y: v128): v128 { return v128.shuffle<i16>(x, y, 4, 12, 5, 13, 6, 14, 7, 15); }
// @ts-ignore: decorator
@inline
function mixLow32(x: v128, y: v128): v128 { return v128.shuffle<i32>(x, y, 0, 4, 1, 5); }
// @ts-ignore: decorator
@inline
function mixHigh32(x: v128, y: v128): v128 { return v128.shuffle<i32>(x, y, 2, 6, 3, 7); }

/** Elements 8B + r, 8B + r + 1, 8B + r + 8, 8B + r + 9 of 32 bits, or their lower or upper halves; `at` points to the first. */
// @ts-ignore: decorator
@inline
function halves<T>(at: usize, high: bool): v128 {
  if (sizeof<T>() == 4) return v128.load64_lane(at, v128.load64_zero(at), 1, 32);
  const x = v128.load(at);
  const y = v128.load(at, 64);
  return high ? v128.shuffle<i32>(x, y, 1, 3, 5, 7) : v128.shuffle<i32>(x, y, 0, 2, 4, 6);
}

/** 32 bits of each of 128 words to rows: the first ones of T = u32, half of T = u64. Each round of mixing brings one bit of B to the bottom of the byte's index and takes its top out. */
// @ts-ignore: decorator
@inline
export function wordsToRows<T>(src: usize, high: bool): void {
  for (let r: usize = 0; r < 8; r += 2) {
    const a0 = halves<T>(src, high);
    const a1 = halves<T>(src + 16 * sizeof<T>(), high);
    const a2 = halves<T>(src + 32 * sizeof<T>(), high);
    const a3 = halves<T>(src + 48 * sizeof<T>(), high);
    const a4 = halves<T>(src + 64 * sizeof<T>(), high);
    const a5 = halves<T>(src + 80 * sizeof<T>(), high);
    const a6 = halves<T>(src + 96 * sizeof<T>(), high);
    const a7 = halves<T>(src + 112 * sizeof<T>(), high);
    const b0 = mixLow8(a0, a4);
    const b1 = mixLow8(a1, a5);
    const b2 = mixLow8(a2, a6);
    const b3 = mixLow8(a3, a7);
    const b4 = mixHigh8(a0, a4);
    const b5 = mixHigh8(a1, a5);
    const b6 = mixHigh8(a2, a6);
    const b7 = mixHigh8(a3, a7);
    const c0 = mixLow8(b0, b2);
    const c1 = mixLow8(b1, b3);
    const c2 = mixHigh8(b0, b2);
    const c3 = mixHigh8(b1, b3);
    const c4 = mixLow8(b4, b6);
    const c5 = mixLow8(b5, b7);
    const c6 = mixHigh8(b4, b6);
    const c7 = mixHigh8(b5, b7);
    const d0 = mixLow8(c0, c1);
    const d1 = mixHigh8(c0, c1);
    const d2 = mixLow8(c2, c3);
    const d3 = mixHigh8(c2, c3);
    const d4 = mixLow8(c4, c5);
    const d5 = mixHigh8(c4, c5);
    const d6 = mixLow8(c6, c7);
    const d7 = mixHigh8(c6, c7);
    const to = rows + (r << 4);
    v128.store(to, mixLow8(d0, d4));
    v128.store(to, mixHigh8(d0, d4), 128);
    v128.store(to, mixLow8(d1, d5), 256);
    v128.store(to, mixHigh8(d1, d5), 384);
    v128.store(to, mixLow8(d2, d6), 16);
    v128.store(to, mixHigh8(d2, d6), 144);
    v128.store(to, mixLow8(d3, d7), 272);
    v128.store(to, mixHigh8(d3, d7), 400);
    src += 2 * sizeof<T>();
  }
}
function lowToRows(src: usize): void { wordsToRows<u64>(src, false); }
function highToRows(src: usize): void { wordsToRows<u64>(src, true); }

export function rowsToLines(to: usize, count: i32): void {
  for (let p = 0; p < count; p += 8) transposeEight(to + (<usize>p << 6), 64, rows + (<usize>p << 4), 16);
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
      lowToRows(from);
      rowsToLines(to, min(width, 32));
      if (width > 32) {
        highToRows(from);
        rowsToLines(to + 2048, width - 32);
      }
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
export function copyLine(dst: usize, src: usize, bytes: usize): void {
  if (bytes == 64) {
    v128.store(dst, v128.load(src));
    v128.store(dst, v128.load(src, 16), 16);
    v128.store(dst, v128.load(src, 32), 32);
    v128.store(dst, v128.load(src, 48), 48);
  } else {
    for (let at: usize = 0; at < bytes; at += 8) store<u64>(dst + at, load<u64>(src + at));
  }
}

/** What becomes of the 32 bits that rows hold of an element. */
export const enum Use {
  /** The word. */
  Low,
  /** The upper half of a word (of 32 bits: the upper bits), of which the source's, shifted to the right, is the rest. */
  Top,
  /** The lower or upper half of a word that is there already. */
  OrLow, OrHigh,
}

/** Two elements at `at` and two that are 8 elements further. */
// @ts-ignore: decorator
@inline
function put<T>(use: Use, dst: usize, src: usize, at: usize, value: v128, shift: i32): void {
  if (sizeof<T>() == 4) {
    if (use == Use.Top) {
      const source = v128.load64_lane(src + at, v128.load64_zero(src + at), 1, 32);
      value = v128.or(value, i32x4.shr_u(source, shift));
    }
    v128.store64_lane(dst + at, value, 0);
    v128.store64_lane(dst + at, value, 1, 32);
    return;
  }
  const zero = i64x2.splat(0);
  let x = use == Use.Low || use == Use.OrLow ? mixLow32(value, zero) : mixLow32(zero, value);
  let y = use == Use.Low || use == Use.OrLow ? mixHigh32(value, zero) : mixHigh32(zero, value);
  if (use == Use.Top) {
    x = v128.or(x, i64x2.shr_u(v128.load(src + at), shift));
    y = v128.or(y, i64x2.shr_u(v128.load(src + at, 64), shift));
  } else if (use != Use.Low) {
    x = v128.or(x, v128.load(dst + at));
    y = v128.or(y, v128.load(dst + at, 64));
  }
  v128.store(dst + at, x);
  v128.store(dst + at, y, 64);
}

/** Half of what rows r and r + 1 hold: bytes 0 and 1 of element 8B + r in x0, bytes 2 and 3 in y0; r + 1 in x1 and y1. */
// @ts-ignore: decorator
@inline
function putEight<T>(use: Use, dst: usize, src: usize, at: usize, x0: v128, y0: v128, x1: v128, y1: v128, shift: i32): void {
  let v0 = mixLow16(x0, y0);
  let v1 = mixLow16(x1, y1);
  put<T>(use, dst, src, at, mixLow32(v0, v1), shift);
  put<T>(use, dst, src, at + 16 * sizeof<T>(), mixHigh32(v0, v1), shift);
  v0 = mixHigh16(x0, y0);
  v1 = mixHigh16(x1, y1);
  put<T>(use, dst, src, at + 32 * sizeof<T>(), mixLow32(v0, v1), shift);
  put<T>(use, dst, src, at + 48 * sizeof<T>(), mixHigh32(v0, v1), shift);
}

/** Rows to 128 words. */
// @ts-ignore: decorator
@inline
export function rowsToWords<T>(use: Use, dst: usize, src: usize, shift: i32): void {
  for (let r: usize = 0; r < 8; r += 2) {
    const from = rows + (r << 4);
    const a0 = v128.load(from);
    const a1 = v128.load(from, 16);
    const b0 = v128.load(from, 128);
    const b1 = v128.load(from, 144);
    const c0 = v128.load(from, 256);
    const c1 = v128.load(from, 272);
    const d0 = v128.load(from, 384);
    const d1 = v128.load(from, 400);
    const at = r * sizeof<T>();
    putEight<T>(use, dst, src, at, mixLow8(a0, b0), mixLow8(c0, d0), mixLow8(a1, b1), mixLow8(c1, d1), shift);
    putEight<T>(use, dst, src, at + 64 * sizeof<T>(), mixHigh8(a0, b0), mixHigh8(c0, d0), mixHigh8(a1, b1), mixHigh8(c1, d1), shift);
  }
}
function rowsToLow(dst: usize): void { rowsToWords<u64>(Use.Low, dst, dst, 0); }
function rowsToTop(dst: usize, src: usize, shift: i32): void { rowsToWords<u64>(Use.Top, dst, src, shift); }
function orLow(dst: usize): void { rowsToWords<u64>(Use.OrLow, dst, dst, 0); }
function orHigh(dst: usize): void { rowsToWords<u64>(Use.OrHigh, dst, dst, 0); }

/** Planes first … end - 1 of the 32 whose lines begin at `from`; the others' rows become zero, by groups of eight. */
export function linesToRows(from: usize, first: i32, end: i32): void {
  for (let p = 0; p < 32; p += 8) {
    const to = rows + (<usize>p << 4);
    if (p + 8 > first && p < end) transposeEight(to, 16, from + (<usize>p << 6), 64);
    else for (let at: usize = 0; at < 128; at += 16) v128.store(to + at, i64x2.splat(0));
  }
}

/** Copies a line of `count` planes to `lines`, from line `first` on. */
// @ts-ignore: decorator
@inline
export function readLines(first: i32, planes: usize, planeBytes: usize, count: i32, bytes: usize): void {
  for (let p = 0; p < count; p++) copyLine(lines + (<usize>(first + p) << 6), planes + <usize>p * planeBytes, bytes);
}

export function unslice(dst: usize, planes: usize, n: usize, width: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  // The lines that fill up the last group of eight.
  memory.fill(lines + (<usize>width << 6), 0, <usize>(-width & 7) << 6);
  for (; n > 0; ) {
    const words = min(<usize>512, n);
    readLines(0, planes, planeBytes, width, ((words + 63) >> 6) << 3);
    for (let at: usize = 0; at < words; at += 128) {
      const from = lines + (at >> 3);
      const to = words - at < 128 ? edge : dst + (at << 3);
      linesToRows(from, 0, width);
      rowsToLow(to);
      if (width > 32) {
        linesToRows(from + 2048, 0, width - 32);
        orHigh(to);
      }
      if (words - at < 128) memory.copy(dst + (at << 3), edge, (words - at) << 3);
    }
    planes += 64;
    dst += 4096;
    n -= words;
  }
}

export function funnel(dst: usize, src: usize, planes: usize, n: usize, shift: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  // Plane p becomes bit `first` + p.
  const first = 64 - shift;
  memory.fill(lines, 0, <usize>first << 6);
  for (; n > 0; ) {
    const words = min(<usize>512, n);
    readLines(first, planes, planeBytes, shift, ((words + 63) >> 6) << 3);
    for (let at: usize = 0; at < words; at += 128) {
      const line = lines + (at >> 3);
      let from = src + (at << 3);
      let to = dst + (at << 3);
      if (words - at < 128) {
        memory.copy(edge, from, (words - at) << 3);
        from = edge;
        to = edge;
      }
      linesToRows(line + 2048, first - 32, 32);
      rowsToTop(to, from, shift);
      if (first < 32) {
        linesToRows(line, first, 32);
        orLow(to);
      }
      if (words - at < 128) memory.copy(dst + (at << 3), edge, (words - at) << 3);
    }
    planes += 64;
    src += 4096;
    dst += 4096;
    n -= words;
  }
}
