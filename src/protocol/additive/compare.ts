/**
 * Sign and equality with zero: x opened as e = x - a, the carries of e + a in blocks (adder.ts), then a tree over the blocks,
 * whose form is that of ../adder/compare.ts. Bit conversions are in convert.ts.
 */
import type { Block } from "../../ring/index.js";
import { signAdder, zeroAdder } from "../adder/compare.js";
import { checkWidth } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { PublicSum } from "./adder.js";
import { Gate } from "./bits.js";
import { Deal } from "./deal.js";
import { asBits, openShare, type Party, Planes } from "./share.js";
import { MOST_KEYS, signByKeys } from "./sign-by-keys.js";

/** Plane x < 0. log2 L rounds for L blocks, of 3h - 1 planes for h pairs; one more with n words unless x's mask is open. */
export function* msb(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  const { wordBytes } = party.kernels;
  checkWidth("msb", party.kernels, width, 2);
  const open = openShare(x);
  const { n } = open;
  if (party.keys && n <= MOST_KEYS) return yield* signByKeys(party, site, open, width);
  const words = planeWords(n, party.kernels);
  const adder = signAdder(n, width);
  const deal = new Deal(party, site);
  const sum = new PublicSum(party, site, deal, adder, open);
  const levels: { h: number; carry: Gate; both: Gate }[] = [];
  for (let h = (adder.gates + 1) / 4; h >= 1; h /= 2) {
    const carry = new Gate(party, deal, h * words);
    levels.push({ h, carry, both: new Gate(party, deal, (h - 1) * words, carry, words) });
  }
  yield* deal.first();
  const first = sum.planes();
  let level = first;
  for (const { h, carry, both } of levels) {
    if (!level) {
      yield* deal.exchange();
    } else {
      // g of all blocks, then p of all but the lowest: the high halves are p_hi and g_hi.
      const g = level.ptr;
      const p = g + (2 * h - 1) * words * wordBytes;
      const half = h * words * wordBytes;
      carry.open(p + half, g);
      both.open(p + half + words * wordBytes, p + words * wordBytes);
      yield* deal.exchange();
      const [carries, products] = [carry.result()!, both.result()!];
      const next = site.scope.alloc((2 * h - 1) * words);
      party.kernels.xor(next.ptr, carries.ptr, g + half, h * words);
      party.kernels.copy(next.ptr + half, products.ptr, (h - 1) * words);
      deal.free(carries, products);
      if (level !== first) deal.free(level);
      level = next;
    }
    both.free();
    carry.free();
  }
  if (!first) return asBits(new Planes(n, 1, undefined));
  const sign = site.scope.alloc(words);
  party.kernels.xor(sign.ptr, level!.ptr, first.ptr + adder.gates * words * wordBytes, words);
  if (level !== first) deal.free(level);
  deal.free(first);
  return asBits(new Planes(n, 1, sign));
}

/** Plane x = 0 of the low `width` bits. log2 L rounds of 2h planes; one more with n words unless x's mask is open. */
export function* isZero(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  const { wordBytes } = party.kernels;
  checkWidth("isZero", party.kernels, width, 1);
  const open = openShare(x);
  const { n } = open;
  const words = planeWords(n, party.kernels);
  const adder = zeroAdder(n, width);
  const deal = new Deal(party, site);
  const sum = new PublicSum(party, site, deal, adder, open);
  const gates: Gate[] = [];
  for (let h = adder.gates / 2; h >= 1; h /= 2) gates.push(new Gate(party, deal, h * words));
  yield* deal.first();
  let level: Block | undefined = sum.planes();
  for (const gate of gates) {
    if (level) gate.open(level.ptr, level.ptr + gate.words * wordBytes);
    yield* deal.exchange();
    deal.free(level);
    level = gate.result();
    gate.free();
  }
  return asBits(new Planes(n, 1, level));
}
