/**
 * The loops of the dealer's generation in TypeScript: what they do says dcf-kernels.ts. `m` is the memory in 32-bit halves of words,
 * signed ones, which V8 keeps in registers whatever their value.
 * `wide` is 1, or 0 in a ring of 32-bit words: halves of a payload's words are then numbers of their own, into which nothing is carried.
 */

/** Carry out of sum = a + b. */
const carry = (a: number, b: number, sum: number): number => ((a & b) | ((a | b) & ~sum)) >>> 31;
/** Borrow of difference = a - b. */
const borrow = (a: number, b: number, difference: number): number => ((~a & b) | ((~a | b) & difference)) >>> 31;
/** 1 where a is 0, else 0. */
const isZero = (a: number): number => ~(a | -a) >>> 31;

const bitAt = (m: Int32Array, wide: number, words: number, i: number, bit: number): number =>
  (m[words + (i << wide) + (bit >> 5)]! >>> (bit & 31)) & 1;

/** sigma(s) under `blocks` labels from `label` on, to index `at`. */
function writeRow(
  m: Int32Array,
  at: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  label: number,
  blocks: number,
): void {
  const h0 = s0 ^ s2;
  const h1 = s1 ^ s3;
  for (const end = label + blocks; label < end; label++) {
    m[at] = s2 ^ label;
    m[at + 1] = s3;
    m[at + 2] = h0;
    m[at + 3] = h1;
    at += 4;
  }
}

export function genStart(
  m: Int32Array,
  _wide: number,
  rows: number,
  roots0: number,
  roots1: number,
  bit: number,
  n: number,
  words: number,
): void {
  rows >>>= 2;
  roots0 >>>= 2;
  roots1 >>>= 2;
  const label = bit > 0 ? 0 : 2;
  const blocks = words + 2 - label;
  for (let i = 0; i < n; i++) {
    const row = rows + 8 * blocks * i;
    const [s, r] = [roots0 + 4 * i, roots1 + 4 * i];
    writeRow(m, row, m[s]! & ~3, m[s + 1]!, m[s + 2]!, m[s + 3]!, label, blocks);
    writeRow(m, row + 4 * blocks, m[r]! & ~3, m[r + 1]!, m[r + 2]!, m[r + 3]!, label, blocks);
  }
}

/**
 * For G words: with D = conv_1 - conv_0 of a child, value = (-1)^t (D_lose - sum + a beta) cancels what the parties hold
 * together once the path leaves alpha's, up to beta where it leaves to the left; sum = D_lose - D_keep + a beta is what they
 * then hold on alpha's own path. `row` and `hashed` are at party 0's words of the left child, party 1's lie `across` later;
 * `a` is alpha's bit and `t` party 1's control bit, as masks.
 */
function correctWords(
  m: Int32Array,
  wide: number,
  row: number,
  hashed: number,
  across: number,
  sum: number,
  value: number,
  beta: number,
  a: number,
  t: number,
  words: number,
): void {
  for (let g = 0; g < 2 * words; g += 2) {
    const l0 = m[row + g]! ^ m[hashed + g]!;
    const l0h = m[row + g + 1]! ^ m[hashed + g + 1]!;
    const l1 = m[row + across + g]! ^ m[hashed + across + g]!;
    const l1h = m[row + across + g + 1]! ^ m[hashed + across + g + 1]!;
    const left = (l1 - l0) | 0;
    const leftH = (l1h - l0h - wide * borrow(l1, l0, left)) | 0;
    const right = g + 2 * words;
    const r0 = m[row + right]! ^ m[hashed + right]!;
    const r0h = m[row + right + 1]! ^ m[hashed + right + 1]!;
    const r1 = m[row + across + right]! ^ m[hashed + across + right]!;
    const r1h = m[row + across + right + 1]! ^ m[hashed + across + right + 1]!;
    const rightL = (r1 - r0) | 0;
    const rightH = (r1h - r0h - wide * borrow(r1, r0, rightL)) | 0;
    const [both, bothH] = [left ^ rightL, leftH ^ rightH];
    const lose = rightL ^ (a & both);
    const loseH = rightH ^ (a & bothH);
    const keep = lose ^ both;
    const keepH = loseH ^ bothH;
    const b = m[beta + g]! & a;
    const u = (lose + b) | 0;
    const uh = (loseH + (m[beta + g + 1]! & a) + wide * carry(lose, b, u)) | 0;
    const s = m[sum + g]!;
    const v = (u - s) | 0;
    const vh = (uh - m[sum + g + 1]! - wide * borrow(u, s, v)) | 0;
    m[value + g] = (v ^ t) - t;
    m[value + g + 1] = (vh ^ t) + (t & (isZero(v) | (wide ^ 1)));
    const w = (u - keep) | 0;
    m[sum + g] = w;
    m[sum + g + 1] = uh - keepH - wide * borrow(u, keep, w);
  }
}

export function genStep(
  m: Int32Array,
  wide: number,
  rows: number,
  hashed: number,
  control: number,
  sums: number,
  seeds: number,
  values: number,
  alpha: number,
  beta: number,
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
  alpha >>>= 2;
  beta >>>= 2;
  const across = 4 * (2 + words);
  // Written rows may be shorter than those read, and so never reach one that is still to be read.
  const label = bit > 1 ? 0 : 2;
  const blocks = words + 2 - label;
  for (let i = 0; i < n; i++) {
    const a = 0 - bitAt(m, wide, alpha, i, bit);
    const t = m[control + i]!;
    const r = rows + 2 * across * i;
    const h = hashed + 2 * across * i;
    const p = 2 * words * i;
    correctWords(m, wide, r + 8, h + 8, across, sums + p, values + p, beta + p, a, t, words);

    // Both parties' children: `keep` lies on alpha's path, `lose` = keep ^ both does not. The correction c makes the
    // parties' seeds equal off the path, and the control bits' corrections make those differ on the path only.
    const q = r + across;
    const k = h + across;
    const pBoth0 = m[h]! ^ m[h + 4]! ^ 1;
    const pBoth1 = m[h + 1]! ^ m[h + 5]!;
    const pBoth2 = m[h + 2]! ^ m[h + 6]!;
    const pBoth3 = m[h + 3]! ^ m[h + 7]!;
    const qBoth0 = m[k]! ^ m[k + 4]! ^ 1;
    const qBoth1 = m[k + 1]! ^ m[k + 5]!;
    const qBoth2 = m[k + 2]! ^ m[k + 6]!;
    const qBoth3 = m[k + 3]! ^ m[k + 7]!;
    const pLeft = m[r]! ^ m[h]!;
    const qLeft = m[q]! ^ m[k]!;
    const pKeep0 = pLeft ^ (a & pBoth0);
    const pKeep1 = m[r + 1]! ^ m[h + 1]! ^ (a & pBoth1);
    const pKeep2 = m[r + 2]! ^ m[h + 2]! ^ (a & pBoth2);
    const pKeep3 = m[r + 3]! ^ m[h + 3]! ^ (a & pBoth3);
    const qKeep0 = qLeft ^ (a & qBoth0);
    const qKeep1 = m[q + 1]! ^ m[k + 1]! ^ (a & qBoth1);
    const qKeep2 = m[q + 2]! ^ m[k + 2]! ^ (a & qBoth2);
    const qKeep3 = m[q + 3]! ^ m[k + 3]! ^ (a & qBoth3);
    const c0 = pKeep0 ^ pBoth0 ^ qKeep0 ^ qBoth0;
    const c1 = pKeep1 ^ pBoth1 ^ qKeep1 ^ qBoth1;
    const c2 = pKeep2 ^ pBoth2 ^ qKeep2 ^ qBoth2;
    const c3 = pKeep3 ^ pBoth3 ^ qKeep3 ^ qBoth3;
    const bitLeft = (pLeft ^ qLeft ^ ~a) & 1;
    const bitRight = (pLeft ^ pBoth0 ^ qLeft ^ qBoth0 ^ a) & 1;
    const seed = seeds + 4 * i;
    m[seed] = (c0 & ~3) | bitLeft | (bitRight << 1);
    m[seed + 1] = c1;
    m[seed + 2] = c2;
    m[seed + 3] = c3;
    m[control + i] = 0 - ((qKeep0 & 1) ^ (t & (bitLeft ^ (a & (bitLeft ^ bitRight)))));
    const next = rows + 8 * blocks * i;
    writeRow(
      m,
      next,
      (pKeep0 ^ (c0 & ~t)) & ~3,
      pKeep1 ^ (c1 & ~t),
      pKeep2 ^ (c2 & ~t),
      pKeep3 ^ (c3 & ~t),
      label,
      blocks,
    );
    const after = next + 4 * blocks;
    writeRow(
      m,
      after,
      (qKeep0 ^ (c0 & t)) & ~3,
      qKeep1 ^ (c1 & t),
      qKeep2 ^ (c2 & t),
      qKeep3 ^ (c3 & t),
      label,
      blocks,
    );
  }
}

export function genEnd(
  m: Int32Array,
  wide: number,
  rows: number,
  hashed: number,
  control: number,
  sums: number,
  values: number,
  skip: number,
  alpha: number,
  beta: number,
  n: number,
  words: number,
): void {
  rows >>>= 2;
  hashed >>>= 2;
  control >>>= 2;
  sums >>>= 2;
  values >>>= 2;
  skip >>>= 2;
  alpha >>>= 2;
  beta >>>= 2;
  const across = 4 * words;
  for (let i = 0; i < n; i++) {
    const a = 0 - bitAt(m, wide, alpha, i, 0);
    const t = m[control + i]!;
    for (let g = 0; g < 2 * words; g += 2) {
      const word = 2 * words * i + g;
      const left = 2 * across * i + g;
      correctLast(m, wide, rows + left, hashed + left, across, sums + word, values + word, beta + word, a, t);
      const right = left + 2 * words;
      correctLast(m, wide, rows + right, hashed + right, across, sums + word, values + word + skip, beta + word, 0, t);
    }
  }
}

/** value = (-1)^t (conv_1 - conv_0 - sum + target), where the target is beta under the mask. */
function correctLast(
  m: Int32Array,
  wide: number,
  row: number,
  hashed: number,
  across: number,
  sum: number,
  value: number,
  beta: number,
  mask: number,
  t: number,
): void {
  const v0 = m[row]! ^ m[hashed]!;
  const v1 = m[row + across]! ^ m[hashed + across]!;
  const b = m[beta]! & mask;
  const s = m[sum]!;
  const x = (v1 - v0) | 0;
  const y = (x + b) | 0;
  const z = (y - s) | 0;
  const high = (m[row + across + 1]! ^ m[hashed + across + 1]!) - (m[row + 1]! ^ m[hashed + 1]!);
  const carried =
    (high | 0) +
    (m[beta + 1]! & mask) -
    m[sum + 1]! -
    wide * borrow(v1, v0, x) +
    wide * carry(x, b, y) -
    wide * borrow(y, s, z);
  m[value] = (z ^ t) - t;
  m[value + 1] = (carried ^ t) + (t & (isZero(z) | (wide ^ 1)));
}
