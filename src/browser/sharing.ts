/** Splitting inputs among parties in a browser: seeds and their words by WebCrypto. Not the connections. */
import { InputError } from "../errors.js";
import { splitNamed } from "../protocol/split.js";
import { addWords } from "../protocol/words.js";
import { webExpand, webRandom } from "../random/web.js";
import type { ClientSharing } from "../serving/remote-model.js";

/** One input as shares: their sum is the input, and each alone is noise. */
export interface SplitInput {
  /** Words of 64 bits, little-endian, as many as the input has numbers. */
  readonly shares: readonly Uint8Array[];
  /** For each share, the numbers of the parties that get it. */
  readonly holders: readonly (readonly number[])[];
}

/** Throws InputError for a protocol that does not hide inputs, and for another number of parties. */
export function sharingOf(protocol: string, parties: number, onSplit?: (split: SplitInput) => void): ClientSharing {
  const { seeds, byParty, keepsCorrection, computing } = splitNamed(protocol);
  if (computing !== parties)
    throw new InputError(
      `model: expected ${computing} addresses for ${protocol}, got ${parties}; try those of all parties`,
    );
  const members = Array.from({ length: parties }, (_, party) => party);
  const holders = [
    ...Array.from({ length: seeds }, (_, seed) => members.filter((party) => byParty[party]!.includes(seed))),
    members.filter((party) => keepsCorrection[party]),
  ];
  return {
    async split(words) {
      const fresh = Array.from({ length: seeds }, () => webRandom(16));
      const expanded = await Promise.all(fresh.map((seed) => webExpand(seed, words.length)));
      const correction = addWords([words], expanded);
      onSplit?.({ shares: [...expanded, correction], holders });
      return members.map((party) =>
        joined([...byParty[party]!.map((seed) => fresh[seed]!), ...(keepsCorrection[party] ? [correction] : [])]),
      );
    },
    combine: (parts, wordBytes) => addWords(parts, [], wordBytes),
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
