/**
 * Fixed point: a real number v is the ring word round(v * 2^f), two's complement. Only the way in and out, at the
 * owners of data; arithmetic on encoded words belongs to the protocols.
 *
 * Works on the 32-bit halves of words, because making a BigInt per element takes twenty times as long. Typed arrays
 * have the byte order of the host, and every host that runs Node or a browser today is little-endian like wasm.
 */
import { ScaleError, ShapeError } from "../errors.js";

const TWO_32 = 2 ** 32;
/** Encoded magnitudes stay below: one bit of room for a sum, one for the sign. */
const LIMIT = 2 ** 62;

type Words = BigInt64Array | BigUint64Array;

/** v * 2^f rounded to an integer, halves away from zero. Exact: scaling by 2^f and taking the fraction do not round. */
function round(scaled: number): number {
  const whole = Math.trunc(scaled);
  return whole + Math.trunc(2 * (scaled - whole));
}

function checkFraction(fractionBits: number, where: string): void {
  if (!(Number.isInteger(fractionBits) && fractionBits >= 0 && fractionBits <= 62)) {
    const got = String(fractionBits);
    throw new ScaleError(`${where}: expected fraction bits from 0 to 62, got ${got}; try 16 or 20`);
  }
}

/** Says where and what was expected, not what was there: the value may be secret. */
function outOfRange(where: string, fractionBits: number, place: string): ScaleError {
  const expected = `finite numbers of magnitude below 2^${62 - fractionBits} (${fractionBits} fraction bits)`;
  return new ScaleError(`${where}: expected ${expected}, got another${place}; try to scale or clean the data`);
}

/** The index of the first number that is NaN or whose word does not stay below 2^bound in magnitude; -1 if there is none. */
export function firstBeyond(values: ArrayLike<number>, fractionBits: number, bound: number): number {
  // Rounding, half away from zero, must not reach 2^bound.
  const limit = (2 ** bound - 0.5) / 2 ** fractionBits;
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) < limit)) return i;
  return -1;
}

/** Encodes into `out`, one word per value, and returns it. Throws ScaleError for NaN, infinities and what is too large. */
export function encode<W extends Words>(values: ArrayLike<number>, fractionBits: number, out: W): W {
  checkFraction(fractionBits, "encode");
  if (out.length !== values.length) {
    const got = `${out.length}`;
    throw new ShapeError(`encode: expected room for ${values.length} words, got ${got}; try one word per value`);
  }
  // One array type keeps the loop below monomorphic, which is worth the copy.
  const doubles = values instanceof Float64Array ? values : new Float64Array(values);
  const halves = new Int32Array(out.buffer, out.byteOffset, out.length * 2);
  const scale = 2 ** fractionBits;
  for (let i = 0; i < doubles.length; i++) {
    const scaled = doubles[i]! * scale;
    if (!(Math.abs(scaled) < LIMIT)) throw outOfRange("encode", fractionBits, ` at index ${i}`);
    const whole = round(scaled);
    const high = Math.floor(whole / TWO_32);
    halves[2 * i] = whole - high * TWO_32; // 0 … 2^32-1; the store reduces it to 32 bits
    halves[2 * i + 1] = high;
  }
  return out;
}

/** The word of one number, as a signed BigInt. */
export function encodeScalar(value: number, fractionBits: number): bigint {
  checkFraction(fractionBits, "encodeScalar");
  const scaled = value * 2 ** fractionBits;
  if (!(Math.abs(scaled) < LIMIT)) throw outOfRange("encodeScalar", fractionBits, "");
  return BigInt(round(scaled));
}

/** The doubles nearest to the encoded numbers (words of up to 53 significant bits come out exactly). */
export function decode(words: Words, fractionBits: number): Float64Array<ArrayBuffer> {
  checkFraction(fractionBits, "decode");
  const signed = new Int32Array(words.buffer, words.byteOffset, words.length * 2);
  const result = new Float64Array(words.length);
  const scale = 2 ** -fractionBits;
  for (let i = 0; i < result.length; i++) {
    // The one addition rounds; the product before it and the power of two after it do not.
    result[i] = (signed[2 * i + 1]! * TWO_32 + (signed[2 * i]! >>> 0)) * scale;
  }
  return result;
}
