/**
 * Distributed comparison functions for two parties with a dealer: shares of beta * 1[x < alpha] at a public x, without a
 * message. Many instances at once, level by level. Not a protocol: to open x under a mask is the caller's part.
 *
 * Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar and Rathee 2021, https://eprint.iacr.org/2020/1392. Each party has a tree of
 * seeds; the trees agree but for the path to alpha, where the control bits differ. Words are added along the path of x, and
 * cancel, but for beta where that path leaves alpha's to the left. Here the last level has words but no seeds, so there is
 * no leaf, and a seed has 126 bits: the other two of a seed correction are those of the control bits.
 *
 * Seeds are expanded by H(s, j) = pi(sigma(s) ^ j) ^ sigma(s) ^ j with pi = AES-128 under one public key, since a key for
 * each node could not be batched. Whoever sees pi(s) ^ s XORed with s can invert pi and has s; sigma(high, low) = (high ^ low,
 * high) forbids that, because s -> sigma(s) ^ s is a permutation, too. That makes H circular correlation robust in the model
 * of an ideal permutation (Guo, Katz, Wang and Yu 2020, https://eprint.iacr.org/2019/074, section 7.3), for two XORs.
 */
import { type BlockCipher, fixedKeyAes } from "../../random/index.js";
import type { Block, Ring, Scope } from "../../ring/index.js";
import { dcfKernels } from "./dcf-kernels.js";
import { checkShape, checkWords, correctionBytes, type DcfKey, type DcfShape, rootBytes } from "./dcf-key.js";

export { correctionBytes, type DcfKey, type DcfShape, decodeKey, encodeKey, keyBytes, rootBytes } from "./dcf-key.js";

/** Overwrites the target with fresh uniform bytes. */
export type Fill = (target: Uint8Array) => void;

/** Bytes that the cipher gets in one call: more would not stay in the cache from one pass to the next. */
const CALL = 65536;

let aes: BlockCipher | undefined;
const defaultCipher = (): BlockCipher => {
  aes ??= fixedKeyAes();
  return aes;
};

/** Blocks of one pass over some instances, freed by close. */
class Pass {
  readonly n: number;
  readonly rows: Block;
  readonly hashed: Block;
  readonly control: Block;
  readonly #scope: Scope;

  constructor(
    readonly ring: Ring,
    readonly cipher: BlockCipher,
    instances: number,
    rowBytes: number,
  ) {
    this.n = Math.max(1, Math.min(instances, Math.floor(CALL / rowBytes)));
    this.#scope = ring.scope();
    this.rows = this.alloc(this.n * rowBytes);
    this.hashed = this.alloc(this.n * rowBytes);
    this.control = this.alloc(this.n * 4);
  }
  alloc(bytes: number): Block {
    return this.#scope.alloc(Math.ceil(bytes / this.ring.wordBytes));
  }
  /** hashed = pi(rows), for the first `bytes` bytes. */
  hash(bytes: number): void {
    const { ring } = this;
    ring.bytes(this.hashed).set(this.cipher.encrypt(ring.bytes(this.rows, 0, bytes)));
  }
  close(): void {
    this.#scope.close();
  }
}

/**
 * Keys of N functions, whose blocks belong to `scope`. `alpha` is N words, of which the low `bits` bits count; `beta` is
 * N x G words. `fills` draw the 16 N bytes of the root seeds of party 0 and of party 1, in one call each: from streams that
 * the dealer has in common with the parties, only the corrections need to be sent. Uses no other randomness.
 * About N bits (4 + 2 G) blocks of the cipher. Throws BoundError and ShapeError.
 */
export function generate(
  ring: Ring,
  scope: Scope,
  shape: DcfShape,
  alpha: Block,
  beta: Block,
  fills: readonly [Fill, Fill],
  cipher: BlockCipher = defaultCipher(),
): readonly [DcfKey, DcfKey] {
  checkShape("dcf.generate", shape);
  const { instances, bits, words } = shape;
  checkWords("dcf.generate", "alpha", alpha, instances);
  checkWords("dcf.generate", "beta", beta, (instances * words * 8) / ring.wordBytes);
  const { wordBytes } = ring;
  const corrections = scope.alloc(correctionBytes(shape) / wordBytes);
  const roots = fills.map((fill) => {
    const block = scope.alloc(rootBytes(shape) / wordBytes);
    fill(ring.bytes(block));
    return block;
  }) as [Block, Block];
  const kernels = dcfKernels(ring.kernels);
  const rowBytes = 32 * (2 + words);
  const pass = new Pass(ring, cipher, instances, rowBytes);
  try {
    const { rows, hashed, control } = pass;
    const sums = pass.alloc(pass.n * 8 * words);
    const value = 8 * words;
    for (let first = 0; first < instances; first += pass.n) {
      const n = Math.min(pass.n, instances - first);
      const a = alpha.ptr + wordBytes * first;
      const b = beta.ptr + value * first;
      ring.bytes(control).fill(255);
      ring.bytes(sums).fill(0);
      kernels.dcfGenStart(rows.ptr, roots[0].ptr + 16 * first, roots[1].ptr + 16 * first, bits - 1, n, words);
      let level = corrections.ptr;
      for (let bit = bits - 1; bit > 0; bit--) {
        pass.hash(n * rowBytes);
        const seeds = level + 16 * first;
        const values = level + 16 * instances + value * first;
        kernels.dcfGenStep(rows.ptr, hashed.ptr, control.ptr, sums.ptr, seeds, values, a, b, bit, n, words);
        level += (16 + value) * instances;
      }
      pass.hash(n * 32 * words);
      const [values, skip] = [level + value * first, value * instances];
      kernels.dcfGenEnd(rows.ptr, hashed.ptr, control.ptr, sums.ptr, values, skip, a, b, n, words);
    }
  } finally {
    pass.close();
  }
  return [
    { shape, roots: roots[0], corrections },
    { shape, roots: roots[1], corrections },
  ];
}

/**
 * dst = this party's share of f at the points x: N x G words, of which those of both parties add up to beta where
 * x < alpha and to 0 elsewhere. `x` is N public words, of which the low `bits` bits count. Time depends on sizes and x.
 * N bits (1 + ceil(G/2)) blocks of the cipher. Throws BoundError and ShapeError.
 */
export function evaluate(
  ring: Ring,
  party: 0 | 1,
  key: DcfKey,
  x: Block,
  dst: Block,
  cipher: BlockCipher = defaultCipher(),
): void {
  const { shape, roots, corrections } = key;
  checkShape("dcf.evaluate", shape);
  const { instances, bits, words } = shape;
  const { wordBytes } = ring;
  checkWords("dcf.evaluate", "root seeds", roots, rootBytes(shape) / wordBytes);
  checkWords("dcf.evaluate", "corrections", corrections, correctionBytes(shape) / wordBytes);
  checkWords("dcf.evaluate", "x", x, instances);
  checkWords("dcf.evaluate", "dst", dst, (instances * words * 8) / wordBytes);
  const kernels = dcfKernels(ring.kernels);
  const valueBytes = 16 * Math.ceil(words / 2);
  const rowBytes = valueBytes + 16;
  const pass = new Pass(ring, cipher, instances, rowBytes);
  try {
    const { rows, hashed, control } = pass;
    const value = 8 * words;
    ring.bytes(dst).fill(0);
    for (let first = 0; first < instances; first += pass.n) {
      const n = Math.min(pass.n, instances - first);
      const points = x.ptr + wordBytes * first;
      const sums = dst.ptr + value * first;
      ring.bytes(control).fill(party === 1 ? 255 : 0);
      kernels.dcfEvalStart(rows.ptr, roots.ptr + 16 * first, points, bits - 1, n, words);
      let level = corrections.ptr;
      for (let bit = bits - 1; bit > 0; bit--) {
        pass.hash(n * rowBytes);
        const seeds = level + 16 * first;
        const values = level + 16 * instances + value * first;
        kernels.dcfEvalStep(rows.ptr, hashed.ptr, control.ptr, sums, seeds, values, points, bit, n, words);
        level += (16 + value) * instances;
      }
      pass.hash(n * valueBytes);
      const [values, skip] = [level + value * first, value * instances];
      kernels.dcfEvalEnd(rows.ptr, hashed.ptr, control.ptr, sums, values, skip, points, n, words);
    }
  } finally {
    pass.close();
  }
  if (party === 1) ring.kernels.neg(dst.ptr, dst.ptr, dst.words);
}
