// The kernels of layout.ts for words of 32 bits.
import { add32 } from "./elementwise32";
import { lanes } from "./matmul32";

/** dst (cols x rows, row length ldd words) = transpose of src (rows x cols, row length lds words). */
export function transposeBlocked32(dst: usize, ldd: usize, src: usize, lds: usize, rows: usize, cols: usize): void {
  // 16 x 16 blocks: each touches 16 cache lines on either side, whatever the row lengths are.
  for (let i: usize = 0; i < rows; i += 16) {
    const iEnd = min(i + 16, rows);
    for (let j: usize = 0; j < cols; j += 16) {
      const jEnd = min(j + 16, cols);
      transposeBlock(dst + ((j * ldd + i) << 2), ldd << 2, src + ((i * lds + j) << 2), lds << 2, iEnd - i, jEnd - j);
    }
  }
}

function transposeBlock(dst: usize, dstRow: usize, src: usize, srcRow: usize, rows: usize, cols: usize): void {
  let i: usize = 0;
  for (; i + 4 <= rows; i += 4) {
    let from = src + i * srcRow;
    let to = dst + (i << 2);
    let j: usize = 0;
    for (; j + 4 <= cols; j += 4) {
      const r0 = v128.load(from);
      const r1 = v128.load(from + srcRow);
      const r2 = v128.load(from + 2 * srcRow);
      const r3 = v128.load(from + 3 * srcRow);
      const s0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const s1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const s2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const s3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<i64>(s0, s2, 0, 2));
      v128.store(to + dstRow, v128.shuffle<i64>(s0, s2, 1, 3));
      v128.store(to + 2 * dstRow, v128.shuffle<i64>(s1, s3, 0, 2));
      v128.store(to + 3 * dstRow, v128.shuffle<i64>(s1, s3, 1, 3));
      from += 16;
      to += dstRow << 2;
    }
    for (; j < cols; j++) {
      store<u32>(to, load<u32>(from));
      store<u32>(to, load<u32>(from + srcRow), 4);
      store<u32>(to, load<u32>(from + 2 * srcRow), 8);
      store<u32>(to, load<u32>(from + 3 * srcRow), 12);
      from += 4;
      to += dstRow;
    }
  }
  for (; i < rows; i++) {
    const from = src + i * srcRow;
    const to = dst + (i << 2);
    for (let j: usize = 0; j < cols; j++) store<u32>(to + j * dstRow, load<u32>(from + (j << 2)));
  }
}

export function transpose32(dst: usize, src: usize, rows: usize, cols: usize): void {
  if (rows == 1 || cols == 1) memory.copy(dst, src, (rows * cols) << 2);
  else transposeBlocked32(dst, rows, src, cols, rows, cols);
}

export function gatherRows32(dst: usize, src: usize, index: usize, rows: usize, rowWords: usize): void {
  const bytes = rowWords << 2;
  for (let r: usize = 0; r < rows; r++) {
    const from = src + <usize>load<u32>(index + (r << 2)) * bytes;
    if (bytes == 4) store<u32>(dst, load<u32>(from));
    else memory.copy(dst, from, bytes);
    dst += bytes;
  }
}

export function scatterAddRows32(dst: usize, src: usize, index: usize, rows: usize, rowWords: usize): void {
  for (let r: usize = 0; r < rows; r++) {
    const to = dst + <usize>load<u32>(index + (r << 2)) * (rowWords << 2);
    add32(to, to, src, rowWords);
    src += rowWords << 2;
  }
}

/** The sum of n contiguous words. */
export function sumWords32(src: usize, n: usize): u32 {
  let s0 = i32x4.splat(0);
  let s1 = i32x4.splat(0);
  const end = src + ((n & ~7) << 2);
  while (src < end) {
    s0 = i32x4.add(s0, v128.load(src));
    s1 = i32x4.add(s1, v128.load(src, 16));
    src += 32;
  }
  let sum = lanes(i32x4.add(s0, s1));
  for (let left = n & 7; left > 0; left--) {
    sum += load<u32>(src);
    src += 4;
  }
  return sum;
}

/** Columns that are summed at a time, so that the partial sums stay in the first-level cache. */
const SUM_BLOCK: usize = 2048;

export function sumAxis32(dst: usize, src: usize, outer: usize, axis: usize, inner: usize): void {
  if (inner == 1) {
    for (let o: usize = 0; o < outer; o++) store<u32>(dst + (o << 2), sumWords32(src + ((o * axis) << 2), axis));
    return;
  }
  memory.fill(dst, 0, (outer * inner) << 2);
  for (let o: usize = 0; o < outer; o++) {
    for (let i: usize = 0; i < inner; i += SUM_BLOCK) {
      const n = min(SUM_BLOCK, inner - i);
      const to = dst + ((o * inner + i) << 2);
      for (let x: usize = 0; x < axis; x++) add32(to, to, src + (((o * axis + x) * inner + i) << 2), n);
    }
  }
}

export function prefixSums32(dst: usize, src: usize, outer: usize, axis: usize, inner: usize, reverse: i32): void {
  const row = inner << 2;
  for (let o: usize = 0; o < outer; o++) {
    const start = o * axis * row;
    for (let x: usize = 0; x < axis; x++) {
      const at = start + (reverse ? axis - 1 - x : x) * row;
      const before = reverse ? at + row : at - row;
      if (x == 0) memory.copy(dst + at, src + at, row);
      else if (inner == 1) store<u32>(dst + at, load<u32>(dst + before) + load<u32>(src + at));
      else add32(dst + at, dst + before, src + at, inner);
    }
  }
}

/** dst = the lower halves of n words of 64 bits, which lie at src: Z_2^64 to Z_2^32. dst may be src. */
export function reduce32(dst: usize, src: usize, n: usize): void {
  for (let i = n >> 3; i > 0; i--) {
    const x0 = v128.load(src);
    const x1 = v128.load(src, 16);
    const x2 = v128.load(src, 32);
    const x3 = v128.load(src, 48);
    v128.store(dst, v128.shuffle<i32>(x0, x1, 0, 2, 4, 6));
    v128.store(dst, v128.shuffle<i32>(x2, x3, 0, 2, 4, 6), 16);
    dst += 32;
    src += 64;
  }
  for (let left = n & 7; left > 0; left--) {
    store<u32>(dst, load<u32>(src));
    dst += 4;
    src += 8;
  }
}
