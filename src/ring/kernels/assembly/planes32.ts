// The kernels of planes.ts and fields.ts for words of 32 bits. Planes are the same: they take a multiple of 64 bits.
import { addFields } from "./fields";
import { copyLine, linesToRows, readLines, rowsToLines, rowsToWords, Use, wordsToRows } from "./planes";
import { edge, lines } from "./scratch";

function toRows(src: usize): void { wordsToRows<u32>(src, false); }
function toWords(dst: usize): void { rowsToWords<u32>(Use.Low, dst, dst, 0); }
function toTop(dst: usize, src: usize, shift: i32): void { rowsToWords<u32>(Use.Top, dst, src, shift); }

export function slice32(dst: usize, src: usize, n: usize, width: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  for (; n > 0; ) {
    const words = min(<usize>512, n);
    for (let at: usize = 0; at < words; at += 128) {
      let from = src + (at << 2);
      if (words - at < 128) {
        memory.fill(edge, 0, 512);
        memory.copy(edge, from, (words - at) << 2);
        from = edge;
      }
      toRows(from);
      rowsToLines(lines + (at >> 3), width);
    }
    const bytes = ((words + 63) >> 6) << 3;
    for (let p = 0; p < width; p++) copyLine(dst + <usize>p * planeBytes, lines + (<usize>p << 6), bytes);
    src += 2048;
    dst += 64;
    n -= words;
  }
}

export function unslice32(dst: usize, planes: usize, n: usize, width: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  // The lines that fill up the last group of eight.
  memory.fill(lines + (<usize>width << 6), 0, <usize>(-width & 7) << 6);
  for (; n > 0; ) {
    const words = min(<usize>512, n);
    readLines(0, planes, planeBytes, width, ((words + 63) >> 6) << 3);
    for (let at: usize = 0; at < words; at += 128) {
      const to = words - at < 128 ? edge : dst + (at << 2);
      linesToRows(lines + (at >> 3), 0, width);
      toWords(to);
      if (words - at < 128) memory.copy(dst + (at << 2), edge, (words - at) << 2);
    }
    planes += 64;
    dst += 2048;
    n -= words;
  }
}

export function funnel32(dst: usize, src: usize, planes: usize, n: usize, shift: i32): void {
  const planeBytes = ((n + 63) >> 6) << 3;
  // Plane p becomes bit `first` + p.
  const first = 32 - shift;
  memory.fill(lines, 0, <usize>first << 6);
  for (; n > 0; ) {
    const words = min(<usize>512, n);
    readLines(first, planes, planeBytes, shift, ((words + 63) >> 6) << 3);
    for (let at: usize = 0; at < words; at += 128) {
      let from = src + (at << 2);
      let to = dst + (at << 2);
      if (words - at < 128) {
        memory.copy(edge, from, (words - at) << 2);
        from = edge;
        to = edge;
      }
      linesToRows(lines + (at >> 3), first, 32);
      toTop(to, from, shift);
      if (words - at < 128) memory.copy(dst + (at << 2), edge, (words - at) << 2);
    }
    planes += 64;
    src += 2048;
    dst += 2048;
    n -= words;
  }
}

export function nonNegative32(dst: usize, src: usize, n: usize): void {
  while (n >= 64) {
    let signs: u64 = 0;
    for (let shift: u64 = 0; shift < 64; shift += 4) {
      signs |= <u64>i32x4.bitmask(v128.load(src)) << shift;
      src += 16;
    }
    store<u64>(dst, ~signs);
    dst += 8;
    n -= 64;
  }
  if (n == 0) return;
  let bits: u64 = 0;
  for (let i: usize = 0; i < n; i++) {
    const sign: u32 = load<u32>(src + (i << 2)) >> 31;
    bits |= <u64>(sign ^ 1) << i;
  }
  store<u64>(dst, bits);
}

export function addFields32(dst: usize, x: usize, mask: usize, y: usize, carry: usize, words: usize, width: i32): void {
  addFields(dst, x, mask, y, carry, words >> 1, width);
}
