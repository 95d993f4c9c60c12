/** A list of byte strings in one: u16 length, bytes, and so on. Only for small handshake messages. */
import { FrameError } from "../errors.js";

export function encodeFields(fields: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const field of fields) {
    if (field.length > 65535) throw new FrameError(`encodeFields: expected at most 65535 bytes, got ${field.length}`);
    length += 2 + field.length;
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const field of fields) {
    view.setUint16(at, field.length);
    bytes.set(field, at + 2);
    at += 2 + field.length;
  }
  return bytes;
}

/** Views of the fields; throws when the lengths do not fill the input exactly. */
export function decodeFields(bytes: Uint8Array, where: string): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = at + 2 <= bytes.length ? view.getUint16(at) : -1;
    if (length < 0 || at + 2 + length > bytes.length)
      throw new FrameError(`${where}: expected whole fields, got a truncated one`);
    fields.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return fields;
}
