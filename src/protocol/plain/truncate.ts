/**
 * Truncation in the clear with the same law as the secret protocols: floor((x + r) / 2^shift) for r uniform below
 * 2^shift, that is floor + Bernoulli(fraction). The coins are public; only their law matters.
 */
import { checkShift } from "../checks.js";
import type { Product, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asShare, open, type Party } from "./share.js";

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* truncate(party: Party, site: Site, x: Product, shift: number): Rounds<Share> {
  checkShift(party.kernels, shift);
  const { kernels, ring } = party;
  const { n, words } = open(x);
  const result = site.scope.alloc(n);
  party.coins.stream(site.nonce()).fill(ring.bytes(result));
  kernels.shr(result.ptr, result.ptr, kernels.wordBits - shift, n);
  kernels.add(result.ptr, result.ptr, words.ptr, n);
  kernels.sar(result.ptr, result.ptr, shift, n);
  return asShare(n, result);
}
