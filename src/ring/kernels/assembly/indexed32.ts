// The kernel of indexed.ts for words of 32 bits, on the tiles of matmul32.ts. Rows of A are packed, too, since they need not lie in
// one piece.
import { COLUMNS, microTile, ROWS, STEPS, times } from "./matmul32";
import { panelA, panelB, tile } from "./scratch";

/** With fewer rows, or steps of K, packing costs more than it saves. */
const FEW_ROWS: usize = 4;
const FEW_STEPS: usize = 4;

// @ts-ignore: decorator
@inline
function entry(table: usize, i: usize): usize { return load<u32>(table + (i << 2)); }

/** Whether `count` columns lie side by side. */
// @ts-ignore: decorator
@inline
function near(columns: usize, count: usize): bool {
  const first = entry(columns, 0);
  for (let j: usize = 1; j < count; j++) if (entry(columns, j) - first != j << 2) return false;
  return true;
}

/** Per 16 columns, per k: the 16 words. Missing columns are zeros. */
function packB(b: usize, rows: usize, columns: usize, k: usize, n: usize): void {
  let to = panelB;
  for (let j: usize = 0; j < n; j += 16) {
    const count = min(<usize>16, n - j);
    const list = columns + (j << 2);
    if (count == 16 && near(list, 16)) {
      const at = b + entry(list, 0);
      for (let p: usize = 0; p < k; p++) {
        const from = at + entry(rows, p);
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
        v128.store(to, v128.load(from, 32), 32);
        v128.store(to, v128.load(from, 48), 48);
        to += 64;
      }
    } else {
      for (let p: usize = 0; p < k; p++) {
        const from = b + entry(rows, p);
        for (let i: usize = 0; i < 16; i++) {
          store<u32>(to + (i << 2), i < count ? load<u32>(from + entry(list, i)) : 0);
        }
        to += 64;
      }
    }
  }
}

/** Rows one after the other. */
function packA(a: usize, rows: usize, columns: usize, m: usize, k: usize): void {
  let to = panelA;
  for (let i: usize = 0; i < m; i++) {
    const at = a + entry(rows, i);
    for (let p: usize = 0; p < k; p++) {
      store<u32>(to, load<u32>(at + entry(columns, p)));
      to += 4;
    }
  }
}

/** Adds (or, the first time, copies) the part of a tile that lies inside C. */
function putTile(c: usize, rows: usize, columns: usize, m: usize, n: usize, first: i32): void {
  for (let i: usize = 0; i < m; i++) {
    const row = c + entry(rows, i);
    for (let j: usize = 0; j < n; j++) {
      const to = row + entry(columns, j);
      const value = load<u32>(tile + (i << 6) + (j << 2));
      store<u32>(to, first ? value : load<u32>(to) + value);
    }
  }
}

export function matmulIndexed32(
  c: usize, rowsC: usize, columnsC: usize,
  a: usize, rowsA: usize, columnsA: usize,
  b: usize, rowsB: usize, columnsB: usize,
  m: usize, k: usize, n: usize, accumulate: i32,
): void {
  if (m < FEW_ROWS || k < FEW_STEPS) {
    direct(c, rowsC, columnsC, a, rowsA, columnsA, b, rowsB, columnsB, m, k, n, accumulate);
    return;
  }
  for (let jc: usize = 0; jc < n; jc += COLUMNS) {
    const nc = min(COLUMNS, n - jc);
    for (let p: usize = 0; p < k; p += STEPS) {
      const kc = min(STEPS, k - p);
      const first = <i32>(p == 0 && !accumulate);
      packB(b, rowsB + (p << 2), columnsB + (jc << 2), kc, nc);
      for (let ic: usize = 0; ic < m; ic += ROWS) {
        const mc = min(ROWS, m - ic);
        packA(a, rowsA + (ic << 2), columnsA + (p << 2), mc, kc);
        for (let j: usize = 0; j < nc; j += 16) {
          const columns = columnsC + ((jc + j) << 2);
          const whole = j + 16 <= nc && near(columns, 16);
          const panel = panelB + ((j * kc) << 2);
          for (let i: usize = 0; i < mc; i += 2) {
            const ai = panelA + ((i * kc) << 2);
            const rows = rowsC + ((ic + i) << 2);
            // A missing second row is the first again, and nobody looks at it.
            const next = i + 1 == mc ? ai : ai + (kc << 2);
            if (whole && i + 1 < mc) {
              const ci = c + entry(columns, 0);
              microTile(ci + entry(rows, 0), ci + entry(rows, 1), ai, next, panel, 64, kc, first);
            } else {
              microTile(tile, tile + 64, ai, next, panel, 64, kc, 1);
              putTile(c, rows, columns, min(<usize>2, mc - i), min(<usize>16, nc - j), first);
            }
          }
        }
      }
    }
  }
}

/** Without packing, 1 x 4 at a time. */
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
    const together = at1 - at0 == 4 && at2 - at0 == 8 && at3 - at0 == 12;
    for (let i: usize = 0; i < m; i++) {
      const row = a + entry(rowsA, i);
      let sum = i32x4.splat(0);
      for (let p: usize = 0; p < k; p++) {
        const x = v128.load32_splat(row + entry(columnsA, p));
        const from = entry(rowsB, p);
        let y: v128;
        if (together) y = v128.load(at0 + from);
        else {
          y = v128.load32_zero(at0 + from);
          y = v128.load32_lane(at1 + from, y, 1);
          y = v128.load32_lane(at2 + from, y, 2);
          y = v128.load32_lane(at3 + from, y, 3);
        }
        sum = times(sum, x, y);
      }
      v128.store(tile, sum);
      putTile(c, rowsC + (i << 2), columnsC + (j << 2), 1, min(<usize>4, left), <i32>!accumulate);
    }
  }
}
