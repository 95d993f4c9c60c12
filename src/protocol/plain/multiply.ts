/** Products in the clear; resharing is a copy. */
import { CHUNK } from "../planes.js";
import type { Bilinear, Product, Separable, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asProduct, asShare, copyOf, open, type Party } from "./share.js";

export function product(site: Site, x: Share, y: Share, n: number, map: Bilinear): Product {
  site.nonce();
  const words = site.scope.alloc(n);
  map(words, open(x).words, open(y).words, false);
  return asProduct(n, words);
}

/** With c = 0. 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* separable({ kernels }: Party, site: Site, x: Share, f: Separable): Rounds<Product> {
  const { wordBytes } = kernels;
  site.nonce();
  const { n, words } = open(x);
  const result = site.scope.alloc(f.outputs * n);
  const most = Math.min(n, CHUNK);
  const [g, zeros] = [site.scope.alloc(f.terms * most), site.scope.alloc(most)];
  kernels.fill(result.ptr, 0n, f.outputs * n);
  kernels.fill(zeros.ptr, 0n, most);
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    f.left(g.ptr, words.ptr + at * wordBytes, count);
    f.right(result.ptr + at * wordBytes, n, zeros.ptr, g.ptr, count);
  }
  for (const block of [g, zeros]) site.scope.free(block);
  return asProduct(f.outputs * n, result);
}

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* reshare(party: Party, site: Site, x: Product): Rounds<Share> {
  site.nonce();
  const { n, words } = open(x);
  return asShare(n, copyOf(party, site, words, n));
}
