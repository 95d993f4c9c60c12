/**
 * Keys of a batch of comparison functions: their sizes and bytes. No cryptography.
 *
 * A key is the party's root seeds, 16 bytes an instance, and then the corrections, which both parties have alike. For each
 * level but the last, highest bit first: the seed corrections of all instances (16 bytes each), then their word corrections
 * (8 G each). For the last level: the word corrections of all instances for path bit 0, then those for path bit 1.
 * All little-endian. The low 2 bits of a root seed count for nothing; those of a seed correction are the corrections of the
 * control bits of the left and the right child.
 */
import { BoundError, FrameError, ShapeError } from "../../errors.js";
import type { Block, Ring, Scope } from "../../ring/index.js";

/** The public sizes of a batch. */
export interface DcfShape {
  /** N: how many functions. */
  readonly instances: number;
  /** Bits of the input, 1 to 63. */
  readonly bits: number;
  /** G: words of 64 bits of the payload, 1 to 4. In a ring of 32-bit words each is two numbers of 32 bits. */
  readonly words: number;
}

/** One party's key. */
export interface DcfKey {
  readonly shape: DcfShape;
  /** rootBytes(shape), uniform: known to this party and the dealer only. */
  readonly roots: Block;
  /** correctionBytes(shape): the same at both parties. */
  readonly corrections: Block;
}

export const LARGEST_BITS = 63;
export const LARGEST_WORDS = 4;
const LARGEST_BATCH = 2 ** 24;

function checkInteger(where: string, what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const expected = `${what} from ${least} to ${most}`;
  throw new BoundError(`${where}: expected ${expected}, got ${value}; try ${value < least ? least : most}`);
}

/** Throws BoundError unless the sizes are whole numbers in their ranges; at most 2^24 instances. */
export function checkShape(where: string, { instances, bits, words }: DcfShape): void {
  checkInteger(where, "instances", instances, 0, LARGEST_BATCH);
  checkInteger(where, "bits", bits, 1, LARGEST_BITS);
  checkInteger(where, "words", words, 1, LARGEST_WORDS);
}

/** Throws ShapeError unless the block has as many words (of the ring) as the shape asks for. */
export function checkWords(where: string, what: string, block: Block, expected: number): void {
  if (block.words !== expected)
    throw new ShapeError(
      `${where}: expected ${what} of ${expected} words, got ${block.words}; try the key's own shape`,
    );
}

/** Bytes of one party's root seeds: 16 N. */
export const rootBytes = ({ instances }: DcfShape): number => 16 * instances;

/** Bytes of the corrections: N ((bits - 1)(16 + 8 G) + 16 G), a multiple of 8. */
export const correctionBytes = ({ instances, bits, words }: DcfShape): number =>
  instances * ((bits - 1) * (16 + 8 * words) + 16 * words);

/** Bytes of one party's key: N (16 + (bits - 1)(16 + 8 G) + 16 G). Throws BoundError. */
export function keyBytes(instances: number, bits: number, words: number): number {
  const shape = { instances, bits, words };
  checkShape("keyBytes", shape);
  return rootBytes(shape) + correctionBytes(shape);
}

export function encodeKey(ring: Ring, key: DcfKey): Uint8Array {
  const [roots, corrections] = [ring.bytes(key.roots), ring.bytes(key.corrections)];
  const bytes = new Uint8Array(roots.length + corrections.length);
  bytes.set(roots);
  bytes.set(corrections, roots.length);
  return bytes;
}

/** The key in `bytes`, as blocks of `scope`. Any bytes are a key if the length is right; else throws FrameError. */
export function decodeKey(ring: Ring, scope: Scope, shape: DcfShape, bytes: Uint8Array): DcfKey {
  const { instances, bits, words } = shape;
  const expected = keyBytes(instances, bits, words);
  if (bytes.length !== expected) {
    const what = `${expected} bytes for ${instances} instances, ${bits} bits, ${words} words`;
    throw new FrameError(`dcf key: expected ${what}, got ${bytes.length} bytes; try the shape that the dealer used`);
  }
  const cut = rootBytes(shape);
  const take = (part: Uint8Array): Block => {
    const block = scope.alloc(part.length / ring.wordBytes);
    ring.bytes(block).set(part);
    return block;
  };
  return { shape, roots: take(bytes.subarray(0, cut)), corrections: take(bytes.subarray(cut)) };
}
