// Contiguous layout kernels: transpose, row gather, sums over an axis. Strided ones are in strided.ts.
import { add } from "./elementwise";

/** dst (cols x rows, row length ldd words) = transpose of src (rows x cols, row length lds words). */
export function transposeBlocked(dst: usize, ldd: usize, src: usize, lds: usize, rows: usize, cols: usize): void {
  // 8 x 8 blocks: each touches 8 cache lines on either side, whatever the row lengths are.
  for (let i: usize = 0; i < rows; i += 8) {
    const iEnd = min(i + 8, rows);
    for (let j: usize = 0; j < cols; j += 8) {
      const jEnd = min(j + 8, cols);
      transposeBlock(dst + ((j * ldd + i) << 3), ldd << 3, src + ((i * lds + j) << 3), lds << 3, iEnd - i, jEnd - j);
    }
  }
}

function transposeBlock(dst: usize, dstRow: usize, src: usize, srcRow: usize, rows: usize, cols: usize): void {
  let i: usize = 0;
  for (; i + 2 <= rows; i += 2) {
    let from = src + i * srcRow;
    let to = dst + (i << 3);
    let j: usize = 0;
    for (; j + 2 <= cols; j += 2) {
      const x = v128.load(from);
      const y = v128.load(from + srcRow);
      v128.store(to, v128.shuffle<i64>(x, y, 0, 2));
      v128.store(to + dstRow, v128.shuffle<i64>(x, y, 1, 3));
      from += 16;
      to += dstRow << 1;
    }
    if (j < cols) {
      store<u64>(to, load<u64>(from));
      store<u64>(to, load<u64>(from + srcRow), 8);
    }
  }
  if (i < rows) {
    const from = src + i * srcRow;
    const to = dst + (i << 3);
    for (let j: usize = 0; j < cols; j++) store<u64>(to + j * dstRow, load<u64>(from + (j << 3)));
  }
}

export function transpose(dst: usize, src: usize, rows: usize, cols: usize): void {
  if (rows == 1 || cols == 1) memory.copy(dst, src, (rows * cols) << 3);
  else transposeBlocked(dst, rows, src, cols, rows, cols);
}

export function gatherRows(dst: usize, src: usize, index: usize, rows: usize, rowWords: usize): void {
  const bytes = rowWords << 3;
  if (rowWords == 1) {
    for (let r: usize = 0; r < rows; r++) {
      store<u64>(dst + (r << 3), load<u64>(src + (<usize>load<u32>(index + (r << 2)) << 3)));
    }
    return;
  }
  for (let r: usize = 0; r < rows; r++) {
    memory.copy(dst, src + <usize>load<u32>(index + (r << 2)) * bytes, bytes);
    dst += bytes;
  }
}

export function scatterAddRows(dst: usize, src: usize, index: usize, rows: usize, rowWords: usize): void {
  for (let r: usize = 0; r < rows; r++) {
    const to = dst + <usize>load<u32>(index + (r << 2)) * (rowWords << 3);
    add(to, to, src, rowWords);
    src += rowWords << 3;
  }
}

/** The sum of n contiguous words. */
export function sumWords(src: usize, n: usize): u64 {
  let s0 = i64x2.splat(0);
  let s1 = i64x2.splat(0);
  const end = src + ((n & ~3) << 3);
  while (src < end) {
    s0 = i64x2.add(s0, v128.load(src));
    s1 = i64x2.add(s1, v128.load(src, 16));
    src += 32;
  }
  s0 = i64x2.add(s0, s1);
  let sum: u64 = i64x2.extract_lane(s0, 0) + i64x2.extract_lane(s0, 1);
  for (let left = n & 3; left > 0; left--) {
    sum += load<u64>(src);
    src += 8;
  }
  return sum;
}

/** Columns that are summed at a time, so that the partial sums stay in the first-level cache. */
const SUM_BLOCK: usize = 1024;

export function sumAxis(dst: usize, src: usize, outer: usize, axis: usize, inner: usize): void {
  if (inner == 1) {
    for (let o: usize = 0; o < outer; o++) store<u64>(dst + (o << 3), sumWords(src + ((o * axis) << 3), axis));
    return;
  }
  memory.fill(dst, 0, (outer * inner) << 3);
  for (let o: usize = 0; o < outer; o++) {
    for (let i: usize = 0; i < inner; i += SUM_BLOCK) {
      const n = min(SUM_BLOCK, inner - i);
      const to = dst + ((o * inner + i) << 3);
      for (let x: usize = 0; x < axis; x++) add(to, to, src + (((o * axis + x) * inner + i) << 3), n);
    }
  }
}

export function prefixSums(dst: usize, src: usize, outer: usize, axis: usize, inner: usize, reverse: i32): void {
  const row = inner << 3;
  for (let o: usize = 0; o < outer; o++) {
    const start = o * axis * row;
    for (let x: usize = 0; x < axis; x++) {
      const at = start + (reverse ? axis - 1 - x : x) * row;
      const before = reverse ? at + row : at - row;
      if (x == 0) memory.copy(dst + at, src + at, row);
      else if (inner == 1) store<u64>(dst + at, load<u64>(dst + before) + load<u64>(src + at));
      else add(dst + at, dst + before, src + at, inner);
    }
  }
}

/** For words of this size there is nothing to reduce. */
export function reduce(dst: usize, src: usize, n: usize): void { memory.copy(dst, src, n << 3); }
