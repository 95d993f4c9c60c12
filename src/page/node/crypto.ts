/** Of node:crypto what sessions in a page use, by the same names. The bytes are the same; the care for timing is not: see aes.ts. */
import { webRandom } from "../../random/web.js";
import { Aes128 } from "./aes.js";
import { Buffer } from "./buffer.js";
import { Sha256 } from "./sha256.js";

/** WebCrypto's limit for one call. */
const MOST_RANDOM = 65536;

export function randomFillSync(target: Uint8Array): Uint8Array {
  for (let at = 0; at < target.length; at += MOST_RANDOM)
    target.set(webRandom(Math.min(MOST_RANDOM, target.length - at)), at);
  return target;
}

const bytesOf = (data: ArrayBufferView | string): Uint8Array =>
  typeof data === "string" ? Buffer.from(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

class Hash {
  protected readonly inner = new Sha256();

  update(data: ArrayBufferView | string): this {
    this.inner.update(bytesOf(data));
    return this;
  }
  digest(): Buffer;
  digest(encoding: "hex"): string;
  digest(encoding?: "hex"): Buffer | string {
    const digest = Buffer.from(this.finish());
    return encoding ? digest.toString(encoding) : digest;
  }
  protected finish(): Uint8Array {
    return this.inner.digest();
  }
}

/** RFC 2104. */
class Hmac extends Hash {
  readonly #outer = new Sha256();

  constructor(key: Uint8Array) {
    super();
    const block = new Uint8Array(64);
    block.set(key.length > 64 ? new Sha256().update(key).digest() : key);
    this.inner.update(block.map((byte) => byte ^ 0x36));
    this.#outer.update(block.map((byte) => byte ^ 0x5c));
  }
  protected override finish(): Uint8Array {
    return this.#outer.update(this.inner.digest()).digest();
  }
}

export const createHash = (_: "sha256"): Hash => new Hash();
export const createHmac = (_: "sha256", key: ArrayBufferView | string): Hmac => new Hmac(bytesOf(key));

/** Whole blocks under ECB; under CTR any number of bytes, the counter being the whole block, big-endian. */
export function createCipheriv(
  mode: "aes-128-ecb" | "aes-128-ctr",
  key: Uint8Array,
  iv: ArrayBufferView | null,
): { update(data: ArrayBufferView): Uint8Array; setAutoPadding(padding: boolean): void } {
  const aes = new Aes128(key);
  return { update: mode === "aes-128-ecb" ? ecb(aes) : ctr(aes, bytesOf(iv!)), setAutoPadding: () => undefined };
}

const ecb = (aes: Aes128) => (data: ArrayBufferView) => {
  const bytes = bytesOf(data).slice();
  const words = new Uint32Array(bytes.buffer);
  for (let at = 0; at < words.length; at += 4) aes.encrypt(words, at);
  return bytes;
};

function ctr(aes: Aes128, iv: Uint8Array): (data: ArrayBufferView) => Uint8Array {
  const counter = iv.slice();
  const counterWords = new Uint32Array(counter.buffer);
  const block = new Uint32Array(4);
  const stream = new Uint8Array(block.buffer);
  let used = 16;
  return (data) => {
    const bytes = bytesOf(data).slice();
    for (let i = 0; i < bytes.length; i++) {
      if (used === 16) {
        block.set(counterWords);
        aes.encrypt(block, 0);
        used = 0;
        increment(counter);
      }
      bytes[i]! ^= stream[used++]!;
    }
    return bytes;
  };
}

/** The next number, big-endian: on from the last byte as long as bytes turn over to 0. */
function increment(counter: Uint8Array): void {
  for (let at = counter.length - 1; at >= 0; at--) {
    counter[at]!++;
    if (counter[at] !== 0) return;
  }
}
