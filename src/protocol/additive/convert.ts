/** Words to bits: the carries of e + a in blocks (adder.ts), then a prefix adder over the blocks. Bits to words: inject.ts. */
import { bitsAdder, sklansky } from "../adder/convert.js";
import { checkWidth } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { PublicSum } from "./adder.js";
import { Gate } from "./bits.js";
import { Deal } from "./deal.js";
import { asBits, openShare, type Party, Planes } from "./share.js";

/** log2 L rounds for L blocks, 2 planes an AND of Sklansky's levels; one more with n words unless x's mask is open. */
export function* toBits(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  checkWidth("toBits", party.kernels, width, 1);
  const { kernels } = party;
  const { wordBytes } = kernels;
  const open = openShare(x);
  const { n } = open;
  const words = planeWords(n, kernels);
  const bytes = words * wordBytes;
  const adder = bitsAdder(width);
  const deal = new Deal(party, site);
  const sum = new PublicSum(party, site, deal, adder, open);
  const levels = sklansky(width).map((steps) => ({ steps, gate: new Gate(party, deal, steps.length * words) }));
  yield* deal.first();
  const planes = sum.planes();
  for (const { steps, gate } of levels) {
    if (!planes) yield* deal.exchange();
    else {
      const [left, right] = [deal.block(gate.words), deal.block(gate.words)];
      for (const [index, { p, source }] of steps.entries()) {
        kernels.copy(left.ptr + index * bytes, planes.ptr + p * bytes, words);
        kernels.copy(right.ptr + index * bytes, planes.ptr + source * bytes, words);
      }
      gate.open(left.ptr, right.ptr);
      deal.free(left, right);
      yield* deal.exchange();
      const result = gate.result()!;
      for (const [index, { target, addTarget }] of steps.entries()) {
        const [to, from] = [planes.ptr + target * bytes, result.ptr + index * bytes];
        if (addTarget) kernels.xor(to, to, from, words);
        else kernels.copy(to, from, words);
      }
      deal.free(result);
    }
    gate.free();
  }
  if (!planes) return asBits(new Planes(n, width, undefined));
  const block = site.scope.alloc(width * words);
  const own = planes.ptr + adder.gates * bytes;
  kernels.copy(block.ptr, own, words);
  kernels.xor(block.ptr + bytes, own + bytes, planes.ptr, (width - 1) * words);
  deal.free(planes);
  return asBits(new Planes(n, width, block));
}
