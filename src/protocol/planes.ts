/**
 * How bit-sliced values lie in words: planes of one bit an element, fields of several, and the chunks in which loops walk over
 * them. Sizes only; the kernels that slice are in ring/.
 *
 * A plane of n bits takes a multiple of 64 bits, whatever the size of words, so bit `at` of one, for a multiple of 64, begins at byte
 * at / 8. A field of b bits of each of n elements is b planes, laid out chunk by chunk.
 */
import type { WordBytes } from "../ring/index.js";

/** Where a word's size is told: kernels. */
export interface Word {
  readonly wordBytes: WordBytes;
}

/** Words in one plane of n bits. */
export const planeWords = (n: number, { wordBytes }: Word): number => (8 / wordBytes) * Math.ceil(n / 64);

/** Words that n fields of `bits` bits take. */
export const fieldWords = (n: number, bits: number, word: Word): number => bits * planeWords(n, word);

/** Elements that one pass over the cache handles; a multiple of 64, so that planes and fields stay aligned. */
export const CHUNK = 4096;

/** Walks over fields in chunks: elements [at, at + count), whose planes begin at word `plane`. */
export function forFields(
  n: number,
  bits: number,
  word: Word,
  step: (at: number, count: number, plane: number) => void,
): void {
  for (let at = 0; at < n; at += CHUNK) step(at, Math.min(CHUNK, n - at), fieldWords(at, bits, word));
}
