/**
 * Products of rep3: one summand per output element, whatever the inner size, and its resharing. Without truncation, see
 * truncate.ts. Araki et al. 2016 (https://eprint.iacr.org/2016/768), in the ring form of ABY3, Mohassel and Rindal 2018
 * (https://eprint.iacr.org/2018/403).
 */
import type { Block } from "../../ring/index.js";
import { CHUNK } from "../planes.js";
import type { Bilinear, Product, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import {
  asProduct,
  asShare,
  draw,
  openProduct,
  openShare,
  openStreams,
  type Party,
  passOn,
  Replicated,
  Summand,
} from "./share.js";

/**
 * Local: the nine cross terms of (x_0 + x_1 + x_2)(y_0 + y_1 + y_2), dealt out so that five products do instead of the usual
 * six. With p = site.pivot mod 3, party p computes (x_p + x_{p+1})(y_p + y_{p+1}), four terms in one product; party p+1 has the
 * remaining terms of (p+1, p+2) and (p+2, p+2), party p+2 those of (p+2, p): two products each. Four would need a unit b of
 * Z_2^64 for which 1 - 1/b is a unit, too, and modulo 2 there is none.
 */
export function product(party: Party, site: Site, x: Share, y: Share, n: number, map: Bilinear): Product {
  site.nonce();
  const [left, right] = [openShare(x), openShare(y)];
  const words = site.scope.alloc(n);
  const sum = (of: Replicated): Block => {
    const block = site.scope.alloc(of.n);
    party.kernels.add(block.ptr, of.a.ptr, of.b.ptr, of.n);
    return block;
  };
  const turn = (party.self + 2 * (site.pivot % 3)) % 3;
  if (turn === 0) {
    const [p, q] = [sum(left), x === y ? undefined : sum(right)];
    map(words, p, q ?? p, false);
    site.scope.free(p);
    if (q) site.scope.free(q);
  } else if (turn === 1) {
    // x_i y_{i+1} + x_{i+1} (y_i + y_{i+1}), or the same with the factors' parts exchanged: the smaller one is summed up
    if (left.n < right.n) {
      const p = sum(left);
      map(words, left.b, right.a, false);
      map(words, p, right.b, true);
      site.scope.free(p);
    } else {
      const q = sum(right);
      map(words, left.a, right.b, false);
      map(words, left.b, q, true);
      site.scope.free(q);
    }
  } else {
    map(words, left.a, right.b, false);
    map(words, left.b, right.a, true);
  }
  return asProduct(new Summand(n, words));
}

/** 1 round, 64 bits an element from each party: z_i + F(k_i) - F(k_{i+1}) goes to the previous party. */
export function* reshare(party: Party, site: Site, x: Product): Rounds<Share> {
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { n, words } = openProduct(x);
  const { lower, upper } = openStreams(party, site);
  const [a, b] = [site.scope.alloc(n), site.scope.alloc(n)];
  const mask = site.scope.alloc(Math.min(n, CHUNK));
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    const z = a.ptr + at * wordBytes;
    draw(party, lower, a, count, at);
    draw(party, upper, mask, count);
    kernels.sub(z, z, mask.ptr, count);
    kernels.add(z, z, words.ptr + at * wordBytes, count);
  }
  site.scope.free(mask);
  yield passOn(party, a, b, n);
  return asShare(new Replicated(n, a, b));
}
