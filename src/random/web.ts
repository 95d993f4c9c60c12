/**
 * Randomness where there is no Node: fresh bytes, and the words of a seed exactly as expand.ts makes them, by WebCrypto. Not part
 * of the index: what browsers load must not pull in the rest.
 */

const utf8 = new TextEncoder();

/** Fresh, cryptographically secure random bytes; at most 65536 at once. */
export const webRandom = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

/** The first `bytes` bytes of the words of a seed of 16 bytes, as every party expands them (expand.ts). */
export async function webExpand(seed: Uint8Array, bytes: number): Promise<Uint8Array> {
  const { subtle } = crypto;
  // The length enters in front of the seed, as in deriveKey.
  const material = new Uint8Array(4 + seed.length);
  new DataView(material.buffer).setUint32(0, seed.length);
  material.set(seed, 4);
  const source = await subtle.importKey("raw", material, "HKDF", false, ["deriveKey"]);
  const derivation = {
    name: "HKDF",
    hash: "SHA-256",
    salt: utf8.encode("secretgrad/random/v1"),
    info: utf8.encode("dataset expansion"),
  };
  const key = await subtle.deriveKey(derivation, source, { name: "AES-CTR", length: 128 }, false, ["encrypt"]);
  const counter = { name: "AES-CTR", counter: new Uint8Array(16), length: 128 };
  return new Uint8Array(await subtle.encrypt(counter, key, new Uint8Array(bytes)));
}
