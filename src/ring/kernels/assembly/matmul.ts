// C = A B modulo 2^64: chooses a method by the shape, cuts into blocks that fit the caches, and handles tiles that
// overhang C. The arithmetic is in micro.ts, one level of Strassen's method in strassen.ts. Which branch is taken depends
// on sizes only, never on words.
import { dot, dotColumn, microPair, microRow, microWinograd } from "./micro";
import { packPairsA, packPairsB } from "./pack-panels";
import { KC, MC, NC, panelA, panelB, sumsA, sumsB, tile } from "./scratch";
import { strassen } from "./strassen";

/** With fewer rows, columns or steps of K than these, packing for Winograd's method costs more than it saves. */
const FEW_ROWS: usize = 4;
const FEW_COLUMNS: usize = 8;
const FEW_STEPS: usize = 12;
/** With fewer than these, the additions of Strassen's method cost more than its saved eighth of the products. */
const MANY_ROWS: usize = 64;
const MANY_COLUMNS: usize = 64;
const MANY_STEPS: usize = 256;

/** For a single row, K at a time: so many rows of B are streamed side by side, as many as prefetching follows. */
const STREAMS: usize = 8;
/** Below this many columns a row of B is too short to stream. */
const STREAM_COLUMNS: usize = 64;

export function matmul(c: usize, a: usize, b: usize, m: usize, k: usize, n: usize, accumulate: i32): void {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (!accumulate) memory.fill(c, 0, (m * n) << 3);
  } else if (n == 1) {
    matrixVector(c, a, b, m, k, accumulate);
  } else if (m < FEW_ROWS || n < FEW_COLUMNS || k < FEW_STEPS) {
    const last = m & 1;
    if (m > last) rowPairs(c, a, b, m - last, k, n, accumulate);
    if (last) singleRow(c + (((m - 1) * n) << 3), a + (((m - 1) * k) << 3), b, k, n, accumulate);
  } else if (((m | k | n) & 1) == 0 && m >= MANY_ROWS && n >= MANY_COLUMNS && k >= MANY_STEPS) {
    if (!accumulate) memory.fill(c, 0, (m * n) << 3);
    strassen(c, a, b, m, k, n);
  } else {
    winograd(c, a, b, m, k, n, accumulate);
  }
}

function matrixVector(c: usize, a: usize, b: usize, m: usize, k: usize, accumulate: i32): void {
  for (let i: usize = 0; i < m; i++) {
    const value = dot(a, b, k);
    store<u64>(c, accumulate ? load<u64>(c) + value : value);
    a += k << 3;
    c += 8;
  }
}

/** B is read where it lies, KC rows of it at a time, so that the next pair of rows of A finds it in the cache. */
function rowPairs(c: usize, a: usize, b: usize, m: usize, k: usize, n: usize, accumulate: i32): void {
  const row = n << 3;
  for (let p: usize = 0; p < k; p += KC) {
    const kc = min(KC, k - p);
    const first = <i32>(p == 0 && !accumulate);
    const bp = b + p * row;
    let j: usize = 0;
    for (; j + 4 <= n; j += 4) {
      for (let i: usize = 0; i < m; i += 2) {
        const ai = a + ((i * k + p) << 3);
        const ci = c + ((i * n + j) << 3);
        microPair(ci, ci + row, ai, ai + (k << 3), bp + (j << 3), row, kc, first);
      }
    }
    if (j == n) continue;
    for (let i: usize = 0; i < m; i++) columns(c + ((i * n) << 3), a + ((i * k + p) << 3), bp, j, n, kc, first);
  }
}

function singleRow(c: usize, a: usize, b: usize, k: usize, n: usize, accumulate: i32): void {
  const row = n << 3;
  const block = n < STREAM_COLUMNS ? KC : STREAMS;
  for (let p: usize = 0; p < k; p += block) {
    const kc = min(block, k - p);
    const first = <i32>(p == 0 && !accumulate);
    const ap = a + (p << 3);
    const bp = b + p * row;
    let j: usize = 0;
    for (; j + 8 <= n; j += 8) microRow(c + (j << 3), ap, bp + (j << 3), row, kc, first);
    if (j + 4 <= n) {
      // The second row of the pair is the first again, and goes nowhere.
      microPair(c + (j << 3), tile, ap, ap, bp + (j << 3), row, kc, first);
      j += 4;
    }
    columns(c, ap, bp, j, n, kc, first);
  }
}

/** The up to 3 columns from j on that are left beside the tiles, for one row. */
function columns(c: usize, a: usize, b: usize, j: usize, n: usize, k: usize, first: i32): void {
  for (; j < n; j++) {
    const to = c + (j << 3);
    const value = dotColumn(a, b + (j << 3), n << 3, k);
    store<u64>(to, first ? value : load<u64>(to) + value);
  }
}

/** Adds (or, the first time, copies) the part of the scratch tile that lies inside C. */
function putTile(c: usize, row: usize, m: usize, n: usize, first: i32): void {
  for (let i: usize = 0; i < m; i++) {
    for (let j: usize = 0; j < n; j++) {
      const to = c + i * row + (j << 3);
      const value = load<u64>(tile + (i << 5) + (j << 3));
      store<u64>(to, first ? value : load<u64>(to) + value);
    }
  }
}

/** Packs blocks of B and of A in turn: Goto, van de Geijn, "Anatomy of High-Performance Matrix Multiplication". */
function winograd(c: usize, a: usize, b: usize, m: usize, k: usize, n: usize, accumulate: i32): void {
  const row = n << 3;
  for (let jc: usize = 0; jc < n; jc += NC) {
    const nc = min(NC, n - jc);
    for (let p: usize = 0; p < k; p += KC) {
      const kc = min(KC, k - p);
      const pairs = (kc + 1) >> 1;
      const first = <i32>(p == 0 && !accumulate);
      packPairsB(panelB, sumsB, b + p * row + (jc << 3), row, kc, nc);
      for (let ic: usize = 0; ic < m; ic += MC) {
        const mc = min(MC, m - ic);
        packPairsA(panelA, sumsA, a + ((ic * k + p) << 3), k << 3, mc, kc);
        for (let j: usize = 0; j < nc; j += 4) {
          const panel = panelB + ((j * pairs) << 4);
          const sums = sumsB + (j << 3);
          for (let i: usize = 0; i < mc; i += 2) {
            const ap = panelA + ((i * pairs) << 4);
            const ci = c + (((ic + i) * n + jc + j) << 3);
            if (i + 1 == mc || j + 4 > nc) {
              microWinograd(tile, tile + 32, ap, panel, pairs, sumsA + (i << 3), sums, 1);
              putTile(ci, row, min(<usize>2, mc - i), min(<usize>4, nc - j), first);
            } else {
              microWinograd(ci, ci + row, ap, panel, pairs, sumsA + (i << 3), sums, first);
            }
          }
        }
      }
    }
  }
}
