/**
 * A public permutation of 16-byte blocks, applied to many blocks per call: the heart of the hash that expands trees of
 * seeds. Not encryption: its key is public, nothing is kept secret by it.
 */
import { createCipheriv } from "node:crypto";

/**
 * What a tree expansion needs. Another build may put a permutation of its own here (in a browser, say, rounds of ChaCha in
 * wasm), as long as it looks random and all members of a session use the same one.
 */
export interface BlockCipher {
  /**
   * Maps each 16-byte block of `blocks` (a multiple of 16 bytes), independently of all others and of earlier calls. The
   * result begins at a multiple of 4 in its buffer and may be overwritten by the next call.
   */
  encrypt(blocks: Uint8Array): Uint8Array;
}

/** The first 128 bits of pi's fraction: a number that nobody could choose. */
const PI = Buffer.from("243f6a8885a308d313198a2e03707344", "hex");

/** AES-128 under a public key, by default one that never changes. One call costs about 1 us and 3 ns a block. */
export function fixedKeyAes(publicKey: Uint8Array = PI): BlockCipher {
  const cipher = createCipheriv("aes-128-ecb", publicKey, null);
  cipher.setAutoPadding(false);
  return { encrypt: (blocks) => cipher.update(blocks) };
}
