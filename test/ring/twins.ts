/** Runs a kernel of the wasm build and of the readable twin on equal memories and compares all that they wrote. */
import assert from "node:assert/strict";
import { createJsKernels, createKernels, type KernelSets, type Kernels, type WordBytes } from "../../src/ring/index.js";

/** Words of memory on either side of the operands that must stay as they are. */
const GUARD = 16;
const EDGES = [
  0n,
  1n,
  2n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n - 2n,
];

const fast = createKernels();
const slow = createJsKernels();

/** Fills with pseudo-random words, a quarter of them at edges of the range. */
export function fillWords(words: BigUint64Array, seed: number): void {
  let state = BigInt(seed) * 2n + 1n;
  for (let i = 0; i < words.length; i++) {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    const mixed = BigInt.asUintN(64, (state ^ (state >> 29n)) * 0xbf58476d1ce4e5b9n);
    words[i] = (mixed & 3n) === 0n ? EDGES[Number((mixed >> 8n) % BigInt(EDGES.length))]! : mixed ^ (mixed >> 32n);
  }
}

export interface Operand {
  readonly words: number;
  /** Planes of bits, which count in 64-bit words whatever the size of words. */
  readonly planes?: true;
  /** Contents; default: pseudo-random. Views of 32 bits are for dims, strides and row numbers. */
  readonly i32?: readonly number[];
}

/**
 * Lays the operands out with guards between, calls `run` with their pointers on both kernels, and asserts that both
 * memories are equal afterwards, guards included. Returns the wasm side's words of each operand.
 *
 * Words of 32 bits lie in the room for as many of 64.
 */
function compare(
  seed: number,
  operands: readonly Operand[],
  run: (kernels: Kernels, ...ptrs: number[]) => void,
  wordBytes: WordBytes,
): BigUint64Array[] {
  const base = fast.heapBase;
  let at = GUARD;
  const offsets = operands.map(({ words }) => {
    const offset = at;
    at += words + GUARD;
    return offset;
  });
  const contents = new BigUint64Array(at);
  fillWords(contents, seed);
  operands.forEach(({ i32 }, i) => {
    if (i32) new Int32Array(contents.buffer, offsets[i]! * 8, i32.length).set(i32);
  });
  const [left, right] = [fast, slow].map((sets) => {
    const kernels = wordBytes === 8 ? sets : sets.narrow;
    const missing = base + at * 8 - kernels.memory.buffer.byteLength;
    if (missing > 0) kernels.memory.grow(Math.ceil(missing / 65536));
    new BigUint64Array(kernels.memory.buffer, base, at).set(contents);
    run(kernels, ...offsets.map((offset) => base + offset * 8));
    return new BigUint64Array(kernels.memory.buffer, base, at).slice();
  });
  for (let i = 0; i < at; i++) {
    if (left![i] === right![i]) continue;
    const operand = offsets.findLastIndex((offset) => offset <= i);
    assert.fail(`operand ${operand}, word ${i - offsets[operand]!}: wasm ${left![i]}, twin ${right![i]}`);
  }
  return operands.map(({ words, planes }, i) =>
    wordBytes === 8 || planes
      ? left!.slice(offsets[i]!, offsets[i]! + words)
      : BigUint64Array.from(new Uint32Array(left!.buffer, offsets[i]! * 8, words), BigInt),
  );
}

export type Compare<K extends Kernels = Kernels> = (
  seed: number,
  operands: readonly Operand[],
  run: (kernels: K, ...ptrs: number[]) => void,
) => BigUint64Array[];

const size = (wordBytes: WordBytes, wordBits: number, compareTwins: Compare) => ({
  wordBytes,
  wordBits,
  of: `${wordBits} bits`,
  compareTwins,
});
/** The kernels of 64-bit words, with those that have no others. */
export const compareTwins: Compare<KernelSets> = (seed, operands, run) =>
  compare(seed, operands, (kernels, ...ptrs) => run(kernels as KernelSets, ...ptrs), 8);

/** Both sizes of words, for loops over tests. */
export const sizes = [
  size(8, 64, (seed, operands, run) => compare(seed, operands, run, 8)),
  size(4, 32, (seed, operands, run) => compare(seed, operands, run, 4)),
];
