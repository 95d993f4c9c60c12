/**
 * Bits among words: a bit as the number 0 or 1, and a bit times a number. The dealer shares a random bit r both ways; once
 * c = bit ^ r is public, bit = c + (1 - 2c) r is linear. Words to bits is in compare.ts and convert.ts.
 */
import type { Block } from "../../ring/index.js";
import { checkSame } from "../checks.js";
import { CHUNK, planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { Deal } from "./deal.js";
import { masked, roundingOf, sightOfRounded } from "./masks.js";
import { wrapTimes } from "./rounding.js";
import { Additive, asShare, openBits, openShare, type Party, type Planes, place } from "./share.js";

/** 1 round, 1 bit to each other party; the dealer sends n words to the last one. */
export function* fromBits(party: Party, site: Site, bits: Bits): Rounds<Share> {
  const x = onePlane("fromBits", bits);
  const { n } = x;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const deal = new Deal(party, site);
  const r = deal.random(planeWords(n, kernels), "xor");
  const number = deal.given(n, (dst) => kernels.unslice(dst.ptr, r.ptr, n, 1));
  if (party.deals) {
    yield* deal.exchange();
    deal.free(r, number);
    return asShare(new Additive(n, undefined, site.scope));
  }
  kernels.xor(r.ptr, r.ptr, x.words!.ptr, planeWords(n, kernels));
  deal.open(r, planeWords(n, kernels), "xor");
  yield* deal.exchange();
  forSigns(party, site, r, n, (at, count, c, minus) => {
    const y = number.ptr + at * wordBytes;
    flip(party, y, minus, count);
    if (party.self === 0) kernels.add(y, y, c, count);
  });
  deal.free(r);
  return asShare(new Additive(n, number, site.scope));
}

/**
 * bit * x. 1 round: 1 bit, and n words if x has no open mask yet, to each other party; the dealer sends 2n words to the last
 * one. With x = e + a: bit x = c x + (1 - 2c) (e r + r a). The result of a truncation needs no opening, and a field more.
 */
export function* select(party: Party, site: Site, bits: Bits, x: Share): Rounds<Share> {
  const bit = onePlane("select", bits);
  const open = openShare(x);
  const { n } = open;
  checkSame("select", bit.n, n);
  if (bit.sign?.of === open) return selectKnown(party, site, bit, n);
  const { kernels } = party;
  const { wordBytes } = kernels;
  const deal = new Deal(party, site);
  const rounding = roundingOf(party, open);
  const use = rounding ? sightOfRounded(party, site, open, rounding) : masked(party, deal, open);
  const r = deal.random(planeWords(n, kernels), "xor");
  const number = deal.given(n, (dst) => kernels.unslice(dst.ptr, r.ptr, n, 1));
  const product = deal.given(n, (dst) => kernels.mul(dst.ptr, number.ptr, use.mask.ptr, n));
  const wrap = rounding && wrapTimes(party, site.scope, deal, rounding, number);
  if (party.deals) {
    yield* deal.exchange();
    use.release();
    wrap?.free();
    deal.free(r, number, product);
    return asShare(new Additive(n, undefined, site.scope));
  }
  kernels.xor(r.ptr, r.ptr, bit.words!.ptr, planeWords(n, kernels));
  deal.open(r, planeWords(n, kernels), "xor");
  yield* deal.exchange();
  const e = use.difference!;
  wrap?.addTo(product);
  forSigns(party, site, r, n, (at, count, c, minus) => {
    const [z, w] = [product.ptr + at * wordBytes, number.ptr + at * wordBytes];
    kernels.mulAdd(z, e.ptr + at * wordBytes, w, count);
    flip(party, z, minus, count);
    kernels.mul(w, c, open.words!.ptr + at * wordBytes, count);
    kernels.add(z, z, w, count);
  });
  use.release();
  wrap?.free();
  deal.free(r, number);
  return asShare(new Additive(n, product, site.scope));
}

/** The keys have told the product already. */
function selectKnown(party: Party, site: Site, { sign }: Planes, n: number): Share {
  site.nonce();
  const words = place(party, site.scope, n);
  if (words) party.kernels.copy(words.ptr, sign!.times!.ptr, n);
  return asShare(new Additive(n, words, site.scope));
}

/** Walks over a public plane: `c` points to its bits as words 0 or 1, `minus` to the words 0 or -1. */
function forSigns(
  party: Party,
  site: Site,
  plane: Block,
  n: number,
  step: (at: number, count: number, c: number, minus: number) => void,
): void {
  const most = Math.min(n, CHUNK);
  const [c, minus] = [site.scope.alloc(most), site.scope.alloc(most)];
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    party.kernels.unslice(c.ptr, plane.ptr + at / 8, count, 1);
    party.kernels.neg(minus.ptr, c.ptr, count);
    step(at, count, c.ptr, minus.ptr);
  }
  site.scope.free(c);
  site.scope.free(minus);
}

/** y = -y where minus is -1. */
function flip({ kernels }: Party, y: number, minus: number, count: number): void {
  kernels.xor(y, y, minus, count);
  kernels.sub(y, y, minus, count);
}

function onePlane(what: string, bits: Bits): Planes {
  const open = openBits(bits);
  checkSame(`${what} (planes)`, open.width, 1);
  return open;
}
