/** In and out in the clear: an outsider's "sharing" is the words themselves, kept by the one party. */
import { StorageError } from "../../errors.js";
import type { Block, Scope } from "../../ring/index.js";
import { checkInput } from "../checks.js";
import type { Share, Sharing, Site, StoredShare } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { loadWords, readRows, reduced } from "../stored.js";
import { asShare, copyOf, open, type Party } from "./share.js";

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* input(party: Party, site: Site, words: Block | undefined, n: number): Rounds<Share> {
  site.nonce();
  checkInput(words, n);
  return asShare(n, copyOf(party, site, words, n));
}

/** 0 rounds. */
// biome-ignore lint/correctness/useYield: plain has nobody to talk to
export function* reveal(party: Party, site: Site, x: Share): Rounds<Block> {
  return outgoing(party, site, x);
}

export function outgoing(party: Party, site: Site, x: Share): Block {
  site.nonce();
  const { n, words } = open(x);
  return copyOf(party, site, words, n);
}

export function incoming(party: Party, site: Site, stored: StoredShare, rowWords: number, rows: Uint32Array): Share {
  site.nonce();
  const { correction } = stored;
  if (stored.seeds.length > 0 || correction === undefined)
    throw new StorageError(`incoming: expected the words, got ${stored.seeds.length} seeds; try sharing it again`);
  return asShare(rows.length * rowWords, readRows(party.ring, site.scope, rows, rowWords, correction));
}

export function save(party: Party, x: Share): Uint8Array {
  const { wordBytes } = party.kernels;
  const { n, words } = open(x);
  return party.ring.bytes(words, 0, n * wordBytes).slice();
}

export function load(party: Party, scope: Scope, saved: Uint8Array): Share {
  const words = loadWords(party.ring, scope, saved);
  return asShare(words.words, words);
}

export function reduce(party: Party, scope: Scope, wide: Share): Share {
  const { n, words } = open(wide);
  return asShare(n, reduced(party.ring, scope, words));
}

export const sharing: Sharing = {
  freshSeeds: () => ({ byParty: [[]] }),
  correction: (_seeds, _offset, words) => words.slice(),
  keepsCorrection: [true],
  combine: (parts) => parts[0]!.slice(),
};
