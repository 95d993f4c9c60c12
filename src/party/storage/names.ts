/** Names of stored things as file names: reversible, safe on every file system. Not a check of who may use a name. */
import { InputError } from "../../errors.js";

/** Most file systems allow 255 bytes; the suffix needs some of them. */
const LONGEST = 240;

/**
 * Lower-case letters, digits, "-", "_" and "." stand for themselves, a capital becomes "=" and its small letter, every
 * other UTF-8 byte "%" and two hex digits. Two names never meet on a file system that ignores case, and none can leave
 * its folder: files always get a suffix, so "." and ".." cannot arise.
 */
export function encodeName(name: string): string {
  let encoded = "";
  for (const byte of Buffer.from(name, "utf8")) {
    const character = String.fromCharCode(byte);
    if (/^[a-z0-9._-]$/.test(character)) encoded += character;
    else if (/^[A-Z]$/.test(character)) encoded += `=${character.toLowerCase()}`;
    else encoded += `%${byte.toString(16).padStart(2, "0")}`;
  }
  if (encoded.length === 0 || encoded.length > LONGEST)
    throw new InputError(
      `Vault: expected a name of 1 to ${LONGEST} bytes as a file name (capitals take two, "/" three), got ${encoded.length}; try a shorter name`,
    );
  return encoded;
}

/** The name that was encoded, or undefined if no name encodes to this. */
export function decodeName(encoded: string): string | undefined {
  if (encoded.length > LONGEST || !/^(?:[a-z0-9._-]|=[a-z]|%[0-9a-f]{2})+$/.test(encoded)) return undefined;
  const bytes: number[] = [];
  for (let at = 0; at < encoded.length; at++) {
    const character = encoded[at]!;
    if (character === "=") bytes.push(encoded[++at]!.toUpperCase().charCodeAt(0));
    else if (character === "%") {
      bytes.push(Number.parseInt(encoded.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(character.charCodeAt(0));
  }
  const name = Buffer.from(bytes).toString("utf8");
  // Invalid UTF-8 and needlessly escaped letters are not names that we wrote.
  return encodeName(name) === encoded ? name : undefined;
}
