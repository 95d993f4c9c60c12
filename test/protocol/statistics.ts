/** Is this noise? Chi-square tests on bytes, with thresholds that a false alarm does not reach. Not a test of a generator. */
import assert from "node:assert/strict";
import type { WordBytes } from "../../src/ring/index.js";

/** 255 degrees of freedom: mean 255, standard deviation 22.6; the limit is 12 of them above. */
export const LIMIT = 527;

export function chiSquare(bytes: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (let i = 0; i < bytes.length; i++) counts[bytes[i]!]!++;
  const expected = bytes.length / 256;
  let sum = 0;
  for (const count of counts) sum += (count - expected) ** 2 / expected;
  return sum;
}

/** Fails unless bytes could be uniform; `what` names them in the message. Under 256 bytes it says nothing. */
export function assertUniform(bytes: Uint8Array, what: string): void {
  if (bytes.length < 256) return;
  const value = chiSquare(bytes);
  assert.ok(value < LIMIT, `${what}: ${bytes.length} bytes are not uniform, chi-square ${value.toFixed(0)} of 255`);
}

/** Copies where bytes do not begin at a multiple of 4. */
const halves = ({ buffer, byteOffset, length }: Uint8Array) =>
  byteOffset % 4 === 0
    ? new Uint32Array(buffer, byteOffset, length / 4)
    : new Uint32Array(buffer.slice(byteOffset, byteOffset + length), 0, length / 4);

/** Words a + b, a - b and a XOR b, as bytes: what two masks have in common shows in one of them. */
export function combinations(a: Uint8Array, b: Uint8Array, wordBytes: WordBytes): Uint8Array[] {
  return [addedWords(a, b, wordBytes), subtractedWords(a, b, wordBytes), xorBytes(a, b)];
}

export function addedWords(a: Uint8Array, b: Uint8Array, wordBytes: WordBytes): Uint8Array {
  const [sum, other] = [halves(a.slice()), halves(b)];
  for (let i = 0; i < sum.length; i += 2) {
    const low = sum[i]! + other[i]!;
    sum[i] = low;
    sum[i + 1] = sum[i + 1]! + other[i + 1]! + (wordBytes === 8 && low >= 2 ** 32 ? 1 : 0);
  }
  return new Uint8Array(sum.buffer);
}

export function subtractedWords(a: Uint8Array, b: Uint8Array, wordBytes: WordBytes): Uint8Array {
  const [difference, other] = [halves(a.slice()), halves(b)];
  for (let i = 0; i < difference.length; i += 2) {
    const low = difference[i]! - other[i]!;
    difference[i] = low;
    difference[i + 1] = difference[i + 1]! - other[i + 1]! - (wordBytes === 8 && low < 0 ? 1 : 0);
  }
  return new Uint8Array(difference.buffer);
}

/** Words of a message that are looked at one by one: more than protocols handle in one pass. */
const CLOSELY = 8192;

/**
 * Fails unless two messages with other masks could be unrelated: their difference is uniform and nowhere zero; and of the first
 * words, by XOR and by subtraction, it is uniform in each byte, and no word of it comes twice. So this sees what the mask of a
 * few words or bits lacks. Words of 32 bits are looked at in pairs: single ones come twice by chance.
 */
export function assertFresh(a: Uint8Array, b: Uint8Array, what: string, wordBytes: WordBytes = 8): void {
  const both = xorBytes(a, b);
  assertUniform(both, what);
  const words = halves(both);
  for (let i = 0; i < words.length; i += 2)
    if (words[i] === 0 && words[i + 1] === 0) assert.fail(`${what}: word ${i / 2} of ${words.length / 2} is the same`);
  const [first, second] = [a, b].map((bytes) => bytes.subarray(0, 8 * CLOSELY)) as [Uint8Array, Uint8Array];
  for (const bytes of [both.subarray(0, first.length), subtractedWords(first, second, wordBytes)]) {
    assertDistinct(bytes, what);
    assertUniformByPosition(bytes, what);
  }
}

/** As assertUniform, for each byte and each bit of a word alone. Under 4096 words it says nothing. */
function assertUniformByPosition(bytes: Uint8Array, what: string): void {
  const n = bytes.length / 8;
  if (n < 4096) return;
  const counts = new Uint32Array(8 * 256);
  for (let i = 0; i < bytes.length; i++) counts[(i & 7) * 256 + bytes[i]!]!++;
  const ones = new Uint32Array(8);
  for (let at = 0; at < 8; at++) {
    let sum = 0;
    ones.fill(0);
    for (let byte = 0; byte < 256; byte++) {
      const count = counts[at * 256 + byte]!;
      sum += (count - n / 256) ** 2 / (n / 256);
      for (let bit = 0; bit < 8; bit++) ones[bit]! += count * ((byte >> bit) & 1);
    }
    assert.ok(sum < LIMIT, `${what}: byte ${at} of words is not uniform, chi-square ${sum.toFixed(0)} of 255`);
    for (let bit = 0; bit < 8; bit++) assertHalf(ones[bit]!, n, () => `${what}: bit ${8 * at + bit} of words`);
  }
}

/** Fails if a word comes twice among the first ones. */
export function assertDistinct(bytes: Uint8Array, what: string): void {
  const words = halves(bytes).subarray(0, 2 * CLOSELY);
  // A hash table of positions, from 1 on; uniform words need no better hash than their low half.
  const table = new Uint16Array(4 * CLOSELY);
  for (let i = 0; i < words.length; i += 2) {
    let at = words[i]! % table.length;
    for (; table[at] !== 0; at = (at + 1) % table.length) {
      const other = 2 * table[at]! - 2;
      if (words[other] === words[i] && words[other + 1] === words[i + 1])
        assert.fail(`${what}: words ${other / 2} and ${i / 2} are equal`);
    }
    table[at] = i / 2 + 1;
  }
}

/** Of whole words. */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const [result, other] = [halves(a.slice()), halves(b)];
  for (let i = 0; i < result.length; i++) result[i] = result[i]! ^ other[i]!;
  return new Uint8Array(result.buffer);
}

/** Fails unless about half of the bits of x XOR y are set: within 6.5 standard deviations. */
export function assertBalanced(x: Uint32Array, y: Uint32Array, what: () => string): void {
  let ones = 0;
  for (let i = 0; i < x.length; i++) ones += bitCount(x[i]! ^ y[i]!);
  assertHalf(ones, 32 * x.length, what);
}

function assertHalf(ones: number, bits: number, what: () => string): void {
  const deviation = Math.abs(ones - bits / 2) / Math.sqrt(bits / 4);
  if (deviation > 6.5) assert.fail(`${what()}: ${ones} of ${bits} bits are set`);
}

function bitCount(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
