/** Fresh secret bytes from the operating system's generator and keys derived from them; not the streams, see prg.ts. */
import { createHmac, randomFillSync } from "node:crypto";
import { BoundError } from "../errors.js";

/** Salt of every HKDF in this package: separates our keys from those of other software and of other versions. */
const SALT = new TextEncoder().encode("secretgrad/random/v1");
/** RFC 5869 allows at most 255 blocks of output. */
const LARGEST_KEY = 255 * 32;

/** Fresh, cryptographically secure random bytes. The only entry point for new entropy in the package. */
export function secureRandom(bytes: number): Uint8Array {
  if (!Number.isSafeInteger(bytes) || bytes < 0)
    throw new BoundError(`secureRandom: expected a whole number of bytes >= 0, got ${bytes}; try 16 for a key`);
  return randomFillSync(new Uint8Array(bytes));
}

/**
 * HKDF-SHA256 (RFC 5869) of all parts together, bound to `context`.
 *
 * Put everything that must separate two keys (session, names, indices, purpose) into the context. Each part enters with
 * its length in front, so that moving a byte from one part to the next gives another key.
 */
export function deriveKey(secretParts: readonly Uint8Array[], context: string, bytes = 16): Uint8Array {
  if (!Number.isInteger(bytes) || bytes < 16 || bytes > LARGEST_KEY)
    throw new BoundError(`deriveKey: expected 16 to ${LARGEST_KEY} bytes, got ${bytes}; try 16 for AES-128`);
  let length = 0;
  for (const part of secretParts) length += 4 + part.length;
  const material = new Uint8Array(length);
  const view = new DataView(material.buffer);
  let at = 0;
  for (const part of secretParts) {
    view.setUint32(at, part.length);
    material.set(part, at + 4);
    at += 4 + part.length;
  }
  const key = hkdf(material, new TextEncoder().encode(context), bytes);
  material.fill(0);
  return key;
}

/** RFC 5869, by hand: one call of hkdfSync costs 15 us, which is felt in small runs, and two of createHmac cost 4 us. */
function hkdf(material: Uint8Array, info: Uint8Array, bytes: number): Uint8Array {
  const pseudorandom = createHmac("sha256", SALT).update(material).digest();
  const key = new Uint8Array(bytes);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0, count = 1; at < bytes; at += block.length, count++) {
    block = createHmac("sha256", pseudorandom).update(block).update(info).update(Uint8Array.of(count)).digest();
    key.set(block.subarray(0, bytes - at), at);
  }
  pseudorandom.fill(0);
  return key;
}
