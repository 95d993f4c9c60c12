/**
 * Words to bits: the first two rounds of adder.ts, then a prefix adder over its blocks. Bits to words is in inject.ts.
 */
import type { Block } from "../../ring/index.js";
import { bitsAdder, sklansky } from "../adder/convert.js";
import { checkWidth } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { addendsOf, addFirst } from "./adder.js";
import { zeroBits } from "./bits.js";
import { asBits, openStreams, type Party, Planes, passOn } from "./share.js";

/**
 * 2 + log2 L rounds for L blocks (1 round for width 1): first level as adder.ts, then a prefix adder of Sklansky's form,
 * in which each level ANDs half of the positions with one plane below them.
 */
export function* toBits(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  checkWidth("toBits", party.kernels, width, 1);
  const { kernels } = party;
  const { wordBytes } = kernels;
  const addends = addendsOf(party, site, x, width);
  const { n } = addends;
  const streams = openStreams(party, site);
  const adder = bitsAdder(width);
  const words = planeWords(n, kernels);
  const bytes = words * wordBytes;
  const planes = yield* addFirst(party, site, streams, adder, addends);
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
