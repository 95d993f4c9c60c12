/**
 * The words of a stored dataset from its seed, at any position: a pure function.
 * Not for masks of a run, those come from the counter streams of prg.ts.
 */
import { createCipheriv } from "node:crypto";
import { BoundError } from "../errors.js";
import { deriveKey } from "./bytes.js";

const REFILL = 65536;
const ZEROS = new Uint8Array(REFILL);
/** HKDF context: a seed never serves as an AES key itself, so a seed and a Prg key may never meet. */
const CONTEXT = "dataset expansion";

/** Writes the words from `offsetWords` on into `target`. */
export type Expander = (offsetWords: number, target: Uint8Array) => void;

/** Derives the key of a seed once; use it when many pieces of one dataset are read. */
export function expander(seed: Uint8Array, wordBytes: 4 | 8 = 8): Expander {
  if (seed.length !== 16) throw new BoundError(`expand: expected a seed of 16 bytes, got ${seed.length}`);
  const key = deriveKey([seed], CONTEXT);
  return (offsetWords, target) => {
    if (!Number.isSafeInteger(offsetWords) || offsetWords < 0 || !Number.isSafeInteger(offsetWords + target.length))
      throw new BoundError(`expand: expected an offset from 0 to 2^53 words, got ${offsetWords}`);
    const perBlock = 16 / wordBytes;
    const skip = (offsetWords % perBlock) * wordBytes;
    const block = Math.floor(offsetWords / perBlock);
    // The whole IV is the block counter, big-endian; the key is used for nothing else.
    const iv = new Uint8Array(16);
    const view = new DataView(iv.buffer);
    view.setUint32(8, Math.floor(block / 2 ** 32));
    view.setUint32(12, block >>> 0);
    const cipher = createCipheriv("aes-128-ctr", key, iv);
    if (skip > 0) cipher.update(ZEROS.subarray(0, skip));
    for (let at = 0; at < target.length; ) {
      const bytes = Math.min(REFILL, target.length - at);
      target.set(cipher.update(bytes === REFILL ? ZEROS : ZEROS.subarray(0, bytes)), at);
      at += bytes;
    }
  };
}

/** Fills `target` with the words `offsetWords`, `offsetWords + 1`, … of the dataset with this seed. */
export function expand(seed: Uint8Array, offsetWords: number, target: Uint8Array, wordBytes: 4 | 8 = 8): void {
  expander(seed, wordBytes)(offsetWords, target);
}
