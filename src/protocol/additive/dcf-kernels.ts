/**
 * The inner loops of comparison functions, by pointer into the ring's memory, in the form of ring/kernels: one level of n
 * instances per call, between two calls of the cipher. Not the tree's construction, see dcf.ts.
 *
 * A seed s = (high, low) is two words, low first. Its hash under label j is pi(sigma(s) ^ j) ^ sigma(s) ^ j, with sigma(high,
 * low) = (high ^ low, high). Labels 0 and 1 give the left and the right child, whose lowest bit is the control bit; labels 2,
 * 3, … give 2 words each: the left child's G words, then the right child's.
 *
 * `rows` holds what goes into the cipher, sigma(s) ^ j, 16 bytes a block, and `hashed` what came out. A row is
 *   in evaluation: the ceil(G/2) blocks that hold the words of the child on the path, then that child;
 *   in generation: for party 0, then for party 1: both children, then G blocks of words.
 * The last level has no children, and its rows lack their blocks. `control` is a control bit as a mask, 4 bytes an instance
 * (in generation party 1's; party 0's is the opposite, since the dealer walks along alpha). `seeds` and `values` point at
 * the corrections of this level and these instances. `sums` is n x G words, starting from 0: of one party's result in
 * evaluation, of both parties' together in generation.
 * `alpha` and `x` are words of the ring; bit `bit` of them decides the path; bits above are ignored. `beta` and all other words have 64
 * bits: in a ring of 32-bit words each is two numbers of 32 bits, which are added apart.
 * Pointers are multiples of 8, those of alpha and x of a word. Branches and addresses depend on x and sizes, never on seeds, control bits, alpha or beta.
 */
import type { Kernels } from "../../ring/index.js";
import { evalEnd, evalStart, evalStep } from "./dcf-evaluate.js";
import { genEnd, genStart, genStep } from "./dcf-generate.js";

export interface DcfKernels {
  /** Rows for the top level, whose bit is `bit`, from n root seeds. */
  dcfEvalStart(rows: number, roots: number, x: number, bit: number, n: number, words: number): void;
  /** Adds this level's words to the sums; rows and control become those of bit - 1. Here bit > 0. */
  dcfEvalStep(
    rows: number,
    hashed: number,
    control: number,
    sums: number,
    seeds: number,
    values: number,
    x: number,
    bit: number,
    n: number,
    words: number,
  ): void;
  /** Adds the words of the last level; the corrections for path bit 1 lie `skip` bytes after `values`. */
  dcfEvalEnd(
    rows: number,
    hashed: number,
    control: number,
    sums: number,
    values: number,
    skip: number,
    x: number,
    n: number,
    words: number,
  ): void;
  /** Rows for the top level, whose bit is `bit`, from n root seeds of either party. */
  dcfGenStart(rows: number, roots0: number, roots1: number, bit: number, n: number, words: number): void;
  /** Writes this level's corrections; rows, control and sums become those of bit - 1. Here bit > 0. */
  dcfGenStep(
    rows: number,
    hashed: number,
    control: number,
    sums: number,
    seeds: number,
    values: number,
    alpha: number,
    beta: number,
    bit: number,
    n: number,
    words: number,
  ): void;
  /** Writes the corrections of the last level; those for path bit 1 lie `skip` bytes after `values`. */
  dcfGenEnd(
    rows: number,
    hashed: number,
    control: number,
    sums: number,
    values: number,
    skip: number,
    alpha: number,
    beta: number,
    n: number,
    words: number,
  ): void;
}

/** The ring's own kernels where it has these, else the loops in TypeScript over its memory. */
export function dcfKernels(kernels: Kernels & Partial<DcfKernels>): DcfKernels {
  if (kernels.dcfEvalStep) return kernels as Kernels & DcfKernels;
  const wide = kernels.wordBytes === 8 ? 1 : 0;
  const view = () => new Int32Array(kernels.memory.buffer);
  return {
    dcfEvalStart: (...a) => evalStart(view(), wide, ...a),
    dcfEvalStep: (...a) => evalStep(view(), wide, ...a),
    dcfEvalEnd: (...a) => evalEnd(view(), wide, ...a),
    dcfGenStart: (...a) => genStart(view(), wide, ...a),
    dcfGenStep: (...a) => genStep(view(), wide, ...a),
    dcfGenEnd: (...a) => genEnd(view(), wide, ...a),
  };
}
