/** Products in the clear; resharing is a copy. */
import type { Bilinear, Product, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asProduct, asShare, copyOf, open, type Party } from "./share.js";

export function product(site: Site, x: Share, y: Share, n: number, map: Bilinear): Product {
  site.nonce();
  const words = site.scope.alloc(n);
  map(words, open(x).words, open(y).words, false);
  return asProduct(n, words);
}

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* reshare(party: Party, site: Site, x: Product): Rounds<Share> {
  site.nonce();
  const { n, words } = open(x);
  return asShare(n, copyOf(party, site, words, n));
}
