/**
 * Sums of little-endian words of 64 or 32 bits held as bytes, outside of wasm memory: what an outsider's sharing needs, in Node
 * and in browsers. Not kernels.
 */
import { ShapeError } from "../errors.js";
import type { WordBytes } from "../ring/index.js";

/**
 * The sum of `plus` minus the sum of `minus`, word by word, in halves of 32 bits so that no BigInt is made. Throws
 * ShapeError unless all are as long as the first of `plus`, which is whole words.
 */
export function addWords(
  plus: readonly Uint8Array[],
  minus: readonly Uint8Array[] = [],
  wordBytes: WordBytes = 8,
): Uint8Array {
  const [first, ...rest] = plus;
  for (const { length } of [...plus, ...minus])
    if (length !== first!.length || length % wordBytes !== 0)
      throw new ShapeError(
        `addWords: expected ${first!.length} bytes of words of ${wordBytes}, got ${length}; try parts of one message`,
      );
  // Copies with the constructor, because slice() of a Buffer is a view. The store into an Int32Array reduces modulo 2^32; hosts are little-endian (ring/fixed.ts).
  const sum = new Int32Array(new Uint8Array(first!).buffer);
  for (const part of rest) add(sum, halves(part), wordBytes);
  for (const part of minus) subtract(sum, halves(part), wordBytes);
  return new Uint8Array(sum.buffer);
}

/** A copy only where a message put the words at another address than a multiple of 4. */
const halves = (bytes: Uint8Array): Int32Array =>
  bytes.byteOffset % 4 === 0
    ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    : new Int32Array(new Uint8Array(bytes).buffer);

function add(sum: Int32Array, part: Int32Array, wordBytes: WordBytes): void {
  if (wordBytes === 4) {
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + part[i]!;
    return;
  }
  for (let i = 0; i < sum.length; i += 2) {
    const low = (sum[i]! >>> 0) + (part[i]! >>> 0);
    sum[i] = low;
    sum[i + 1] = sum[i + 1]! + part[i + 1]! + Math.floor(low / 2 ** 32);
  }
}

function subtract(sum: Int32Array, part: Int32Array, wordBytes: WordBytes): void {
  if (wordBytes === 4) {
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! - part[i]!;
    return;
  }
  for (let i = 0; i < sum.length; i += 2) {
    const low = (sum[i]! >>> 0) - (part[i]! >>> 0);
    sum[i] = low;
    sum[i + 1] = sum[i + 1]! - part[i + 1]! + Math.floor(low / 2 ** 32);
  }
}
