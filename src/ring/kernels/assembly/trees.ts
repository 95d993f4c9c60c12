// Trees of seeds for distributed comparison functions, one level of n instances per call, between two calls of the cipher.
// The layout of rows, corrections and sums is that of src/protocol/additive/dcf-kernels.ts. T is i64, or i32 for inputs of 32 bits and
// payloads of which each word is two numbers of 32 bits; those are exported in trees32.ts. No branch or address depends on
// seeds, control bits, alpha or beta; `words` is 1 to 4.

/** Bit `bit` of word i. */
// @ts-ignore: decorator
@inline
function bitAt<T>(x: usize, i: i32, bit: i32): i32 {
  if (sizeof<T>() == 4) return (load<i32>(x + (<usize>i << 2)) >> bit) & 1;
  return i32(load<u64>(x + (<usize>i << 3)) >> bit) & 1;
}

/** The sum of two words of a payload, or of each of their halves. */
// @ts-ignore: decorator
@inline
function plus<T>(x: i64, y: i64): i64 {
  if (sizeof<T>() == 8) return x + y;
  return i64x2.extract_lane(i32x4.add(i64x2.splat(x), i64x2.splat(y)), 0);
}
// @ts-ignore: decorator
@inline
function minus<T>(x: i64, y: i64): i64 {
  if (sizeof<T>() == 8) return x - y;
  return i64x2.extract_lane(i32x4.sub(i64x2.splat(x), i64x2.splat(y)), 0);
}

/** sigma(high, low) = (high ^ low, high). */
// @ts-ignore: decorator
@inline
function sigma(s: v128): v128 {
  return v128.xor(i64x2.shuffle(s, s, 1, 0), i64x2.shuffle(i64x2.splat(0), s, 0, 3));
}

// @ts-ignore: decorator
@inline
function label(j: i32): v128 { return i32x4.replace_lane(i32x4.splat(0), 0, j); }

/** A seed without its low 2 bits. */
// @ts-ignore: decorator
@inline
function seedOf(s: v128): v128 { return v128.and(s, i32x4(~3, -1, -1, -1)); }

/** pi(x) ^ x. */
// @ts-ignore: decorator
@inline
function hash(row: usize, hashed: usize): v128 { return v128.xor(v128.load(row), v128.load(hashed)); }
// @ts-ignore: decorator
@inline
function hashWord(row: usize, hashed: usize): i64 { return load<i64>(row) ^ load<i64>(hashed); }

// -- evaluation --

/** sigma(s) under the labels of path bit d. */
// @ts-ignore: decorator
@inline
function writePath(row: usize, s: v128, d: i32, words: i32, child: bool): void {
  const base = sigma(s);
  const first = 2 + ((d * words) >> 1);
  v128.store(row, v128.xor(base, label(first)));
  if (words > 2) v128.store(row, v128.xor(base, label(first + 1)), 16);
  if (child) v128.store(row + ((<usize>(words + 1) >> 1) << 4), v128.xor(base, label(d)));
}

/** sums += conv(H) + values * t; `row` and `hashed` are at the first word. */
// @ts-ignore: decorator
@inline
function addWords<T>(row: usize, hashed: usize, t: i32, sums: usize, values: usize, words: i32): void {
  for (let pair = words >> 1; pair > 0; pair--) {
    const sum = v128.add<T>(v128.load(sums), hash(row, hashed));
    v128.store(sums, v128.add<T>(sum, v128.and(v128.load(values), i32x4.splat(t))));
    row += 16; hashed += 16; sums += 16; values += 16;
  }
  if (words & 1)
    store<i64>(sums, plus<T>(plus<T>(load<i64>(sums), hashWord(row, hashed)), load<i64>(values) & <i64>t));
}

// @ts-ignore: decorator
@inline
export function evalStart<T>(rows: usize, roots: usize, x: usize, bit: i32, n: i32, words: i32): void {
  const stride = <usize>(((words + 1) >> 1) + i32(bit > 0)) << 4;
  for (let i = 0; i < n; i++) {
    writePath(rows, seedOf(v128.load(roots)), bitAt<T>(x, i, bit), words, bit > 0);
    rows += stride; roots += 16;
  }
}

// @ts-ignore: decorator
@inline
function evalStepOf<T>(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, x: usize, bit: i32, n: i32, words: i32,
): void {
  const child = <usize>((words + 1) >> 1) << 4;
  const stride = child + 16;
  const nextStride = bit > 1 ? stride : child;
  const wordBytes = <usize>words << 3;
  // Written rows may be shorter than those read, and so never reach one that is still to be read.
  let next = rows;
  for (let i = 0; i < n; i++) {
    const t = load<i32>(control);
    const d = bitAt<T>(x, i, bit);
    const skipped = <usize>(d & words) << 3;
    addWords<T>(rows + skipped, hashed + skipped, t, sums, values, words);
    const h = hash(rows + child, hashed + child);
    const c = v128.and(v128.load(seeds), i32x4.splat(t));
    store<i32>(control, -((i32x4.extract_lane(h, 0) ^ (i32x4.extract_lane(c, 0) >>> d)) & 1));
    writePath(next, seedOf(v128.xor(h, c)), bitAt<T>(x, i, bit - 1), words, bit > 1);
    rows += stride; hashed += stride; next += nextStride; control += 4; seeds += 16; values += wordBytes; sums += wordBytes;
  }
}

// @ts-ignore: decorator
@inline
export function evalStep<T>(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, x: usize, bit: i32, n: i32, words: i32,
): void {
  // A constant number of words unrolls the loops.
  if (words == 2) evalStepOf<T>(rows, hashed, control, sums, seeds, values, x, bit, n, 2);
  else if (words == 3) evalStepOf<T>(rows, hashed, control, sums, seeds, values, x, bit, n, 3);
  else evalStepOf<T>(rows, hashed, control, sums, seeds, values, x, bit, n, words);
}

// @ts-ignore: decorator
@inline
export function evalEnd<T>(
  rows: usize, hashed: usize, control: usize, sums: usize, values: usize, skip: usize, x: usize, n: i32, words: i32,
): void {
  const stride = <usize>((words + 1) >> 1) << 4;
  const wordBytes = <usize>words << 3;
  for (let i = 0; i < n; i++) {
    const d = bitAt<T>(x, i, 0);
    const skipped = <usize>(d & words) << 3;
    addWords<T>(rows + skipped, hashed + skipped, load<i32>(control), sums, values + <usize>d * skip, words);
    rows += stride; hashed += stride; control += 4; values += wordBytes; sums += wordBytes;
  }
}

// -- generation --

/** sigma(s) under `blocks` labels from `first` on. */
// @ts-ignore: decorator
@inline
function writeTree(row: usize, s: v128, first: i32, blocks: i32): void {
  const base = sigma(s);
  for (let j = 0; j < blocks; j++) {
    v128.store(row, v128.xor(base, label(first + j)));
    row += 16;
  }
}

// @ts-ignore: decorator
@inline
export function genStart<T>(rows: usize, roots0: usize, roots1: usize, bit: i32, n: i32, words: i32): void {
  const first = bit > 0 ? 0 : 2;
  const blocks = words + 2 - first;
  const stride = <usize>blocks << 4;
  for (let i = 0; i < n; i++) {
    writeTree(rows, seedOf(v128.load(roots0)), first, blocks);
    writeTree(rows + stride, seedOf(v128.load(roots1)), first, blocks);
    rows += stride << 1; roots0 += 16; roots1 += 16;
  }
}

/** values = (-1)^t (D_lose - sums + a beta), sums = D_lose - D_keep + a beta, with D = conv_1 - conv_0 of a child. */
// @ts-ignore: decorator
@inline
function correctWords<T>(
  row: usize, hashed: usize, across: usize, sums: usize, values: usize, beta: usize, a: i32, t: i32, words: i32,
): void {
  const right = <usize>words << 3;
  const mask = i32x4.splat(a), sign = i32x4.splat(t);
  for (let pair = words >> 1; pair > 0; pair--) {
    const l = v128.sub<T>(hash(row + across, hashed + across), hash(row, hashed));
    const r = v128.sub<T>(hash(row + across + right, hashed + across + right), hash(row + right, hashed + right));
    const u = v128.add<T>(v128.bitselect(l, r, mask), v128.and(v128.load(beta), mask));
    v128.store(values, v128.sub<T>(v128.xor(v128.sub<T>(u, v128.load(sums)), sign), sign));
    v128.store(sums, v128.sub<T>(u, v128.bitselect(r, l, mask)));
    row += 16; hashed += 16; sums += 16; values += 16; beta += 16;
  }
  if (words & 1) {
    const l = minus<T>(hashWord(row + across, hashed + across), hashWord(row, hashed));
    const r = minus<T>(hashWord(row + across + right, hashed + across + right), hashWord(row + right, hashed + right));
    const lose = r ^ (<i64>a & (l ^ r));
    const u = plus<T>(lose, load<i64>(beta) & <i64>a);
    store<i64>(values, minus<T>(minus<T>(u, load<i64>(sums)) ^ <i64>t, <i64>t));
    store<i64>(sums, minus<T>(u, l ^ r ^ lose));
  }
}

// @ts-ignore: decorator
@inline
function genStepOf<T>(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, alpha: usize, beta: usize,
  bit: i32, n: i32, words: i32,
): void {
  const across = <usize>(2 + words) << 4;
  const first = bit > 1 ? 0 : 2;
  const blocks = words + 2 - first;
  const nextStride = <usize>blocks << 4;
  const wordBytes = <usize>words << 3;
  // Written rows may be shorter than those read, and so never reach one that is still to be read.
  let next = rows;
  for (let i = 0; i < n; i++) {
    const a = -bitAt<T>(alpha, i, bit);
    const ti = load<i32>(control);
    const mask = i32x4.splat(a), t = i32x4.splat(ti);
    correctWords<T>(rows + 32, hashed + 32, across, sums, values, beta, a, ti, words);
    const p = rows + across, q = hashed + across;
    const left0 = hash(rows, hashed), right0 = hash(rows + 16, hashed + 16);
    const left1 = hash(p, q), right1 = hash(p + 16, q + 16);
    const left = v128.xor(left0, left1), right = v128.xor(right0, right1);
    const c = seedOf(v128.bitselect(left, right, mask));
    const bitLeft = (i32x4.extract_lane(left, 0) ^ ~a) & 1;
    const bitRight = (i32x4.extract_lane(right, 0) ^ a) & 1;
    v128.store(seeds, v128.or(c, label(bitLeft | (bitRight << 1))));
    const keep0 = v128.bitselect(right0, left0, mask), keep1 = v128.bitselect(right1, left1, mask);
    store<i32>(control, -((i32x4.extract_lane(keep1, 0) & 1) ^ (ti & (bitLeft ^ (a & (bitLeft ^ bitRight))))));
    writeTree(next, v128.xor(seedOf(keep0), v128.andnot(c, t)), first, blocks);
    writeTree(next + nextStride, v128.xor(seedOf(keep1), v128.and(c, t)), first, blocks);
    rows += across << 1; hashed += across << 1; next += nextStride << 1;
    control += 4; seeds += 16; values += wordBytes; sums += wordBytes; beta += wordBytes;
  }
}

// @ts-ignore: decorator
@inline
export function genStep<T>(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, alpha: usize, beta: usize,
  bit: i32, n: i32, words: i32,
): void {
  if (words == 2) genStepOf<T>(rows, hashed, control, sums, seeds, values, alpha, beta, bit, n, 2);
  else if (words == 3) genStepOf<T>(rows, hashed, control, sums, seeds, values, alpha, beta, bit, n, 3);
  else genStepOf<T>(rows, hashed, control, sums, seeds, values, alpha, beta, bit, n, words);
}

// @ts-ignore: decorator
@inline
export function genEnd<T>(
  rows: usize, hashed: usize, control: usize, sums: usize, values: usize, skip: usize, alpha: usize, beta: usize,
  n: i32, words: i32,
): void {
  const wordBytes = <usize>words << 3;
  const across = wordBytes << 1;
  for (let i = 0; i < n; i++) {
    const a = -<i64>bitAt<T>(alpha, i, 0);
    const t = <i64>load<i32>(control);
    for (let g: usize = 0; g < wordBytes; g += 8) {
      const sum = load<i64>(sums + g);
      const l = minus<T>(hashWord(rows + across + g, hashed + across + g), hashWord(rows + g, hashed + g));
      const k = g + wordBytes;
      const r = minus<T>(hashWord(rows + across + k, hashed + across + k), hashWord(rows + k, hashed + k));
      const corrected = plus<T>(minus<T>(l, sum), load<i64>(beta + g) & a);
      store<i64>(values + g, minus<T>(corrected ^ t, t));
      store<i64>(values + skip + g, minus<T>(minus<T>(r, sum) ^ t, t));
    }
    rows += across << 1; hashed += across << 1; control += 4; values += wordBytes; sums += wordBytes; beta += wordBytes;
  }
}

// -- for words of 64 bits --

export function dcfEvalStart(
  rows: usize, roots: usize, x: usize, bit: i32, n: i32, words: i32,
): void {
  evalStart<i64>(rows, roots, x, bit, n, words);
}
export function dcfEvalStep(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, x: usize, bit: i32, n: i32, words: i32,
): void {
  evalStep<i64>(rows, hashed, control, sums, seeds, values, x, bit, n, words);
}
export function dcfEvalEnd(
  rows: usize, hashed: usize, control: usize, sums: usize, values: usize, skip: usize, x: usize, n: i32, words: i32,
): void {
  evalEnd<i64>(rows, hashed, control, sums, values, skip, x, n, words);
}
export function dcfGenStart(
  rows: usize, roots0: usize, roots1: usize, bit: i32, n: i32, words: i32,
): void {
  genStart<i64>(rows, roots0, roots1, bit, n, words);
}
export function dcfGenStep(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, alpha: usize, beta: usize, bit: i32, n: i32, words: i32,
): void {
  genStep<i64>(rows, hashed, control, sums, seeds, values, alpha, beta, bit, n, words);
}
export function dcfGenEnd(
  rows: usize, hashed: usize, control: usize, sums: usize, values: usize, skip: usize, alpha: usize, beta: usize, n: i32, words: i32,
): void {
  genEnd<i64>(rows, hashed, control, sums, values, skip, alpha, beta, n, words);
}
