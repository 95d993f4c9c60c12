/**
 * The kernel interface: every inner loop over ring words, by pointer into one linear memory. Not an implementation:
 * `wasm.ts` binds the AssemblyScript build, `js/` is the readable twin and the test oracle.
 *
 * A pointer is a byte offset, a multiple of a word's bytes, of planes a multiple of 8 (blocks of the arena begin at multiples of
 * 64). A word is `wordBits` bits, 64 or 32, little-endian. All arithmetic is modulo 2^wordBits; of scalars the low bits count.
 * `dst` may equal a source where the operation is element-wise; otherwise sources and destination must not overlap.
 * No kernel branches on the words it reads: time depends on the sizes only.
 */
export interface Kernels {
  readonly wordBytes: WordBytes;
  /** 8 wordBytes. */
  readonly wordBits: 64 | 32;
  readonly memory: LinearMemory;
  /** The first byte that the arena may hand out; below lie the kernels' own scratch areas. A multiple of 64. */
  readonly heapBase: number;

  // -- element-wise, n words --
  add(dst: number, a: number, b: number, n: number): void;
  sub(dst: number, a: number, b: number, n: number): void;
  neg(dst: number, a: number, n: number): void;
  mul(dst: number, a: number, b: number, n: number): void;
  /** dst += a * b */
  mulAdd(dst: number, a: number, b: number, n: number): void;
  addScalar(dst: number, a: number, c: bigint, n: number): void;
  mulScalar(dst: number, a: number, c: bigint, n: number): void;
  /** dst += a * c */
  mulScalarAdd(dst: number, a: number, c: bigint, n: number): void;
  fill(dst: number, c: bigint, n: number): void;
  copy(dst: number, a: number, n: number): void;
  /** For all shifts: bits from 0 to wordBits - 1. */
  shl(dst: number, a: number, bits: number, n: number): void;
  /** Logical shift right (zeros come in). */
  shr(dst: number, a: number, bits: number, n: number): void;
  /** Arithmetic shift right (the sign comes in). */
  sar(dst: number, a: number, bits: number, n: number): void;
  xor(dst: number, a: number, b: number, n: number): void;
  and(dst: number, a: number, b: number, n: number): void;
  or(dst: number, a: number, b: number, n: number): void;
  not(dst: number, a: number, n: number): void;
  /** dst = a & mask */
  andScalar(dst: number, a: number, mask: bigint, n: number): void;

  // -- products; row-major, C is m x n, A is m x k, B is k x n; `accumulate` 0: C = A B, 1: C += A B --
  matmul(c: number, a: number, b: number, m: number, k: number, n: number, accumulate: number): void;

  /** dst = n words of Z_2^64, 8 bytes each, modulo 2^wordBits. dst may be src. */
  reduce(dst: number, src: number, n: number): void;

  /**
   * C = A B, or C += A B, for matrices given by tables: element (i, j) lies rows[i] + columns[j] bytes behind the matrix's address.
   * Tables point to u32 each. An element may stand in several places of A and of B, and of C if it accumulates.
   */
  matmulIndexed(
    c: number,
    rowsC: number,
    columnsC: number,
    a: number,
    rowsA: number,
    columnsA: number,
    b: number,
    rowsB: number,
    columnsB: number,
    m: number,
    k: number,
    n: number,
    accumulate: number,
  ): void;

  /**
   * C = or += a dense m x n matrix whose rows begin `step` bytes apart; C is given by tables, as in matmulIndexed, and an element may
   * stand in several places of it if it accumulates.
   */
  putIndexed(
    c: number,
    rowsC: number,
    columnsC: number,
    from: number,
    step: number,
    m: number,
    n: number,
    accumulate: number,
  ): void;

  // -- layout --
  /** dst is cols x rows. */
  transpose(dst: number, src: number, rows: number, cols: number): void;
  /**
   * Gather by strides into a contiguous row-major dst: `dims` and `strides` point to `rank` i32 each (strides in words,
   * 0 broadcasts, negative allowed; at most 16 axes). src points at the element with all indices 0.
   */
  gatherStrided(dst: number, src: number, rank: number, dims: number, strides: number): void;
  /** The transpose of gatherStrided: dst[strided] += src[contiguous]; dst must be prepared (zeroed) by the caller. */
  scatterAddStrided(dst: number, src: number, rank: number, dims: number, strides: number): void;
  /** dst row r = src row index[r]; `index` points to `rows` u32. */
  gatherRows(dst: number, src: number, index: number, rows: number, rowWords: number): void;
  /** src is outer x axis x inner, dst is outer x inner: sums over the middle axis. */
  sumAxis(dst: number, src: number, outer: number, axis: number, inner: number): void;
  /** Both are outer x axis x inner: sums of everything up to each position of the middle axis, or from it on if `reverse` is 1. */
  prefixSums(dst: number, src: number, outer: number, axis: number, inner: number, reverse: number): void;
  /** The transpose of gatherRows: dst row index[r] += src row r; dst must be prepared (zeroed) by the caller. */
  scatterAddRows(dst: number, src: number, index: number, rows: number, rowWords: number): void;
  /** dst[plane, y, x] = the sum over the window at (y, x); src is planes x height x width. `window` points to a window, see below. */
  sumWindows(dst: number, src: number, window: number, planes: number): void;
  /** The transpose of sumWindows: dst (planes x height x width) = the sum of the outputs (src) of whose windows a place is part. */
  spreadWindows(dst: number, src: number, window: number, planes: number): void;

  // -- bits. A plane of n bits is W = ceil(n/64) times 8 bytes, whatever a word is: element i at bit i%64 of u64 i/64; bits beyond n
  // are 0. --
  /** The low `width` bits (1..wordBits) of n words become `width` planes: plane p starts at dst + p*W*8. */
  slice(dst: number, src: number, n: number, width: number): void;
  /** The inverse: n words whose high wordBits-width bits are zero. */
  unslice(dst: number, planes: number, n: number, width: number): void;
  /** dst = field * 2^wordBits + src, shifted right by `shift` (1..wordBits-1): the `shift` planes of field come in at the top. */
  funnel(dst: number, src: number, planes: number, n: number, shift: number): void;
  /** The plane of n words that is 1 where the word, read as signed, is not negative. */
  nonNegative(dst: number, src: number, n: number): void;
  /**
   * Fields of `width` bits as planes of `words` (ring) words each: dst = x + y + carry modulo 2^width, with x only where the plane
   * `mask` is 1. `mask` 0: x everywhere; `carry` 0: none.
   */
  addFields(dst: number, x: number, mask: number, y: number, carry: number, words: number, width: number): void;
  /** Bits [to, to + n) of plane dst become bits [from, from + n) of plane src; the others stay as they are. */
  copyBits(dst: number, to: number, src: number, from: number, n: number): void;
  /** gatherStrided for bits: strides count bits, and bit `from` of src has all indices 0. Bits after the last are 0. */
  gatherBits(dst: number, src: number, from: number, rank: number, dims: number, strides: number): void;
  /** Planes: dst ^= a & b, n words. */
  andXor(dst: number, a: number, b: number, n: number): void;
  /** Replicated-sharing AND on planes: dst = (x0 & (y0 ^ y1)) ^ (x1 & y0) ^ mask, n words. */
  andLocal(dst: number, x0: number, x1: number, y0: number, y1: number, mask: number, n: number): void;
}

/**
 * A window that slides over images, as i32 in pairs (vertical, horizontal): its size, outputs, image size, stride (1 or more) and
 * padding. At output (y, x) it begins at row y*stride - padding; what lies outside the image is zero.
 */
export const windowFields = 10;

/** Bytes of a word: of Z_2^64 or Z_2^32. */
export type WordBytes = 8 | 4;

/** The kernels of Z_2^64, what there is for words of 64 bits only, and over the same memory the kernels of Z_2^32. */
export interface KernelSets extends Kernels {
  readonly narrow: Kernels;

  // -- sides of addition theorems, for words y = factor x + offset; in double precision, equal to the last bit everywhere --
  /** y as 5 whole bits and 59 of fraction: n words 2^(whole part), then n words 2^(fraction) rounded to 30 fraction bits. */
  octaves(dst: number, x: number, n: number, factor: bigint, offset: bigint): void;
  /**
   * y as 5 whole bits and 59 of fraction, offset 0: four rows, of which that of the digit floor(y / 8) has 2^(y mod 8), rounded to 24
   * fraction bits, and the others 0.
   */
  powers(dst: number, x: number, n: number, factor: bigint): void;
  /**
   * For g = powers of some z: adds 2^(z + y) where -16 <= z + y < 8 modulo 32, at 53 fraction bits. That is linear in g: row t times
   * 2^(y mod 8) less as many octaves as digits are passed, rounded to 29 fraction bits.
   */
  powersAdd(dst: number, x: number, g: number, n: number, factor: bigint, offset: bigint): void;
  /**
   * y / 2^64 as a part of a full turn: n words of its cosine, n of its sine, rounded to `bits` (at most 50) fraction bits; then
   * the same of its multiples 1 + by, 1 + 2 by, …, `count` multiples in all. `by` is 1 or 2.
   */
  waves(dst: number, x: number, n: number, factor: bigint, by: number, count: number, bits: number): void;
  /**
   * dst += sum of g_cos (a cos y + b sin y) + g_sin (b cos y - a sin y) over these multiples: g as `waves` lays it out,
   * `coefficients` points to the integers a, b of each multiple as doubles; what multiplies g is rounded to integers below 2^51.
   */
  wavesAdd(
    dst: number,
    x: number,
    g: number,
    n: number,
    factor: bigint,
    by: number,
    count: number,
    coefficients: number,
  ): void;
}

/** The part of WebAssembly.Memory that is used; spelt out because its type comes only with the DOM library. */
export interface LinearMemory {
  /**
   * A new object after every `grow`, which detaches the old one: make views afresh, never keep them. A SharedArrayBuffer where a
   * second thread computes, too.
   */
  readonly buffer: ArrayBufferLike;
  /** Adds pages of 64 KiB and returns the number of pages before. */
  grow(pages: number): number;
}
