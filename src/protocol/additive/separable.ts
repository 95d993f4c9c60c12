/**
 * Functions with an addition theorem, and bits with weights, by what the dealer knows: of x = e + a, with e public, it shares
 * g_k(a), and f(x) = sum of g_k(a) h_k(e) is linear in that; of a bit c ^ r, with c public, it shares r as a number. Not products
 * of shares, see multiply.ts. Boura et al. 2017 (https://eprint.iacr.org/2017/1234) evaluate sums of waves so; Kelkar et al. 2022
 * (https://eprint.iacr.org/2021/208) exponentials.
 */
import type { Block } from "../../ring/index.js";
import { checkWeights } from "../checks.js";
import { CHUNK, planeWords } from "../planes.js";
import type { Bits, Product, Separable, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { Deal } from "./deal.js";
import { masked } from "./masks.js";
import { asProduct, openBits, openShare, type Party, Summand } from "./share.js";

/** A round if x has no open mask yet: n words to each other party. The dealer sends n words a g_k to the last one. */
export function* separable(party: Party, site: Site, x: Share, f: Separable): Rounds<Product> {
  const { wordBytes } = party.kernels;
  const open = openShare(x);
  const { n } = open;
  const deal = new Deal(party, site);
  const use = masked(party, deal, open);
  const step = (visit: (at: number, count: number) => void) => {
    for (let at = 0; at < n; at += CHUNK) visit(at, Math.min(CHUNK, n - at));
  };
  // Rows of one chunk lie together.
  const g = deal.given(f.terms * n, (dst) =>
    step((at, count) => f.left(dst.ptr + at * f.terms * wordBytes, use.mask.ptr + at * wordBytes, count)),
  );
  yield* deal.first();
  let result: Block | undefined;
  if (!party.deals) {
    const e = use.difference;
    result = site.scope.alloc(f.outputs * n);
    party.kernels.fill(result.ptr, 0n, f.outputs * n);
    const to = result.ptr;
    step((at, count) =>
      f.right(to + at * wordBytes, n, e.ptr + at * wordBytes, g.ptr + at * f.terms * wordBytes, count),
    );
  }
  use.release();
  deal.free(g);
  return asProduct(new Summand(f.outputs * n, result));
}

/** 1 round: 1 bit a plane to each other party; the dealer sends n words a plane to the last one. */
export function* weigh(party: Party, site: Site, x: Bits, weights: readonly (readonly bigint[])[]): Rounds<Product> {
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { n, width, words } = openBits(x);
  checkWeights(weights, width);
  const planes = width * planeWords(n, kernels);
  const deal = new Deal(party, site);
  const r = deal.random(planes, "xor");
  const plane = (block: Block, index: number) => block.ptr + index * planeWords(n, kernels) * wordBytes;
  const numbers = deal.given(width * n, (dst) => {
    for (let index = 0; index < width; index++) kernels.unslice(dst.ptr + index * n * wordBytes, plane(r, index), n, 1);
  });
  if (!party.deals) {
    kernels.xor(r.ptr, r.ptr, words!.ptr, planes);
    deal.open(r, planes, "xor");
  }
  yield* deal.exchange();
  let result: Block | undefined;
  if (!party.deals) {
    result = site.scope.alloc(weights.length * n);
    kernels.fill(result.ptr, 0n, weights.length * n);
    const minus = site.scope.alloc(n);
    for (let index = 0; index < width; index++) {
      // bit = c + (1 - 2c) r, where party 0 adds the c.
      const t = numbers.ptr + index * n * wordBytes;
      kernels.unslice(minus.ptr, plane(r, index), n, 1);
      kernels.neg(minus.ptr, minus.ptr, n);
      kernels.xor(t, t, minus.ptr, n);
      kernels.sub(t, t, minus.ptr, n);
      if (party.self === 0) kernels.sub(t, t, minus.ptr, n);
      for (const [row, list] of weights.entries())
        if (list[index] !== 0n) kernels.mulScalarAdd(result.ptr + row * n * wordBytes, t, list[index]!, n);
    }
    site.scope.free(minus);
  }
  deal.free(r, numbers);
  return asProduct(new Summand(weights.length * n, result));
}
