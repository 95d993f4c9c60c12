// Copies blocks of A and B into the order in which the micro-kernels read them, and the sums that Winograd's identity
// subtracts. Missing rows, columns and the odd last k are zeros.
//
// For Strassen's method the block may be the sum of two, or their difference (`sign` -1, otherwise 0); the second one lies
// `apart` bytes behind the first. Both kinds come from one source with a constant for the compiler, because branches cost
// a tenth of the time where few columns share the work.

/** x + y, or x - y where `sign` is -1. */
// @ts-ignore: decorator
@inline
export function addSigned(x: v128, y: v128, sign: v128): v128 {
  return i64x2.add(x, i64x2.sub(v128.xor(y, sign), sign));
}

/** `columns` (1..4) words at `at` as two vectors; the missing ones are 0. */
// @ts-ignore: decorator
@inline
function firstTwo(at: usize, columns: usize): v128 {
  return columns >= 2 ? v128.load(at) : v128.load64_zero(at);
}
// @ts-ignore: decorator
@inline
function lastTwo(at: usize, columns: usize): v128 {
  if (columns == 4) return v128.load(at, 16);
  return columns == 3 ? v128.load64_zero(at, 16) : i64x2.splat(0);
}

// @ts-ignore: decorator
@inline
function packB(
  two: bool, panel: usize, sums: usize, b: usize, apart: usize, sign: i64, row: usize, k: usize, n: usize,
): void {
  const signs = i64x2.splat(sign);
  for (let j: usize = 0; j < n; j += 4) {
    const columns = min(<usize>4, n - j);
    let at = b + (j << 3);
    let sum0 = i64x2.splat(0);
    let sum1 = i64x2.splat(0);
    for (let rest = k; rest > 0; ) {
      let b00 = firstTwo(at, columns);
      let b01 = lastTwo(at, columns);
      if (two) {
        b00 = addSigned(b00, firstTwo(at + apart, columns), signs);
        b01 = addSigned(b01, lastTwo(at + apart, columns), signs);
      }
      at += row;
      v128.store(panel, b00);
      v128.store(panel, b01, 16);
      if (rest == 1) {
        v128.store(panel, i64x2.splat(0), 32);
        v128.store(panel, i64x2.splat(0), 48);
        rest = 0;
      } else {
        let b10 = firstTwo(at, columns);
        let b11 = lastTwo(at, columns);
        if (two) {
          b10 = addSigned(b10, firstTwo(at + apart, columns), signs);
          b11 = addSigned(b11, lastTwo(at + apart, columns), signs);
        }
        at += row;
        v128.store(panel, b10, 32);
        v128.store(panel, b11, 48);
        sum0 = i64x2.add(sum0, i64x2.mul(b00, b10));
        sum1 = i64x2.add(sum1, i64x2.mul(b01, b11));
        rest -= 2;
      }
      panel += 64;
    }
    v128.store(sums, sum0);
    v128.store(sums, sum1, 16);
    sums += 32;
  }
}

// @ts-ignore: decorator
@inline
function packA(
  two: bool, panel: usize, sums: usize, a: usize, apart: usize, sign: i64, row: usize, m: usize, k: usize,
): void {
  const signs = i64x2.splat(sign);
  for (let i: usize = 0; i < m; i += 2) {
    const alone = i + 1 == m;
    let a0 = a;
    let a1 = a + row;
    let sum = i64x2.splat(0);
    let rest = k;
    for (; rest >= 2; rest -= 2) {
      let r0 = v128.load(a0);
      let r1 = alone ? i64x2.splat(0) : v128.load(a1);
      if (two) {
        r0 = addSigned(r0, v128.load(a0 + apart), signs);
        if (!alone) r1 = addSigned(r1, v128.load(a1 + apart), signs);
      }
      v128.store(panel, r0);
      v128.store(panel, r1, 16);
      sum = i64x2.add(sum, i64x2.mul(v128.shuffle<i64>(r0, r1, 0, 2), v128.shuffle<i64>(r0, r1, 1, 3)));
      a0 += 16;
      a1 += 16;
      panel += 32;
    }
    if (rest > 0) {
      let r0 = v128.load64_zero(a0);
      let r1 = alone ? i64x2.splat(0) : v128.load64_zero(a1);
      if (two) {
        r0 = addSigned(r0, v128.load64_zero(a0 + apart), signs);
        if (!alone) r1 = addSigned(r1, v128.load64_zero(a1 + apart), signs);
      }
      v128.store(panel, r0);
      v128.store(panel, r1, 16);
      panel += 32;
    }
    v128.store(sums, sum);
    sums += 16;
    a += row << 1;
  }
}

/** Per 4 columns, per pair of k: b0(j, j+1), b0(j+2, j+3), b1(j, j+1), b1(j+2, j+3); sums[j] = sum of b0*b1. */
export function packPairsB(panel: usize, sums: usize, b: usize, row: usize, k: usize, n: usize): void {
  packB(false, panel, sums, b, 0, 0, row, k, n);
}
export function packTwoB(
  panel: usize, sums: usize, b: usize, apart: usize, sign: i64, row: usize, k: usize, n: usize,
): void {
  packB(true, panel, sums, b, apart, sign, row, k, n);
}

/** Per 2 rows, per pair of k: a(i, k), a(i, k+1), a(i+1, k), a(i+1, k+1); sums[i] = sum of a0*a1. */
export function packPairsA(panel: usize, sums: usize, a: usize, row: usize, m: usize, k: usize): void {
  packA(false, panel, sums, a, 0, 0, row, m, k);
}
export function packTwoA(
  panel: usize, sums: usize, a: usize, apart: usize, sign: i64, row: usize, m: usize, k: usize,
): void {
  packA(true, panel, sums, a, apart, sign, row, m, k);
}
