// C += A B by one level of Strassen's method ("Gaussian Elimination is not Optimal", 1969): seven products of quarters
// instead of eight, exact in every ring. The quarters are added up while they are packed, and each tile of a product goes
// into its one or two quarters of C at once (Huang et al., "Strassen's Algorithm Reloaded", 2016), so that no temporary
// matrix is needed. All three sizes must be even.
import { microWinograd } from "./micro";
import { addSigned, packPairsA, packPairsB, packTwoA, packTwoB } from "./pack-panels";
import { KC, MC, NC, panelA, panelB, sumsA, sumsB, tile } from "./scratch";

/** c += tile, or -= where `sign` is -1; the first `rows` rows and `columns` columns of it. */
// @ts-ignore: decorator
@inline
function addTile(c: usize, row: usize, sign: i64, rows: usize, columns: usize): void {
  if (rows == 2 && columns >= 4) {
    const signs = i64x2.splat(sign);
    v128.store(c, addSigned(v128.load(c), v128.load(tile), signs));
    v128.store(c, addSigned(v128.load(c, 16), v128.load(tile, 16), signs), 16);
    v128.store(c + row, addSigned(v128.load(c + row), v128.load(tile, 32), signs));
    v128.store(c + row, addSigned(v128.load(c + row, 16), v128.load(tile, 48), signs), 16);
    return;
  }
  for (let i: usize = 0; i < rows; i++) {
    for (let j: usize = 0; j < columns; j++) {
      const to = c + i * row + (j << 3);
      store<u64>(to, load<u64>(to) + ((load<u64>(tile + (i << 5) + (j << 3)) ^ sign) - sign));
    }
  }
}

// Of the products at hand: bytes from one row to the next (rows of C are as long as those of B), and sizes.
let rowA: usize = 0;
let rowB: usize = 0;
let rows: usize = 0;
let steps: usize = 0;
let columns: usize = 0;

/** c += P, d += P or -= P (d = 0: not), where P = (a +- a2) (b +- b2). */
function addProduct(
  c: usize, d: usize, signD: i64, a: usize, a2: usize, signA: i64, b: usize, b2: usize, signB: i64,
): void {
  const pairs = (steps + 1) >> 1;
  if (b2) packTwoB(panelB, sumsB, b, b2 - b, signB, rowB, steps, columns);
  else packPairsB(panelB, sumsB, b, rowB, steps, columns);
  for (let ic: usize = 0; ic < rows; ic += MC) {
    const mc = min(MC, rows - ic);
    const ai = a + ic * rowA;
    if (a2) packTwoA(panelA, sumsA, ai, a2 - a, signA, rowA, mc, steps);
    else packPairsA(panelA, sumsA, ai, rowA, mc, steps);
    for (let j: usize = 0; j < columns; j += 4) {
      const nr = min(<usize>4, columns - j);
      const panel = panelB + ((j * pairs) << 4);
      for (let i: usize = 0; i < mc; i += 2) {
        const mr = min(<usize>2, mc - i);
        const at = (ic + i) * rowB + (j << 3);
        microWinograd(tile, tile + 32, panelA + ((i * pairs) << 4), panel, pairs, sumsA + (i << 3), sumsB + (j << 3), 1);
        addTile(c + at, rowB, 0, mr, nr);
        if (d) addTile(d + at, rowB, signD, mr, nr);
      }
    }
  }
}

export function strassen(c: usize, a: usize, b: usize, m: usize, k: usize, n: usize): void {
  const halfK = k >> 1;
  const halfN = n >> 1;
  // Blocks of K of about equal length; even, so that only the last pair may lack its second half.
  const blocks = (halfK + KC - 1) / KC;
  const block = ((halfK + blocks - 1) / blocks + 1) & ~1;
  rowA = k << 3;
  rowB = n << 3;
  rows = m >> 1;
  for (let jc: usize = 0; jc < halfN; jc += NC) {
    columns = min(NC, halfN - jc);
    const c11 = c + (jc << 3);
    const c12 = c11 + (halfN << 3);
    const c21 = c11 + rows * rowB;
    const c22 = c12 + rows * rowB;
    for (let p: usize = 0; p < halfK; p += block) {
      steps = min(block, halfK - p);
      const a11 = a + (p << 3);
      const a12 = a11 + (halfK << 3);
      const a21 = a11 + rows * rowA;
      const a22 = a12 + rows * rowA;
      const b11 = b + p * rowB + (jc << 3);
      const b12 = b11 + (halfN << 3);
      const b21 = b11 + halfK * rowB;
      const b22 = b12 + halfK * rowB;
      addProduct(c11, c22, 0, a11, a22, 0, b11, b22, 0);
      addProduct(c21, c22, -1, a21, a22, 0, b11, 0, 0);
      addProduct(c12, c22, 0, a11, 0, 0, b12, b22, -1);
      addProduct(c11, c21, 0, a22, 0, 0, b21, b11, -1);
      addProduct(c12, c11, -1, a11, a12, 0, b22, 0, 0);
      addProduct(c22, 0, 0, a21, a11, -1, b11, b12, 0);
      addProduct(c11, 0, 0, a12, a22, -1, b21, b22, 0);
    }
  }
}
