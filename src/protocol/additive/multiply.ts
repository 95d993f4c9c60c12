/**
 * Products by masks, Beaver 1991 in matrix form: with e = x - a and d = y - b public, x y = c + e b + a d + e d, where the
 * dealer shares c = a b. Any bilinear map, one word of the dealer per output element.
 */
import type { Bilinear, Product, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { Deal } from "./deal.js";
import { masked } from "./masks.js";
import { Additive, asProduct, asShare, openProduct, openShare, type Party, place, Summand } from "./share.js";

/** A round if a factor has no open mask yet: n words to each other party, for each of those. x === y is a square: one mask. */
export function* product(party: Party, site: Site, x: Share, y: Share, n: number, map: Bilinear): Rounds<Product> {
  const deal = new Deal(party, site);
  const left = masked(party, deal, openShare(x));
  const right = x === y ? left : masked(party, deal, openShare(y));
  const words = deal.given(n, (dst) => map(dst, left.mask, right.mask, false));
  yield* deal.first();
  if (!party.deals) {
    const [e, d] = [left.difference!, right.difference!];
    if (party.self === 0) {
      // e d goes to party 0, as part of one of the two products: the smaller sum.
      const [p, q] = left.mask.words < right.mask.words ? [left.mask, e] : [right.mask, d];
      const sum = site.scope.alloc(p.words);
      party.kernels.add(sum.ptr, p.ptr, q.ptr, p.words);
      if (p === right.mask) {
        map(words, e, sum, true);
        map(words, left.mask, d, true);
      } else {
        map(words, sum, d, true);
        map(words, e, right.mask, true);
      }
      site.scope.free(sum);
    } else {
      map(words, e, right.mask, true);
      map(words, left.mask, d, true);
    }
  } else site.scope.free(words);
  left.release();
  if (right !== left) right.release();
  return asProduct(new Summand(n, party.deals ? undefined : words));
}

/** Local: a product is a sharing already. */
// biome-ignore lint/correctness/useYield: other protocols need rounds here
export function* reshare(party: Party, site: Site, x: Product): Rounds<Share> {
  site.nonce();
  const { n, words } = openProduct(x);
  const own = place(party, site.scope, n);
  if (own) party.kernels.copy(own.ptr, words!.ptr, n);
  return asShare(new Additive(n, own, site.scope));
}
