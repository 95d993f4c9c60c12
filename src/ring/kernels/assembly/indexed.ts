// C = A B or C += A B where the matrices are given by tables: element (i, j) lies `rows[i] + columns[j]` bytes behind the matrix's address.
// So a matrix may be a view of an array in which elements stand more than once: the columns of im2col, which are never
// written down. C may be such a view, too: elements that stand in it twice receive both sums, which is col2im.
import { microWinograd } from "./micro";
import { KC, MC, NC, panelA, panelB, sumsA, sumsB, tile } from "./scratch";

/** With fewer rows, or steps of K, packing costs more than Winograd's method saves. */
const FEW_ROWS: usize = 4;
const FEW_STEPS: usize = 8;

// @ts-ignore: decorator
@inline
function entry(table: usize, i: usize): usize { return load<u32>(table + (i << 2)); }
// @ts-ignore: decorator
@inline
function two(p: usize, q: usize): v128 { return v128.load64_lane(q, v128.load64_zero(p), 1); }

/** As packPairsB. Missing columns are the first of their four again: nobody looks at what becomes of them. */
function packB(b: usize, rows: usize, columns: usize, k: usize, n: usize): void {
  let panel = panelB;
  let sums = sumsB;
  for (let j: usize = 0; j < n; j += 4) {
    const left = n - j;
    const at0 = b + entry(columns, j);
    const at1 = left > 1 ? b + entry(columns, j + 1) : at0;
    const at2 = left > 2 ? b + entry(columns, j + 2) : at0;
    const at3 = left > 3 ? b + entry(columns, j + 3) : at0;
    const near = at1 - at0 == 8 && at2 - at0 == 16 && at3 - at0 == 24;
    let sum0 = i64x2.splat(0);
    let sum1 = i64x2.splat(0);
    for (let p: usize = 0; p < k; p += 2) {
      const row = entry(rows, p);
      const b00 = near ? v128.load(at0 + row) : two(at0 + row, at1 + row);
      const b01 = near ? v128.load(at0 + row, 16) : two(at2 + row, at3 + row);
      let b10 = i64x2.splat(0);
      let b11 = i64x2.splat(0);
      if (p + 1 < k) {
        const next = entry(rows, p + 1);
        b10 = near ? v128.load(at0 + next) : two(at0 + next, at1 + next);
        b11 = near ? v128.load(at0 + next, 16) : two(at2 + next, at3 + next);
      }
      v128.store(panel, b00);
      v128.store(panel, b01, 16);
      v128.store(panel, b10, 32);
      v128.store(panel, b11, 48);
      sum0 = i64x2.add(sum0, i64x2.mul(b00, b10));
      sum1 = i64x2.add(sum1, i64x2.mul(b01, b11));
      panel += 64;
    }
    v128.store(sums, sum0);
    v128.store(sums, sum1, 16);
    sums += 32;
  }
}

/** As packPairsA. A missing row is the one before it again. */
function packA(a: usize, rows: usize, columns: usize, m: usize, k: usize): void {
  let panel = panelA;
  let sums = sumsA;
  for (let i: usize = 0; i < m; i += 2) {
    const at0 = a + entry(rows, i);
    const at1 = i + 1 < m ? a + entry(rows, i + 1) : at0;
    let sum = i64x2.splat(0);
    for (let p: usize = 0; p < k; p += 2) {
      const column = entry(columns, p);
      let r0: v128;
      let r1: v128;
      if (p + 1 < k) {
        const next = entry(columns, p + 1);
        if (next - column == 8) {
          r0 = v128.load(at0 + column);
          r1 = v128.load(at1 + column);
        } else {
          r0 = two(at0 + column, at0 + next);
          r1 = two(at1 + column, at1 + next);
        }
      } else {
        r0 = v128.load64_zero(at0 + column);
        r1 = v128.load64_zero(at1 + column);
      }
      v128.store(panel, r0);
      v128.store(panel, r1, 16);
      sum = i64x2.add(sum, i64x2.mul(v128.shuffle<i64>(r0, r1, 0, 2), v128.shuffle<i64>(r0, r1, 1, 3)));
      panel += 32;
    }
    v128.store(sums, sum);
    sums += 16;
  }
}

/** Adds (or, the first time, copies) the part of a tile that lies inside C. */
function putTile(c: usize, rows: usize, columns: usize, m: usize, n: usize, first: i32): void {
  for (let i: usize = 0; i < m; i++) {
    const row = c + entry(rows, i);
    for (let j: usize = 0; j < n; j++) {
      const to = row + entry(columns, j);
      const value = load<u64>(tile + (i << 5) + (j << 3));
      store<u64>(to, first ? value : load<u64>(to) + value);
    }
  }
}

/** Whether four columns of C lie side by side. */
// @ts-ignore: decorator
@inline
function sideBySide(columns: usize, n: usize): bool {
  if (n < 4) return false;
  const first = entry(columns, 0);
  return entry(columns, 1) - first == 8 && entry(columns, 2) - first == 16 && entry(columns, 3) - first == 24;
}

export function matmulIndexed(
  c: usize, rowsC: usize, columnsC: usize,
  a: usize, rowsA: usize, columnsA: usize,
  b: usize, rowsB: usize, columnsB: usize,
  m: usize, k: usize, n: usize, accumulate: i32,
): void {
  if (m < FEW_ROWS || k < FEW_STEPS) {
    direct(c, rowsC, columnsC, a, rowsA, columnsA, b, rowsB, columnsB, m, k, n, accumulate);
    return;
  }
  for (let jc: usize = 0; jc < n; jc += NC) {
    const nc = min(NC, n - jc);
    for (let p: usize = 0; p < k; p += KC) {
      const kc = min(KC, k - p);
      const pairs = (kc + 1) >> 1;
      const first = <i32>(p == 0 && !accumulate);
      packB(b, rowsB + (p << 2), columnsB + (jc << 2), kc, nc);
      for (let ic: usize = 0; ic < m; ic += MC) {
        const mc = min(MC, m - ic);
        packA(a, rowsA + (ic << 2), columnsA + (p << 2), mc, kc);
        for (let j: usize = 0; j < nc; j += 4) {
          const columns = columnsC + ((jc + j) << 2);
          const near = sideBySide(columns, nc - j);
          const panel = panelB + ((j * pairs) << 4);
          const sums = sumsB + (j << 3);
          for (let i: usize = 0; i < mc; i += 2) {
            const ap = panelA + ((i * pairs) << 4);
            const rows = rowsC + ((ic + i) << 2);
            if (near && i + 1 < mc) {
              const ci = c + entry(columns, 0);
              microWinograd(ci + entry(rows, 0), ci + entry(rows, 1), ap, panel, pairs, sumsA + (i << 3), sums, first);
            } else {
              microWinograd(tile, tile + 32, ap, panel, pairs, sumsA + (i << 3), sums, 1);
              putTile(c, rows, columns, min(<usize>2, mc - i), min(<usize>4, nc - j), first);
            }
          }
        }
      }
    }
  }
}

/** Without packing, 1 x 4 at a time: few rows share a packed panel, few steps a sum that was corrected. */
function direct(
  c: usize, rowsC: usize, columnsC: usize,
  a: usize, rowsA: usize, columnsA: usize,
  b: usize, rowsB: usize, columnsB: usize,
  m: usize, k: usize, n: usize, accumulate: i32,
): void {
  for (let j: usize = 0; j < n; j += 4) {
    const left = n - j;
    const at0 = b + entry(columnsB, j);
    const at1 = left > 1 ? b + entry(columnsB, j + 1) : at0;
    const at2 = left > 2 ? b + entry(columnsB, j + 2) : at0;
    const at3 = left > 3 ? b + entry(columnsB, j + 3) : at0;
    const near = at1 - at0 == 8 && at2 - at0 == 16 && at3 - at0 == 24;
    for (let i: usize = 0; i < m; i++) {
      const row = a + entry(rowsA, i);
      let sum0 = i64x2.splat(0);
      let sum1 = i64x2.splat(0);
      for (let p: usize = 0; p < k; p++) {
        const x = v128.load64_splat(row + entry(columnsA, p));
        const from = entry(rowsB, p);
        const y0 = near ? v128.load(at0 + from) : two(at0 + from, at1 + from);
        const y1 = near ? v128.load(at0 + from, 16) : two(at2 + from, at3 + from);
        sum0 = i64x2.add(sum0, i64x2.mul(x, y0));
        sum1 = i64x2.add(sum1, i64x2.mul(x, y1));
      }
      v128.store(tile, sum0);
      v128.store(tile, sum1, 16);
      putTile(c, rowsC + (i << 2), columnsC + (j << 2), 1, min(<usize>4, left), <i32>!accumulate);
    }
  }
}

/** For words of either size. */
// @ts-ignore: decorator
@inline
function put<T>(
  c: usize, rows: usize, columns: usize, from: usize, step: usize, m: usize, n: usize, accumulate: i32,
): void {
  for (let i: usize = 0; i < m; i++) {
    const row = c + entry(rows, i);
    let at = from;
    for (let j: usize = 0; j < n; j++) {
      const to = row + entry(columns, j);
      const value = load<T>(at);
      store<T>(to, accumulate ? load<T>(to) + value : value);
      at += sizeof<T>();
    }
    from += step;
  }
}
export function putIndexed(
  c: usize, rows: usize, columns: usize, from: usize, step: usize, m: usize, n: usize, accumulate: i32,
): void {
  put<u64>(c, rows, columns, from, step, m, n, accumulate);
}
export function putIndexed32(
  c: usize, rows: usize, columns: usize, from: usize, step: usize, m: usize, n: usize, accumulate: i32,
): void {
  put<u32>(c, rows, columns, from, step, m, n, accumulate);
}
