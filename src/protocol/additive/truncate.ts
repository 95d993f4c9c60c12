/**
 * Truncation by an opened mask, exactly unbiased and without the huge error of local truncation: the dealer knows r and
 * shares r >> shift and the sign of r, which tells whether x + r wrapped around (Escudero et al. 2020,
 * https://eprint.iacr.org/2020/338, the case of a known sign; docs/decisions/0012-dealer.md).
 *
 * With words of w bits, c = x + 2^(w-2) + r is public, and 0 <= x + 2^(w-2) < 2^(w-1). So the sum wrapped if and only if r has its top
 * bit and c has not, and x = (c >> shift) - (r >> shift) + wrap 2^(w-shift) - 2^(w-2-shift), or one more with the probability of the dropped bits.
 *
 * 1 round; n words to each other party; the dealer sends n + shift ceil(n/64) words to the last one.
 */
import type { Block } from "../../ring/index.js";
import { checkShift } from "../checks.js";
import type { Product, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { Deal } from "./deal.js";
import { addWrap, type Rounding, sightOf } from "./rounding.js";
import { Additive, asShare, openProduct, type Party } from "./share.js";

export function* truncate(party: Party, site: Site, x: Product, shift: number): Rounds<Share> {
  const { kernels } = party;
  const { wordBits } = kernels;
  checkShift(kernels, shift);
  const { n, words } = openProduct(x);
  const deal = new Deal(party, site);
  const r = deal.random(n);
  const shifted = deal.given(n, (dst) => kernels.shr(dst.ptr, r.ptr, shift, n));
  const sign = deal.givenFields(n, shift, (dst) => kernels.shr(dst.ptr, r.ptr, wordBits - 1, n));
  if (party.deals) {
    yield* deal.exchange();
    deal.free(shifted, sign);
    return rounded(site, n, undefined, { party, shift, words: r, users: 0 });
  }
  kernels.add(r.ptr, r.ptr, words!.ptr, n);
  if (party.self === 0) kernels.addScalar(r.ptr, r.ptr, 1n << BigInt(wordBits - 2), n);
  deal.open(r, n);
  yield* deal.exchange();
  // y = -(r >> shift) + (not sign of c) (sign of r) 2^(w-shift), and at party 0 the public rest.
  const rounding: Rounding = { party, shift, words: r, users: 0 };
  kernels.neg(shifted.ptr, shifted.ptr, n);
  addWrap(party, site.scope, rounding, sign, shifted);
  if (party.self === 0) {
    const seen = sightOf(party, site.scope, rounding);
    kernels.add(shifted.ptr, shifted.ptr, seen.difference!.ptr, n);
    seen.release();
  }
  deal.free(sign);
  return rounded(site, n, shifted, rounding);
}

function rounded(site: Site, n: number, words: Block | undefined, rounding: Rounding): Share {
  const value = new Additive(n, words, site.scope);
  value.rounding = rounding;
  return asShare(value);
}
