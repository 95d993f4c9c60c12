/**
 * The loops of one party's evaluation in TypeScript: what they do says dcf-kernels.ts. `m` is the memory in 32-bit halves of words,
 * signed ones, which V8 keeps in registers whatever their value.
 * `wide` is 1, or 0 in a ring of 32-bit words: halves of a payload's words are then numbers of their own, into which nothing is carried.
 */

/** Carry out of sum = a + b. */
const carry = (a: number, b: number, sum: number): number => ((a & b) | ((a | b) & ~sum)) >>> 31;

/** Blocks that hold the words of one child. */
const valueBlocks = (words: number): number => (words + 1) >> 1;

const bitAt = (m: Int32Array, wide: number, words: number, i: number, bit: number): number =>
  (m[words + (i << wide) + (bit >> 5)]! >>> (bit & 31)) & 1;

/** sigma(s) under the labels of path bit d, to index `at`. */
function writeRow(
  m: Int32Array,
  at: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  d: number,
  words: number,
  child: boolean,
): void {
  const h0 = s0 ^ s2;
  const h1 = s1 ^ s3;
  const label = 2 + ((d * words) >> 1);
  m[at] = s2 ^ label;
  m[at + 1] = s3;
  m[at + 2] = h0;
  m[at + 3] = h1;
  at += 4;
  if (words > 2) {
    m[at] = s2 ^ (label + 1);
    m[at + 1] = s3;
    m[at + 2] = h0;
    m[at + 3] = h1;
    at += 4;
  }
  if (child) {
    m[at] = s2 ^ d;
    m[at + 1] = s3;
    m[at + 2] = h0;
    m[at + 3] = h1;
  }
}

export function evalStart(
  m: Int32Array,
  wide: number,
  rows: number,
  roots: number,
  x: number,
  bit: number,
  n: number,
  words: number,
): void {
  rows >>>= 2;
  roots >>>= 2;
  x >>>= 2;
  const stride = 4 * (valueBlocks(words) + (bit > 0 ? 1 : 0));
  for (let i = 0; i < n; i++) {
    const s = roots + 4 * i;
    writeRow(
      m,
      rows + stride * i,
      m[s]! & ~3,
      m[s + 1]!,
      m[s + 2]!,
      m[s + 3]!,
      bitAt(m, wide, x, i, bit),
      words,
      bit > 0,
    );
  }
}

/** sum += conv(row ^ hashed) + (value & t), for G words. */
function addWords(
  m: Int32Array,
  wide: number,
  row: number,
  hashed: number,
  sum: number,
  value: number,
  t: number,
  words: number,
): void {
  for (let g = 0; g < 2 * words; g += 2) {
    const a = m[row + g]! ^ m[hashed + g]!;
    const b = m[value + g]! & t;
    const c = m[sum + g]!;
    const ab = (a + b) | 0;
    const abc = (ab + c) | 0;
    const high = (m[row + g + 1]! ^ m[hashed + g + 1]!) + (m[value + g + 1]! & t) + m[sum + g + 1]!;
    m[sum + g] = abc;
    m[sum + g + 1] = high + wide * (carry(a, b, ab) + carry(ab, c, abc));
  }
}

export function evalStep(
  m: Int32Array,
  wide: number,
  rows: number,
  hashed: number,
  control: number,
  sums: number,
  seeds: number,
  values: number,
  x: number,
  bit: number,
  n: number,
  words: number,
): void {
  rows >>>= 2;
  hashed >>>= 2;
  control >>>= 2;
  sums >>>= 2;
  seeds >>>= 2;
  values >>>= 2;
  x >>>= 2;
  const child = 4 * valueBlocks(words);
  const stride = child + 4;
  // Written rows may be shorter than those read, and so never reach one that is still to be read.
  const nextStride = bit > 1 ? stride : child;
  for (let i = 0; i < n; i++) {
    const t = m[control + i]!;
    const d = bitAt(m, wide, x, i, bit);
    const row = rows + stride * i;
    const out = hashed + stride * i;
    const skipped = 2 * (d & words);
    addWords(m, wide, row + skipped, out + skipped, sums + 2 * words * i, values + 2 * words * i, t, words);
    const r = row + child;
    const h = out + child;
    const c = seeds + 4 * i;
    const h0 = m[r]! ^ m[h]!;
    const c0 = m[c]! & t;
    const s1 = m[r + 1]! ^ m[h + 1]! ^ (m[c + 1]! & t);
    const s2 = m[r + 2]! ^ m[h + 2]! ^ (m[c + 2]! & t);
    const s3 = m[r + 3]! ^ m[h + 3]! ^ (m[c + 3]! & t);
    m[control + i] = 0 - ((h0 ^ (c0 >>> d)) & 1);
    writeRow(m, rows + nextStride * i, (h0 ^ c0) & ~3, s1, s2, s3, bitAt(m, wide, x, i, bit - 1), words, bit > 1);
  }
}

export function evalEnd(
  m: Int32Array,
  wide: number,
  rows: number,
  hashed: number,
  control: number,
  sums: number,
  values: number,
  skip: number,
  x: number,
  n: number,
  words: number,
): void {
  rows >>>= 2;
  hashed >>>= 2;
  control >>>= 2;
  sums >>>= 2;
  values >>>= 2;
  skip >>>= 2;
  x >>>= 2;
  const stride = 4 * valueBlocks(words);
  for (let i = 0; i < n; i++) {
    const d = bitAt(m, wide, x, i, 0);
    const at = stride * i + 2 * (d & words);
    const value = values + 2 * words * i + d * skip;
    addWords(m, wide, rows + at, hashed + at, sums + 2 * words * i, value, m[control + i]!, words);
  }
}
