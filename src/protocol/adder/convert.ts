/**
 * The adder of conversions to bits: blocks of bits, and over them a prefix adder of Sklansky's form, in which each level ANDs
 * half of the positions with one plane below them. Not the ANDs, which are in convert.ts of each protocol.
 */
import { type Adder, cutBits, type Gate, layOut } from "./layout.js";

/** The first level of toBits: g of all positions but the last, p of those outside the lowest block, all s_j ^ c_j. */
export function bitsAdder(width: number): Adder {
  const cut = cutBits(width - 1, 4);
  const lowest = cut[0]?.bits ?? 0;
  return layOut(
    width,
    cut,
    (block) => {
      const { from, bits } = cut[block]!;
      const gates: Gate[] = [];
      for (let top = 0; top < bits; top++) {
        gates.push({ kind: "generate", top, plane: from + top });
        if (block > 0) gates.push({ kind: "propagate", top, plane: width - 1 + from + top - lowest });
      }
      return gates;
    },
    Array.from({ length: width }, (_, position) => position),
  );
}

/** One AND of a Sklansky level: plane `target` becomes p_at & source, XORed onto g_at where it is a carry. */
interface Step {
  readonly p: number;
  readonly source: number;
  readonly target: number;
  readonly addTarget: boolean;
}
/** The levels of a Sklansky adder over the blocks of bitsAdder(width), in planes. */
export function sklansky(width: number): Step[][] {
  const cut = cutBits(width - 1, 4);
  const lowest = cut[0]?.bits ?? 0;
  const pOf = (position: number) => width - 1 + position - lowest;
  const levels: Step[][] = [];
  for (let step = 1; step < cut.length; step *= 2) {
    const carries: Step[] = [];
    const propagates: Step[] = [];
    for (const [block, { from, bits }] of cut.entries()) {
      if ((block & step) === 0) continue;
      // The last position below the half of 2^level blocks that this block is in.
      const below = cut[block - (block % step)]!.from - 1;
      for (let position = from; position < from + bits; position++) {
        carries.push({ p: pOf(position), source: below, target: position, addTarget: true });
        if (block >= 2 * step)
          propagates.push({ p: pOf(position), source: pOf(below), target: pOf(position), addTarget: false });
      }
    }
    levels.push([...carries, ...propagates]);
  }
  return levels;
}
