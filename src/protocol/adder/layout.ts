/**
 * Which carries of x = s + c an adder computes at once, in blocks of bits, and where their planes lie: structure only, a
 * function of widths. How they are computed, and who knows s and who c, is in adder.ts of each protocol.
 */

/** A carry out of positions 0..top of a block (generate) or the AND of all their s_j ^ c_j (propagate). */
export interface Gate {
  readonly kind: "generate" | "propagate";
  readonly top: number;
  /** Where the result goes. */
  readonly plane: number;
}
/** Bit positions [from, from + bits). */
export interface Cut {
  readonly from: number;
  readonly bits: number;
}
export interface BitBlock extends Cut {
  /** The AND s_S of the s_j with j in S is shared as plane base + S - 1; S is a bit mask. */
  readonly base: number;
  readonly gates: readonly Gate[];
}
/** What is computed at once: planes of gates first, then s_j ^ c_j for each of `singles`. */
export interface Adder {
  readonly width: number;
  readonly blocks: readonly BitBlock[];
  /** Planes s_S, shared by who knows s: 2^bits - 1 for each block. */
  readonly monomials: number;
  readonly gates: number;
  readonly singles: readonly { readonly position: number; readonly monomial: number }[];
  /** Added to c first: -1 turns "s + c = 0" into "all s_j ^ c_j are 1". */
  readonly offset: bigint;
}
export const planesOf = ({ gates, singles }: Adder): number => gates + singles.length;

/** Cuts k bit positions evenly into a power of two of blocks of at most `most` bits. */
export function cutBits(k: number, most: number): Cut[] {
  if (k === 0) return [];
  let count = 1;
  while (Math.ceil(k / count) > most) count *= 2;
  let from = 0;
  return Array.from({ length: count }, (_, index) => {
    const bits = Math.floor(k / count) + (index < k % count ? 1 : 0);
    from += bits;
    return { from: from - bits, bits };
  });
}

/** Lays an adder out: `gatesOf` lists the gates of each block. Single positions that no block covers become blocks. */
export function layOut(
  width: number,
  cut: readonly Cut[],
  gatesOf: (block: number) => Gate[],
  positions: readonly number[],
  offset = 0n,
): Adder {
  const blocks: BitBlock[] = [];
  let monomials = 0;
  const place = (range: Cut, gates: readonly Gate[]) => {
    blocks.push({ ...range, gates, base: monomials });
    monomials += 2 ** range.bits - 1;
  };
  for (const [index, range] of cut.entries()) place(range, gatesOf(index));
  const around = (position: number) => blocks.find(({ from, bits }) => position >= from && position < from + bits);
  const singles = positions.map((position) => {
    if (!around(position)) place({ from: position, bits: 1 }, []);
    const { base, from } = around(position)!;
    return { position, monomial: base + 2 ** (position - from) - 1 };
  });
  const gates = blocks.reduce((sum, block) => sum + block.gates.length, 0);
  return { width, blocks, monomials, gates, singles, offset };
}

/** Layouts depend on few numbers and are asked for at every comparison: each is made once. */
export function remembered(
  make: (width: number, blockBits: number) => Adder,
): (width: number, blockBits: number) => Adder {
  const known = new Map<number, Adder>();
  return (width, blockBits) => {
    const key = width * 64 + blockBits;
    let adder = known.get(key);
    if (!adder) {
      adder = make(width, blockBits);
      known.set(key, adder);
    }
    return adder;
  };
}
