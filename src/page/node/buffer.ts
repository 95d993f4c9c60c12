/** Of node:buffer what sessions in a page use: bytes that turn into text and back. Not its searches, and hardly its numbers. */

type Encoding = "utf8" | "latin1" | "hex" | "base64" | "base64url";

/** Without Uint8Array.from, which takes other arguments than Buffer.from. */
const Bytes = Uint8Array as unknown as new (source: number | ArrayLike<number>) => Uint8Array;

export class Buffer extends Bytes {
  static from(values: Uint8Array | ArrayLike<number> | string, encoding: unknown = "utf8"): Buffer {
    return new Buffer(typeof values === "string" ? bytesOf(values, encoding as Encoding) : Uint8Array.from(values));
  }
  static alloc(bytes: number): Buffer {
    return new Buffer(bytes);
  }
  static allocUnsafe(bytes: number): Buffer {
    return new Buffer(bytes);
  }
  static allocUnsafeSlow(bytes: number): Buffer {
    return new Buffer(bytes);
  }
  static byteLength(text: string): number {
    return bytesOf(text, "utf8").length;
  }
  static concat(chunks: readonly Uint8Array[]): Buffer {
    const all = new Buffer(chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
  /** By the first byte that differs, then by length: -1, 0 or 1. */
  static compare(a: Uint8Array, b: Uint8Array): number {
    const at = a.findIndex((byte, i) => byte !== b[i]);
    return at < 0 ? Math.sign(a.length - b.length) : Math.sign(a[at]! - (b[at] ?? -1));
  }

  writeUInt32LE(value: number, at = 0): number {
    new DataView(this.buffer, this.byteOffset).setUint32(at, value, true);
    return at + 4;
  }
  readBigUInt64BE(at = 0): bigint {
    return new DataView(this.buffer, this.byteOffset).getBigUint64(at);
  }
  override toString(encoding: Encoding = "utf8"): string {
    if (encoding === "utf8") return new TextDecoder().decode(this);
    if (encoding === "hex") return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const text = Array.from(this, (byte) => String.fromCharCode(byte)).join("");
    if (encoding === "latin1") return text;
    const base64 = btoa(text);
    return encoding === "base64" ? base64 : base64.replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");
  }
}

function bytesOf(text: string, encoding: Encoding): Uint8Array {
  if (encoding === "utf8") return new TextEncoder().encode(text);
  if (encoding === "hex")
    return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (digits) => Number.parseInt(digits, 16));
  const latin1 = encoding === "latin1" ? text : atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(latin1, (character) => character.charCodeAt(0));
}
