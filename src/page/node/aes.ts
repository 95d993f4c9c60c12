/**
 * AES-128, encryption only, by tables (FIPS 197): what a page lacks, because WebCrypto answers by promises and streams of masks
 * cannot wait. For `local()` in a page, where nothing is secret: its time depends on keys and words, so it must not serve real parties.
 */

const SBOX = new Uint8Array(256);
/** SubBytes and MixColumns of the byte in each row of a column, as a little-endian word. */
const TABLES = [new Uint32Array(256), new Uint32Array(256), new Uint32Array(256), new Uint32Array(256)] as const;

const double = (a: number): number => ((a << 1) ^ (a & 0x80 ? 0x11b : 0)) & 0xff;

// All non-zero elements of GF(2^8) as powers of the generator 3, beside their inverses, which are powers of 1/3 = 0xf6.
for (let i = 0, element = 1, inverse = 1; i < 255; i++) {
  const turned = (by: number) => (inverse << by) | (inverse >>> (8 - by));
  SBOX[element] = (inverse ^ turned(1) ^ turned(2) ^ turned(3) ^ turned(4) ^ 0x63) & 0xff;
  element ^= double(element);
  // Times 0xf6 = 2^7 + 2^6 + 2^5 + 2^4 + 2^2 + 2.
  let [product, power] = [0, inverse];
  for (let bit = 0; bit < 8; bit++, power = double(power)) if ((0xf6 >>> bit) & 1) product ^= power;
  inverse = product;
}
SBOX[0] = 0x63;
for (let byte = 0; byte < 256; byte++) {
  const s = SBOX[byte]!;
  const column = double(s) | (s << 8) | (s << 16) | ((double(s) ^ s) << 24);
  TABLES.forEach((table, row) => {
    table[byte] = (column << (8 * row)) | (row === 0 ? 0 : column >>> (32 - 8 * row));
  });
}

/** The key schedule of one key; encrypts blocks of 16 bytes. About 10 ns a byte. */
export class Aes128 {
  readonly #keys = new Uint32Array(44);

  constructor(key: Uint8Array) {
    const keys = this.#keys;
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    for (let i = 0; i < 4; i++) keys[i] = view.getUint32(4 * i, true);
    for (let i = 4, round = 1; i < 44; i++) {
      let word = keys[i - 1]!;
      if (i % 4 === 0) {
        word = substituted((word >>> 8) | (word << 24)) ^ round;
        round = double(round);
      }
      keys[i] = keys[i - 4]! ^ word;
    }
  }

  /** Encrypts the block in words `at` to `at + 3` in place; words are little-endian. */
  encrypt(words: Uint32Array, at: number): void {
    const keys = this.#keys;
    const [t0, t1, t2, t3] = TABLES;
    let a = words[at]! ^ keys[0]!;
    let b = words[at + 1]! ^ keys[1]!;
    let c = words[at + 2]! ^ keys[2]!;
    let d = words[at + 3]! ^ keys[3]!;
    for (let k = 4; k < 40; k += 4) {
      const w = t0[a & 255]! ^ t1[(b >>> 8) & 255]! ^ t2[(c >>> 16) & 255]! ^ t3[d >>> 24]! ^ keys[k]!;
      const x = t0[b & 255]! ^ t1[(c >>> 8) & 255]! ^ t2[(d >>> 16) & 255]! ^ t3[a >>> 24]! ^ keys[k + 1]!;
      const y = t0[c & 255]! ^ t1[(d >>> 8) & 255]! ^ t2[(a >>> 16) & 255]! ^ t3[b >>> 24]! ^ keys[k + 2]!;
      const z = t0[d & 255]! ^ t1[(a >>> 8) & 255]! ^ t2[(b >>> 16) & 255]! ^ t3[c >>> 24]! ^ keys[k + 3]!;
      [a, b, c, d] = [w, x, y, z];
    }
    words[at] = last(a, b, c, d) ^ keys[40]!;
    words[at + 1] = last(b, c, d, a) ^ keys[41]!;
    words[at + 2] = last(c, d, a, b) ^ keys[42]!;
    words[at + 3] = last(d, a, b, c) ^ keys[43]!;
  }
}

const substituted = (word: number): number => last(word, word, word, word);

/** ShiftRows and SubBytes of one column, without MixColumns. */
function last(a: number, b: number, c: number, d: number): number {
  return SBOX[a & 255]! | (SBOX[(b >>> 8) & 255]! << 8) | (SBOX[(c >>> 16) & 255]! << 16) | (SBOX[d >>> 24]! << 24);
}
