/**
 * Sign and equality with zero: two rounds that bring the bits in blocks into shared planes (adder.ts), then the tree of
 * ../adder/compare.ts over the blocks. Bit conversions are in convert.ts.
 */
import { signAdder, zeroAdder } from "../adder/compare.js";
import { checkWidth } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { addendsOf, addFirst, type PlanePair } from "./adder.js";
import { zeroBits } from "./bits.js";
import { asBits, openStreams, type Party, Planes, passOn, type Streams } from "./share.js";

/**
 * Plane x < 0, of a share, or of one between the two rounds of its truncation. With L blocks: 2 + log2 L rounds and, per 64
 * elements, in words: role 0 sends the shared products, roles 1 and 2 send 2L - 1, each party 2(L - 1) - log2 L for the tree. At width 32 that is 5 rounds, 8 blocks and
 * 124, 26 and 26 bits an element; 58.7 bits a party on average.
 */
export function* msb(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  const { wordBytes } = party.kernels;
  checkWidth("msb", party.kernels, width, 2);
  const addends = addendsOf(party, site, x, width);
  const { n } = addends;
  const streams = openStreams(party, site);
  const adder = signAdder(n, width);
  const words = planeWords(n, party.kernels);
  const first = yield* addFirst(party, site, streams, adder, addends);
  const carry = yield* carryTree(party, site, streams, first, (adder.gates + 1) / 2, words);
  const sign = adder.gates * words * wordBytes;
  const [a, b] = [site.scope.alloc(words), site.scope.alloc(words)];
  party.kernels.xor(a.ptr, carry.a.ptr, first.a.ptr + sign, words);
  party.kernels.xor(b.ptr, carry.b.ptr, first.b.ptr + sign, words);
  for (const pair of carry === first ? [first] : [first, carry]) {
    site.scope.free(pair.a);
    site.scope.free(pair.b);
  }
  return asBits(new Planes(n, 1, a, b));
}

/**
 * Carry out of `count` blocks: planes g of all, then p of all but the lowest. One round a level; a level of h pairs
 * sends 2h - 1 planes. Returns `first` itself if there is one block only.
 */
function* carryTree(
  party: Party,
  site: Site,
  streams: Streams,
  first: PlanePair,
  count: number,
  words: number,
): Rounds<PlanePair> {
  const { kernels } = party;
  const { wordBytes } = kernels;
  let planes = 0;
  for (let h = count / 2; h >= 1; h /= 2) planes += 2 * h - 1;
  const masks = zeroBits(party, site, streams, planes * words);
  let maskAt = masks.ptr;
  let level = first;
  for (let h = count / 2; h >= 1; h /= 2) {
    const size = (2 * h - 1) * words;
    const next = { a: site.scope.alloc(size), b: site.scope.alloc(size) };
    const half = h * words * wordBytes;
    // Where the g of the high halves lie and, as if the lowest block had one, the p of all blocks.
    const [gA, gB, pA, pB] = [level.a.ptr, level.b.ptr, level.a.ptr, level.b.ptr];
    const p = (2 * h - 1) * words * wordBytes;
    kernels.andLocal(next.a.ptr, pA + p + half, pB + p + half, gA, gB, maskAt, h * words);
    kernels.xor(next.a.ptr, next.a.ptr, gA + half, h * words);
    const second = p + words * wordBytes;
    kernels.andLocal(
      next.a.ptr + half,
      pA + second + half,
      pB + second + half,
      pA + second,
      pB + second,
      maskAt + half,
      (h - 1) * words,
    );
    yield passOn(party, next.a, next.b, size);
    maskAt += size * wordBytes;
    if (level !== first) {
      site.scope.free(level.a);
      site.scope.free(level.b);
    }
    level = next;
  }
  site.scope.free(masks);
  return level;
}

/** Plane x = 0 of the low `width` bits. With L blocks: 2 + log2 L rounds; role 0 sends the shared products, roles 1
 * and 2 send L planes, each party L - 1 for the tree of ANDs. */
export function* isZero(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  const { wordBytes } = party.kernels;
  checkWidth("isZero", party.kernels, width, 1);
  const addends = addendsOf(party, site, x, width);
  const { n } = addends;
  const streams = openStreams(party, site);
  const adder = zeroAdder(n, width);
  const words = planeWords(n, party.kernels);
  let level = yield* addFirst(party, site, streams, adder, addends);
  const masks = zeroBits(party, site, streams, (adder.gates - 1) * words);
  let maskAt = masks.ptr;
  for (let h = adder.gates / 2; h >= 1; h /= 2) {
    const size = h * words;
    const next = { a: site.scope.alloc(size), b: site.scope.alloc(size) };
    const [lowA, lowB] = [level.a.ptr, level.b.ptr];
    party.kernels.andLocal(next.a.ptr, lowA, lowB, lowA + size * wordBytes, lowB + size * wordBytes, maskAt, size);
    yield passOn(party, next.a, next.b, size);
    maskAt += size * wordBytes;
    site.scope.free(level.a);
    site.scope.free(level.b);
    level = next;
  }
  site.scope.free(masks);
  return asBits(new Planes(n, 1, level.a, level.b));
}
