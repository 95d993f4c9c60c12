/** Words to planes in the clear. */
import { checkWidth } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asBits, open, type Party } from "./share.js";

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* toBits(party: Party, site: Site, x: Share, width: number): Rounds<Bits> {
  site.nonce();
  checkWidth("toBits", party.kernels, width, 1);
  const { n, words } = open(x);
  const planes = site.scope.alloc(width * planeWords(n, party.kernels));
  party.kernels.slice(planes.ptr, words.ptr, n, width);
  return asBits(n, width, planes);
}
