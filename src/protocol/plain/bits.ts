/** Boolean operations on planes in the clear. */
import { checkRange, checkSame } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Linear, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asBits, openBits, type Party } from "./share.js";

export function xor(party: Party, site: Site, x: Bits, y: Bits): Bits {
  return pairwise(party, site, "xor", x, y);
}

export function not(party: Party, site: Site, x: Bits): Bits {
  site.nonce();
  const { n, width, planes } = openBits(x);
  const words = width * planeWords(n, party.kernels);
  const result = site.scope.alloc(words);
  party.kernels.not(result.ptr, planes.ptr, words);
  return asBits(n, width, result);
}

export function linearBits(
  party: Party,
  site: Site,
  inputs: readonly Bits[],
  n: number,
  width: number,
  map: Linear,
): Bits {
  site.nonce();
  const result = site.scope.alloc(width * planeWords(n, party.kernels));
  map(
    result,
    inputs.map((input) => openBits(input).planes),
  );
  return asBits(n, width, result);
}

export function planes(party: Party, site: Site, x: Bits, from: number, count: number): Bits {
  const { wordBytes } = party.kernels;
  site.nonce();
  const { n, width, planes: source } = openBits(x);
  checkRange("planes", from, count, width);
  const words = planeWords(n, party.kernels);
  const result = site.scope.alloc(count * words);
  party.kernels.copy(result.ptr, source.ptr + from * words * wordBytes, count * words);
  return asBits(n, count, result);
}

export function join(party: Party, site: Site, parts: readonly Bits[]): Bits {
  const { wordBytes } = party.kernels;
  site.nonce();
  const open = parts.map(openBits);
  const { n } = open[0]!;
  for (const part of open) checkSame("join", part.n, n);
  const width = open.reduce((sum, part) => sum + part.width, 0);
  const words = planeWords(n, party.kernels);
  const result = site.scope.alloc(width * words);
  let at = result.ptr;
  for (const { width, planes } of open) {
    party.kernels.copy(at, planes.ptr, width * words);
    at += width * words * wordBytes;
  }
  return asBits(n, width, result);
}

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* and(party: Party, site: Site, x: Bits, y: Bits): Rounds<Bits> {
  return pairwise(party, site, "and", x, y);
}

function pairwise(party: Party, site: Site, what: "xor" | "and", x: Bits, y: Bits): Bits {
  site.nonce();
  const [left, right] = [openBits(x), openBits(y)];
  checkSame(what, left.n, right.n);
  checkSame(what, left.width, right.width);
  const words = left.width * planeWords(left.n, party.kernels);
  const result = site.scope.alloc(words);
  party.kernels[what](result.ptr, left.planes.ptr, right.planes.ptr, words);
  return asBits(left.n, left.width, result);
}
