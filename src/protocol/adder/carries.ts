/**
 * The local part of an adder: carries in blocks of bits, from shared products of bits of s and known bits of c. Not how the
 * products come to be shared, nor what happens to the parts of the carries: that is in adder.ts of each protocol.
 *
 * In a block with bits s_j and c_j, for a set S of positions let s_S be the AND of its s_j, likewise c_S. The carry out
 * of positions 0..t and the AND of all their s_j ^ c_j expand, over Z_2, into
 *
 *   generate_t  = XOR over m <= t of c_m A_m,   propagate_t = c_{0..t} ^ XOR over m <= t of c_{0..m-1} A_m,
 *   A_m = XOR over all T within m+1..t of s_{m and T} c_{m+1..t without T}.
 *
 * Both are linear in the s_S, so whoever holds a part of every s_S (the parts XOR to it) gets a part of every carry; one
 * holder adds c_{0..t}, too. The expansion is ours.
 */
import type { Block, Kernels, Scope } from "../../ring/index.js";
import { planeWords } from "../planes.js";
import type { Adder } from "./layout.js";

/** Elements that one pass over the cache handles. */
export const STEP = 16384;

/**
 * Walks over the lowest `width` bits of n words in steps that fit the cache: `write` puts words [first, first + count) to `dst`,
 * then `step` gets words [at, at + count) of their planes, where plane j begins j * count words after `planes`.
 */
export function forBits(
  kernels: Kernels,
  scope: Scope,
  n: number,
  width: number,
  write: (dst: number, first: number, count: number) => void,
  step: (at: number, count: number, planes: number) => void,
): void {
  const most = Math.min(n, STEP);
  const planes = scope.alloc(width * planeWords(most, kernels));
  const words = scope.alloc(most);
  for (let first = 0; first < n; first += STEP) {
    const elements = Math.min(STEP, n - first);
    write(words.ptr, first, elements);
    kernels.slice(planes.ptr, words.ptr, elements, width);
    step(planeWords(first, kernels), planeWords(elements, kernels), planes.ptr);
  }
  scope.free(planes);
  scope.free(words);
}

/** What one holder has for n elements. */
export interface Holder {
  readonly n: number;
  /** The words c, from element `from` on. */
  readonly c: Block;
  readonly from?: number;
  /** Its part of every s_S. Used up: afterwards plane {m..t} of a block holds A_m of the gates at t. */
  readonly shared: Block;
  /** To the planes of its gates its part is added. */
  readonly gates: Block;
  /** Whether it is the one that adds c_{0..t}. */
  readonly leads: boolean;
}

/** gates ^= this holder's part. `single` gets words [at, at + count) of the plane c_j of each of `adder.singles`, by index. */
export function addCarries(
  kernels: Kernels,
  scope: Scope,
  adder: Adder,
  { n, c, from = 0, shared, gates, leads }: Holder,
  single: (index: number, at: number, count: number, bit: number) => void,
): void {
  const { wordBytes } = kernels;
  const words = planeWords(n, kernels);
  const prefix = scope.alloc(planeWords(Math.min(n, STEP), kernels));
  const [sharedPtr, gatesPtr] = [shared.ptr, gates.ptr];
  const write = (dst: number, first: number, count: number) =>
    kernels.addScalar(dst, c.ptr + (from + first) * wordBytes, adder.offset, count);
  forBits(kernels, scope, n, adder.width, write, (at, count, planes) => {
    for (const [index, { position }] of adder.singles.entries())
      single(index, at, count, planes + position * count * wordBytes);
    for (const block of adder.blocks) {
      const cAt = (position: number) => planes + (block.from + position) * count * wordBytes;
      const sharedAt = (set: number) => sharedPtr + ((block.base + set - 1) * words + at) * wordBytes;
      // In place, from short runs m..j to long ones: each s_S meets c of its gaps exactly once.
      if (block.gates.length > 0)
        for (let j = 1; j < block.bits; j++)
          for (let m = 0; m < j; m++)
            for (let above = 0; above < 1 << block.bits; above += 2 << j)
              kernels.andXor(sharedAt(run(m, j) + above), sharedAt(run(m, j - 1) + above), cAt(j), count);
      for (const { kind, top, plane } of block.gates) {
        const target = gatesPtr + (plane * words + at) * wordBytes;
        if (kind === "generate")
          for (let m = 0; m <= top; m++) kernels.andXor(target, sharedAt(run(m, top)), cAt(m), count);
        else {
          kernels.xor(target, target, sharedAt(run(0, top)), count);
          let product = cAt(0);
          for (let m = 1; m <= top; m++) {
            kernels.andXor(target, sharedAt(run(m, top)), product, count);
            kernels.and(prefix.ptr, product, cAt(m), count);
            product = prefix.ptr;
          }
          if (leads) kernels.xor(target, target, product, count);
        }
      }
    }
  });
  scope.free(prefix);
}
/** The set of positions from..to, as a bit mask. */
const run = (from: number, to: number): number => (2 << to) - (1 << from);
