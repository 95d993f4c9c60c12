/**
 * Products of rep3: one summand per output element, whatever the inner size, and its resharing. Without truncation, see
 * truncate.ts. Araki et al. 2016 (https://eprint.iacr.org/2016/768), in the ring form of ABY3, Mohassel and Rindal 2018
 * (https://eprint.iacr.org/2018/403).
 */
import type { Bilinear, Product, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import {
  asProduct,
  asShare,
  CHUNK,
  draw,
  openProduct,
  openShare,
  openStreams,
  type Party,
  Replicated,
  Summand,
} from "./share.js";

/** Local: z_i = f(x_i, y_i + y_{i+1}) + f(x_{i+1}, y_i), the nine cross terms dealt out among the three. */
export function product(party: Party, site: Site, x: Share, y: Share, n: number, map: Bilinear): Product {
  site.nonce();
  const [left, right] = [openShare(x), openShare(y)];
  const words = site.scope.alloc(n);
  // x_i y_{i+1} + x_{i+1} y_i + x_i y_i with one factor summed up: the smaller one, which is less work.
  const [short, swap] = left.n < right.n ? [left, true] : [right, false];
  const sum = site.scope.alloc(short.n);
  party.kernels.add(sum.ptr, short.a.ptr, short.b.ptr, short.n);
  if (swap) {
    map(words, sum, right.a, false);
    map(words, left.a, right.b, true);
  } else {
    map(words, left.a, sum, false);
    map(words, left.b, right.a, true);
  }
  site.scope.free(sum);
  return asProduct(new Summand(n, words));
}

/** 1 round, 64 bits an element from each party: z_i + F(k_i) - F(k_{i+1}) goes to the previous party. */
export function* reshare(party: Party, site: Site, x: Product): Rounds<Share> {
  const { kernels } = party;
  const { n, words } = openProduct(x);
  const { lower, upper } = openStreams(party, site);
  const [a, b] = [site.scope.alloc(n), site.scope.alloc(n)];
  const mask = site.scope.alloc(Math.min(n, CHUNK));
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    const z = a.ptr + at * 8;
    draw(party, lower, a, count, at);
    draw(party, upper, mask, count);
    kernels.sub(z, z, mask.ptr, count);
    kernels.add(z, z, words.ptr + at * 8, count);
  }
  site.scope.free(mask);
  yield {
    send: [{ peer: party.previous, block: a, bytes: n * 8 }],
    receive: [{ peer: party.next, block: b, bytes: n * 8 }],
  };
  return asShare(new Replicated(n, a, b));
}
