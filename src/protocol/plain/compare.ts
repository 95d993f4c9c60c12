/** Sign and equality with zero in the clear, of the low `width` bits as the secret protocols see them. */
import { checkWidth } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asBits, open, type Party } from "./share.js";

/** Bit width-1. 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* msb(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  site.nonce();
  checkWidth("msb", party.kernels, width, 2);
  const { n, words } = open(x);
  const shifted = site.scope.alloc(n);
  party.kernels.shr(shifted.ptr, words.ptr, width - 1, n);
  const plane = site.scope.alloc(planeWords(n, party.kernels));
  party.kernels.slice(plane.ptr, shifted.ptr, n, 1);
  site.scope.free(shifted);
  return asBits(n, 1, plane);
}

/** NOR of the low `width` bits. 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* isZero(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  site.nonce();
  checkWidth("isZero", party.kernels, width, 1);
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { n, words } = open(x);
  const count = planeWords(n, kernels);
  const planes = site.scope.alloc(width * count);
  kernels.slice(planes.ptr, words.ptr, n, width);
  const plane = site.scope.alloc(count);
  kernels.copy(plane.ptr, planes.ptr, count);
  for (let p = 1; p < width; p++) kernels.or(plane.ptr, plane.ptr, planes.ptr + p * count * wordBytes, count);
  kernels.not(plane.ptr, plane.ptr, count);
  site.scope.free(planes);
  return asBits(n, 1, plane);
}
