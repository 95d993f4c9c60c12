/** Planes to words in the clear. */
import { checkSame, checkWeights } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Product, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asProduct, asShare, open, openBits, type Party } from "./share.js";

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* fromBits(party: Party, site: Site, bits: Bits): Rounds<Share> {
  site.nonce();
  const { n, width, planes } = openBits(bits);
  checkSame("fromBits (planes)", width, 1);
  const words = site.scope.alloc(n);
  party.kernels.unslice(words.ptr, planes.ptr, n, 1);
  return asShare(n, words);
}

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* select(party: Party, site: Site, bits: Bits, x: Share): Rounds<Share> {
  site.nonce();
  const { kernels } = party;
  const { n, width, planes } = openBits(bits);
  const source = open(x);
  checkSame("select (planes)", width, 1);
  checkSame("select", n, source.n);
  const words = site.scope.alloc(n);
  kernels.unslice(words.ptr, planes.ptr, n, 1);
  kernels.neg(words.ptr, words.ptr, n);
  kernels.and(words.ptr, words.ptr, source.words.ptr, n);
  return asShare(n, words);
}

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* weigh(party: Party, site: Site, bits: Bits, weights: readonly (readonly bigint[])[]): Rounds<Product> {
  site.nonce();
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { n, width, planes } = openBits(bits);
  checkWeights(weights, width);
  const result = site.scope.alloc(weights.length * n);
  const number = site.scope.alloc(n);
  kernels.fill(result.ptr, 0n, weights.length * n);
  for (let plane = 0; plane < width; plane++) {
    kernels.unslice(number.ptr, planes.ptr + plane * planeWords(n, kernels) * wordBytes, n, 1);
    for (const [row, list] of weights.entries())
      if (list[plane] !== 0n) kernels.mulScalarAdd(result.ptr + row * n * wordBytes, number.ptr, list[plane]!, n);
  }
  site.scope.free(number);
  return asProduct(weights.length * n, result);
}
