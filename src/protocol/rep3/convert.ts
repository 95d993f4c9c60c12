/**
 * Words to bits: the first two rounds of adder.ts, then a prefix adder over its blocks. Bits to words is in inject.ts.
 */
import type { Block } from "../../ring/index.js";
import { checkWidth } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { addFirst } from "./adder.js";
import { type Adder, cutBits, type Gate, layOut } from "./adder-layout.js";
import { passOn, zeroBits } from "./bits.js";
import { asBits, openShare, openStreams, type Party, Planes } from "./share.js";

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

/**
 * 2 + log2 L rounds for L blocks (1 round for width 1): first level as adder.ts, then a prefix adder of Sklansky's form,
 * in which each level ANDs half of the positions with one plane below them.
 */
export function* toBits(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  checkWidth("toBits", width, 1);
  const { kernels } = party;
  const open = openShare(x);
  const { n } = open;
  const streams = openStreams(party, site);
  const adder = bitsAdder(width);
  const words = planeWords(n);
  const bytes = words * 8;
  const planes = yield* addFirst(party, site, streams, adder, open);
  for (const level of sklansky(width)) {
    const size = level.length * words;
    const a = zeroBits(party, site, streams, size);
    const b = site.scope.alloc(size);
    const [pa, pb] = [planes.a.ptr, planes.b.ptr];
    for (const [index, { p, source, target, addTarget }] of level.entries()) {
      const z = a.ptr + index * bytes;
      kernels.andLocal(z, pa + p * bytes, pb + p * bytes, pa + source * bytes, pb + source * bytes, z, words);
      if (addTarget) kernels.xor(z, z, pa + target * bytes, words);
    }
    yield passOn(party, a, b, size);
    for (const [index, { target }] of level.entries()) {
      kernels.copy(planes.a.ptr + target * bytes, a.ptr + index * bytes, words);
      kernels.copy(planes.b.ptr + target * bytes, b.ptr + index * bytes, words);
    }
    site.scope.free(a);
    site.scope.free(b);
  }
  const finish = (from: Block): Block => {
    const block = site.scope.alloc(width * words);
    const sums = from.ptr + adder.gates * bytes;
    kernels.copy(block.ptr, sums, words);
    kernels.xor(block.ptr + bytes, sums + bytes, from.ptr, (width - 1) * words);
    site.scope.free(from);
    return block;
  };
  return asBits(new Planes(n, width, finish(planes.a), finish(planes.b)));
}
