// C = A B modulo 2^32: one micro-kernel of 2 rows and 16 columns, with eight vectors of sums, over panels of B that are packed where
// enough rows share them, and over B where it lies otherwise. Neither Winograd's pairs nor Strassen's method: a product of 32 bits
// costs as little as the additions that these save it with.
import { NC, panelB, tile } from "./scratch";

/** K and rows of A at a time; a panel of 16 columns then fits the first-level cache, and the rows the second. */
export const STEPS: usize = 256;
export const ROWS: usize = 128;
/** Columns at a time: as many bytes of packed B as for words of 64 bits. */
export const COLUMNS: usize = 2 * NC;
/** With fewer rows than these, packing costs more than it saves. */
const FEW_ROWS: usize = 4;
/** For a single row: rows of B that are streamed side by side, as many as prefetching follows; below so many columns a row is short. */
const STREAMS: usize = 8;
const STREAM_COLUMNS: usize = 128;

// @ts-ignore: decorator
@inline
function put(c: usize, x: v128, first: i32): void { v128.store(c, first ? x : i32x4.add(v128.load(c), x)); }
// @ts-ignore: decorator
@inline
export function times(sum: v128, a: v128, b: v128): v128 { return i32x4.add(sum, i32x4.mul(a, b)); }

/** 2 x 16 tile; a0, a1: two rows of A; b: `row` bytes from one k to the next. */
export function microTile(
  c0: usize, c1: usize, a0: usize, a1: usize, b: usize, row: usize, k: usize, first: i32,
): void {
  let x0 = i32x4.splat(0);
  let x1 = i32x4.splat(0);
  let x2 = i32x4.splat(0);
  let x3 = i32x4.splat(0);
  let y0 = i32x4.splat(0);
  let y1 = i32x4.splat(0);
  let y2 = i32x4.splat(0);
  let y3 = i32x4.splat(0);
  const end = a0 + (k << 2);
  while (a0 < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    {
      const a = v128.load32_splat(a0);
      x0 = times(x0, a, b0);
      x1 = times(x1, a, b1);
      x2 = times(x2, a, b2);
      x3 = times(x3, a, b3);
    }
    {
      const a = v128.load32_splat(a1);
      y0 = times(y0, a, b0);
      y1 = times(y1, a, b1);
      y2 = times(y2, a, b2);
      y3 = times(y3, a, b3);
    }
    a0 += 4;
    a1 += 4;
    b += row;
  }
  put(c0, x0, first);
  put(c0 + 16, x1, first);
  put(c0 + 32, x2, first);
  put(c0 + 48, x3, first);
  put(c1, y0, first);
  put(c1 + 16, y1, first);
  put(c1 + 32, y2, first);
  put(c1 + 48, y3, first);
}

/** 1 x 16 tile. */
function microRow(c: usize, a: usize, b: usize, row: usize, k: usize, first: i32): void {
  let x0 = i32x4.splat(0);
  let x1 = i32x4.splat(0);
  let x2 = i32x4.splat(0);
  let x3 = i32x4.splat(0);
  const end = a + (k << 2);
  while (a < end) {
    const x = v128.load32_splat(a);
    x0 = times(x0, x, v128.load(b));
    x1 = times(x1, x, v128.load(b, 16));
    x2 = times(x2, x, v128.load(b, 32));
    x3 = times(x3, x, v128.load(b, 48));
    a += 4;
    b += row;
  }
  put(c, x0, first);
  put(c + 16, x1, first);
  put(c + 32, x2, first);
  put(c + 48, x3, first);
}

/** The inner product of n contiguous words. */
function dot(a: usize, b: usize, n: usize): u32 {
  let s0 = i32x4.splat(0);
  let s1 = i32x4.splat(0);
  const end = a + ((n & ~7) << 2);
  while (a < end) {
    s0 = times(s0, v128.load(a), v128.load(b));
    s1 = times(s1, v128.load(a, 16), v128.load(b, 16));
    a += 32;
    b += 32;
  }
  let sum = lanes(i32x4.add(s0, s1));
  for (let rest = n & 7; rest > 0; rest--) {
    sum += load<u32>(a) * load<u32>(b);
    a += 4;
    b += 4;
  }
  return sum;
}

/** The sum of the four words of a vector. */
// @ts-ignore: decorator
@inline
export function lanes(x: v128): u32 {
  const pairs = i32x4.add(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}

export function matmul32(c: usize, a: usize, b: usize, m: usize, k: usize, n: usize, accumulate: i32): void {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (!accumulate) memory.fill(c, 0, (m * n) << 2);
  } else if (n == 1) {
    for (let i: usize = 0; i < m; i++) {
      const value = dot(a, b, k);
      store<u32>(c, accumulate ? load<u32>(c) + value : value);
      a += k << 2;
      c += 4;
    }
  } else if (m < FEW_ROWS) fewRows(c, a, b, m, k, n, accumulate);
  else packed(c, a, b, m, k, n, accumulate);
}

/** B is read where it lies. */
function fewRows(c: usize, a: usize, b: usize, m: usize, k: usize, n: usize, accumulate: i32): void {
  const row = n << 2;
  const block = m > 1 || n < STREAM_COLUMNS ? STEPS : STREAMS;
  for (let p: usize = 0; p < k; p += block) {
    const kc = min(block, k - p);
    const first = <i32>(p == 0 && !accumulate);
    const ap = a + (p << 2);
    const bp = b + p * row;
    let j: usize = 0;
    for (; j + 16 <= n; j += 16) {
      const bj = bp + (j << 2);
      const cj = c + (j << 2);
      if (m > 1) microTile(cj, cj + row, ap, ap + (k << 2), bj, row, kc, first);
      if (m & 1) microRow(cj + (m - 1) * row, ap + (((m - 1) * k) << 2), bj, row, kc, first);
    }
    for (let i: usize = 0; i < m; i++) columns(c + i * row, ap + ((i * k) << 2), bp, j, n, kc, first);
  }
}

/** The up to 15 columns from j on that are left beside the tiles, for one row. */
function columns(c: usize, a: usize, b: usize, j: usize, n: usize, k: usize, first: i32): void {
  const row = n << 2;
  const end = a + (k << 2);
  for (; j + 4 <= n; j += 4) {
    let sum = i32x4.splat(0);
    let from = b + (j << 2);
    for (let at = a; at < end; at += 4) {
      sum = times(sum, v128.load32_splat(at), v128.load(from));
      from += row;
    }
    put(c + (j << 2), sum, first);
  }
  for (; j < n; j++) {
    let sum: u32 = 0;
    let from = b + (j << 2);
    for (let at = a; at < end; at += 4) {
      sum += load<u32>(at) * load<u32>(from);
      from += row;
    }
    const to = c + (j << 2);
    store<u32>(to, first ? sum : load<u32>(to) + sum);
  }
}

/** Per 16 columns, per k: the 16 words. Missing columns are zeros. */
function packPanels(b: usize, row: usize, k: usize, n: usize): void {
  let to = panelB;
  for (let j: usize = 0; j < n; j += 16) {
    let from = b + (j << 2);
    const bytes = (n - j) << 2;
    for (let p = k; p > 0; p--) {
      if (bytes >= 64) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
        v128.store(to, v128.load(from, 32), 32);
        v128.store(to, v128.load(from, 48), 48);
      } else {
        for (let at: usize = 0; at < 64; at += 4) store<u32>(to + at, at < bytes ? load<u32>(from + at) : 0);
      }
      to += 64;
      from += row;
    }
  }
}

/** Adds (or, the first time, copies) the part of the scratch tile that lies inside C. */
function putTile(c: usize, row: usize, m: usize, n: usize, first: i32): void {
  for (let i: usize = 0; i < m; i++) {
    for (let j: usize = 0; j < n; j++) {
      const to = c + i * row + (j << 2);
      const value = load<u32>(tile + (i << 6) + (j << 2));
      store<u32>(to, first ? value : load<u32>(to) + value);
    }
  }
}

/** As winograd in matmul.ts, but rows of A need no packing: each is read through a pointer of its own. */
function packed(c: usize, a: usize, b: usize, m: usize, k: usize, n: usize, accumulate: i32): void {
  const row = n << 2;
  for (let jc: usize = 0; jc < n; jc += COLUMNS) {
    const nc = min(COLUMNS, n - jc);
    for (let p: usize = 0; p < k; p += STEPS) {
      const kc = min(STEPS, k - p);
      const first = <i32>(p == 0 && !accumulate);
      packPanels(b + p * row + (jc << 2), row, kc, nc);
      for (let ic: usize = 0; ic < m; ic += ROWS) {
        const mc = min(ROWS, m - ic);
        for (let j: usize = 0; j < nc; j += 16) {
          const panel = panelB + ((j * kc) << 2);
          for (let i: usize = 0; i < mc; i += 2) {
            const ai = a + (((ic + i) * k + p) << 2);
            const ci = c + (((ic + i) * n + jc + j) << 2);
            if (i + 1 == mc || j + 16 > nc) {
              // A missing second row is the first again, and nobody looks at it.
              microTile(tile, tile + 64, ai, i + 1 == mc ? ai : ai + (k << 2), panel, 64, kc, 1);
              putTile(ci, row, min(<usize>2, mc - i), min(<usize>16, nc - j), first);
            } else microTile(ci, ci + row, ai, ai + (k << 2), panel, 64, kc, first);
          }
        }
      }
    }
  }
}
