/** Floating-point numbers of 16 bits, which JavaScript has no type for. */

const scratch = new DataView(new ArrayBuffer(4));
/** A float16 from its 16 bits. */
export function halfPrecision(word: number): number {
  const [sign, exponent, fraction] = [word & 0x8000 ? -1 : 1, (word >> 10) & 31, word & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
/** A bfloat16 from its 16 bits. */
export function brainFloat(word: number): number {
  scratch.setUint32(0, (word & 0xffff) * 65536);
  return scratch.getFloat32(0);
}
