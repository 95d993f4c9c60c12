/**
 * Sums of little-endian words of 64 or 32 bits held as bytes, outside of wasm memory: what an outsider's sharing needs, in Node
 * and in browsers. Not kernels.
 */
import type { WordBytes } from "../ring/index.js";

/**
 * The sum of `plus` minus the sum of `minus`, word by word, in halves of 32 bits so that no BigInt is made. All are as long as
 * the first of `plus`.
 */
export function addWords(
  plus: readonly Uint8Array[],
  minus: readonly Uint8Array[] = [],
  wordBytes: WordBytes = 8,
): Uint8Array {
  const result = new Uint8Array(plus[0]!.length);
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [out, ups, downs] = [view(result), plus.map(view), minus.map(view)];
  if (wordBytes === 4) {
    for (let at = 0; at < result.length; at += 4) {
      let sum = 0;
      for (const part of ups) sum += part.getUint32(at, true);
      for (const part of downs) sum -= part.getUint32(at, true);
      out.setUint32(at, sum >>> 0, true);
    }
    return result;
  }
  for (let at = 0; at < result.length; at += 8) {
    let [low, high] = [0, 0];
    for (const part of ups) {
      low += part.getUint32(at, true);
      high += part.getUint32(at + 4, true);
    }
    for (const part of downs) {
      low -= part.getUint32(at, true);
      high -= part.getUint32(at + 4, true);
    }
    out.setUint32(at, low >>> 0, true);
    out.setUint32(at + 4, (high + Math.floor(low / 2 ** 32)) >>> 0, true);
  }
  return result;
}
