/**
 * The layout of a sealed file and its authenticated encryption (AES-256-GCM, NIST SP 800-38D). Does no I/O.
 *
 *   magic (8) | file id (16) | length of the sealed header (4) | sealed header | sealed chunk 0 | sealed chunk 1 | …
 *
 * Sealed: ciphertext, then a tag of 16 bytes. Each file has its own key, derived from the storage key and the random file
 * id, so the number of a chunk serves as its nonce: nothing is sealed twice under one number, because files are written
 * once and never changed. Additional data binds every chunk to kind, name, version, number and whether it is the last.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { deriveKey, secureRandom } from "../../random/index.js";

export const TAG_BYTES = 16;
export const ID_BYTES = 16;
export const MAGIC = Buffer.from("sgvault1", "latin1");
/** Magic, file id, length of the sealed header. */
export const PREAMBLE_BYTES = MAGIC.length + ID_BYTES + 4;
/** Checkpoints list all variables in the header; 8 MiB are some 50,000 of them. */
export const LARGEST_HEADER = 8 << 20;

export const MIN_CHUNK = 1 << 12;
export const MAX_CHUNK = 1 << 20;

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
/** First byte of the header's nonce; chunk numbers never reach it. */
const HEADER_NONCE = 0xff;

/** What a file is: authenticated with every chunk. */
export interface Identity {
  readonly kind: string;
  readonly name: string;
  /** Of the contents: upload id, run number. Tells two files of one name apart. */
  readonly version: string;
}

export function newFileId(): Uint8Array {
  return secureRandom(ID_BYTES);
}

export function fileKey(storageKey: Uint8Array, id: Uint8Array): Uint8Array {
  return deriveKey([storageKey], `vault file ${Buffer.from(id).toString("hex")}`, 32);
}

/** Texts with their lengths in front, so that no two lists give the same bytes. */
export function bindTexts(...texts: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (const text of texts) {
    const bytes = Buffer.from(text, "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** Ciphertext and tag. The caller answers for never using a nonce twice with one key. */
export function sealBytes(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce);
  cipher.setAAD(aad);
  const body = cipher.update(plain);
  cipher.final();
  return Buffer.concat([body, cipher.getAuthTag()]);
}

/** The plaintext, or undefined if key, nonce, additional data, ciphertext and tag do not belong together. */
export function openBytes(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    // What fails authentication must not be used by mistake.
    plain.fill(0);
    return undefined;
  }
  return plain;
}

function headerNonce(): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce[0] = HEADER_NONCE;
  return nonce;
}

const HEADER_AAD = bindTexts("secretgrad vault header");

/** Everything before the first chunk. */
export function sealHead(key: Uint8Array, id: Uint8Array, header: Uint8Array): Buffer {
  const sealed = sealBytes(key, headerNonce(), HEADER_AAD, header);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(sealed.length);
  return Buffer.concat([MAGIC, id, length, sealed]);
}

export function openHeader(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  return openBytes(key, headerNonce(), HEADER_AAD, sealed);
}

/** Seals and opens the chunks of one file. */
export class ChunkSeal {
  readonly #key: Uint8Array;
  readonly #aad: Buffer;
  readonly #nonce = Buffer.alloc(NONCE_BYTES);

  constructor(key: Uint8Array, identity: Identity) {
    this.#key = key;
    // The last 9 bytes, number and flag, are written for each chunk.
    this.#aad = Buffer.concat([
      bindTexts("secretgrad vault chunk", identity.kind, identity.name, identity.version),
      Buffer.alloc(9),
    ]);
  }

  seal(index: number, last: boolean, plain: Uint8Array): Buffer {
    this.#bind(index, last);
    return sealBytes(this.#key, this.#nonce, this.#aad, plain);
  }

  open(index: number, last: boolean, sealed: Uint8Array): Uint8Array | undefined {
    this.#bind(index, last);
    return openBytes(this.#key, this.#nonce, this.#aad, sealed);
  }

  #bind(index: number, last: boolean): void {
    this.#nonce.writeUIntBE(index, NONCE_BYTES - 6, 6);
    const at = this.#aad.length - 9;
    this.#aad.writeUIntLE(index, at, 6);
    this.#aad[this.#aad.length - 1] = last ? 1 : 0;
  }
}
