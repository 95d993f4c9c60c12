/** SHA-256 (FIPS 180-4) that answers at once, which WebCrypto does not. For `local()` in a page; not for real parties. */

/** The first 32 bits of the fractions of square roots and cube roots of the first primes. */
const [INITIAL, CONSTANTS] = (() => {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  // The largest r with r^power <= prime * 2^(32 * power), less its whole part: exact, where Math.cbrt need not be.
  const fraction = (prime: number, power: bigint): number => {
    const target = BigInt(prime) << (32n * power);
    let root = 0n;
    for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root + bit) ** power <= target) root += bit;
    return Number(root & 0xffff_ffffn);
  };
  return [
    primes.slice(0, 8).map((prime) => fraction(prime, 2n)),
    Uint32Array.from(primes, (prime) => fraction(prime, 3n)),
  ] as const;
})();
const BLOCK = 64;

const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

export class Sha256 {
  #state = Uint32Array.from(INITIAL);
  readonly #schedule = new Uint32Array(64);
  readonly #block = new Uint8Array(BLOCK);
  readonly #view = new DataView(this.#block.buffer);
  #filled = 0;
  #bytes = 0;

  update(bytes: Uint8Array): this {
    this.#bytes += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + BLOCK - this.#filled);
      this.#block.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === BLOCK) this.#mix();
    }
    return this;
  }

  /** 32 bytes; the hash cannot go on afterwards. */
  digest(): Uint8Array {
    const bytes = this.#bytes;
    this.update(Uint8Array.of(0x80));
    while (this.#filled !== BLOCK - 8) this.update(Uint8Array.of(0));
    this.#view.setUint32(BLOCK - 8, Math.floor(bytes / 2 ** 29));
    this.#view.setUint32(BLOCK - 4, (bytes * 8) >>> 0);
    this.#mix();
    const digest = new DataView(new ArrayBuffer(32));
    this.#state.forEach((word, i) => {
      digest.setUint32(4 * i, word);
    });
    return new Uint8Array(digest.buffer);
  }

  #mix(): void {
    const w = this.#schedule;
    for (let i = 0; i < 16; i++) w[i] = this.#view.getUint32(4 * i);
    for (let i = 16; i < 64; i++) {
      const [x, y] = [w[i - 15]!, w[i - 2]!];
      w[i] = w[i - 16]! + w[i - 7]! + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = this.#state as unknown as [
      ...[number, number, number, number],
      ...[number, number, number, number],
    ];
    for (let i = 0; i < 64; i++) {
      const first = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + CONSTANTS[i]! + w[i]!;
      const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => {
      this.#state[i]! += word;
    });
    this.#filled = 0;
  }
}
