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

const halves = (bytes: Uint8Array) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);

/** Words a + b, a - b and a XOR b, as bytes: what two masks have in common shows in one of them. */
export function combinations(a: Uint8Array, b: Uint8Array, wordBytes: WordBytes): Uint8Array[] {
  const [x, y] = [a, b].map((bytes) => halves(bytes.slice())) as [Uint32Array, Uint32Array];
  const [sum, difference, both] = [x.slice(), x.slice(), x.slice()];
  for (let i = 0; i < x.length; i += 2) {
    const low = x[i]! + y[i]!;
    sum[i] = low;
    sum[i + 1] = x[i + 1]! + y[i + 1]! + (wordBytes === 8 && low >= 2 ** 32 ? 1 : 0);
    difference[i] = x[i]! - y[i]!;
    difference[i + 1] = x[i + 1]! - y[i + 1]! - (wordBytes === 8 && x[i]! < y[i]! ? 1 : 0);
    both[i] = x[i]! ^ y[i]!;
    both[i + 1] = x[i + 1]! ^ y[i + 1]!;
  }
  return [sum, difference, both].map((words) => new Uint8Array(words.buffer));
}

export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = a[i]! ^ b[i]!;
  return result;
}

/** Fails unless about half of the bits of x XOR y are set: within 6.5 standard deviations. */
export function assertBalanced(x: Uint32Array, y: Uint32Array, what: () => string): void {
  let ones = 0;
  for (let i = 0; i < x.length; i++) ones += bitCount(x[i]! ^ y[i]!);
  const deviation = Math.abs(ones - 16 * x.length) / Math.sqrt(8 * x.length);
  if (deviation > 6.5) assert.fail(`${what()}: ${ones} of ${32 * x.length} bits are set`);
}

function bitCount(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
