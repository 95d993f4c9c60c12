/**
 * How bit-sliced values lie in words: planes of one bit an element, fields of several, and the chunks in which loops walk over
 * them. Sizes only; the kernels that slice are in ring/.
 *
 * A field of b bits of each of n elements is b planes of ceil(n/64) words, laid out chunk by chunk.
 */

/** Words in one plane of n bits. */
export const planeWords = (n: number): number => Math.ceil(n / 64);

/** Words that n fields of `bits` bits take. */
export const fieldWords = (n: number, bits: number): number => bits * planeWords(n);

/** Elements that one pass over the cache handles; a multiple of 64, so that planes and fields stay aligned. */
export const CHUNK = 4096;

/** Walks over fields in chunks: elements [at, at + count), whose planes begin at word `plane`. */
export function forFields(n: number, bits: number, step: (at: number, count: number, plane: number) => void): void {
  for (let at = 0; at < n; at += CHUNK) step(at, Math.min(CHUNK, n - at), (at / 64) * bits);
}
