/**
 * A message that one party alone can open, and an answer that only its sender can: X25519 with a fresh key of the sender,
 * HKDF-SHA256, AES-256-GCM, as in RFC 9180's base mode (the answer as RFC 9458 does it), but with a format of our own. Not whose
 * key it is, see sealing-key.ts.
 *
 *   message  ephemeral public key (32), ciphertext, tag (16)
 *   answer   random salt (16), ciphertext, tag (16)
 *
 * The sender is anonymous; who it is stands inside. The answer is authentic: its key needs the party's private key, or the
 * sender's. Everything is bound to `context`, which both ends know and which need not be sent.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { FrameError } from "../errors.js";
import { secureRandom } from "../random/index.js";

export const PUBLIC_BYTES = 32;
const SALT_BYTES = 16;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const LABEL = "secretgrad/scale/1 ";
/** What stands before the 32 bytes of an X25519 private key in PKCS #8 (RFC 8410, section 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");

export interface SealingPair {
  readonly privateKey: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export function sealingPair(): SealingPair {
  const key = Buffer.concat([PKCS8_HEAD, secureRandom(KEY_BYTES)]);
  const privateKey = createPrivateKey({ key, format: "der", type: "pkcs8" });
  key.fill(0);
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return { privateKey, publicKey: Buffer.from(x!, "base64url") };
}

/** Seals for the holder of `to`. `open` opens its answer. Throws FrameError for a public key that is none. */
export function seal(
  to: Uint8Array,
  context: Uint8Array,
  plaintext: Uint8Array,
): { readonly message: Uint8Array; open(answer: Uint8Array): Uint8Array } {
  const own = sealingPair();
  const keys = schedule(own.privateKey, to, own.publicKey, to, context);
  return {
    message: Buffer.concat([own.publicKey, encrypt(keys.key, keys.nonce, context, plaintext)]),
    open(answer) {
      if (answer.length < SALT_BYTES + TAG_BYTES)
        throw new FrameError(`answer: expected a sealed one, got ${answer.length} bytes`);
      const { key, nonce } = answerKeys(keys.answer, answer.subarray(0, SALT_BYTES));
      return decrypt(key, nonce, context, answer.subarray(SALT_BYTES), "answer");
    },
  };
}

/** Opens what was sealed for this pair in this context. Throws FrameError for anything else. `seal` seals answers. */
export function unseal(
  { privateKey, publicKey }: SealingPair,
  context: Uint8Array,
  message: Uint8Array,
): { readonly plaintext: Uint8Array; seal(answer: Uint8Array): Uint8Array } {
  if (message.length < PUBLIC_BYTES + TAG_BYTES)
    throw new FrameError(`job: expected a sealed one, got ${message.length} bytes`);
  const from = message.subarray(0, PUBLIC_BYTES);
  const keys = schedule(privateKey, from, from, publicKey, context);
  const plaintext = decrypt(keys.key, keys.nonce, context, message.subarray(PUBLIC_BYTES), "job");
  return {
    plaintext,
    seal(answer) {
      // Fresh, for a key that sealed two answers with one nonce would give both away.
      const salt = secureRandom(SALT_BYTES);
      const { key, nonce } = answerKeys(keys.answer, salt);
      return Buffer.concat([salt, encrypt(key, nonce, context, answer)]);
    },
  };
}

function schedule(own: KeyObject, other: Uint8Array, from: Uint8Array, to: Uint8Array, context: Uint8Array) {
  let secret: Buffer;
  try {
    const key = { kty: "OKP", crv: "X25519", x: Buffer.from(other).toString("base64url") };
    secret = diffieHellman({ privateKey: own, publicKey: createPublicKey({ key, format: "jwk" }) });
  } catch (cause) {
    // Also points of small order, with which everybody knows the secret.
    throw new FrameError("sealing key: expected an X25519 public key, got something else", { cause });
  }
  const salt = Buffer.concat([from, to]);
  const bytes = derive(secret, salt, Buffer.concat([Buffer.from(`${LABEL}job`), context]), 2 * KEY_BYTES + NONCE_BYTES);
  return {
    key: bytes.subarray(0, KEY_BYTES),
    nonce: bytes.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES),
    answer: bytes.subarray(KEY_BYTES + NONCE_BYTES),
  };
}

function answerKeys(secret: Uint8Array, salt: Uint8Array) {
  const bytes = derive(secret, salt, Buffer.from(`${LABEL}answer`), KEY_BYTES + NONCE_BYTES);
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
}

const derive = (secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer =>
  Buffer.from(hkdfSync("sha256", secret, salt, info, length));

function encrypt(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, bytes: Uint8Array, what: string): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new FrameError(`${what}: expected one sealed for this key and place, got another or a changed one`);
  }
}
