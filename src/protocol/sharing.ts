/** The outsider's side of a protocol in Node: seeds drawn and expanded as the protocol's split says. Not the parties' side. */
import { expand, secureRandom } from "../random/index.js";
import type { Seeds, Sharing } from "./protocol.js";
import type { Split } from "./split.js";
import { addWords } from "./words.js";

export function sharingOf({ seeds, byParty, keepsCorrection, computing }: Split): Sharing {
  const numbers = Array.from({ length: seeds }, (_, seed) => seed);
  return {
    freshSeeds(): Seeds {
      const fresh = numbers.map(() => secureRandom(16));
      return { byParty: byParty.map((own) => own.map((seed) => fresh[seed]!)) };
    },
    correction(given, offset, words) {
      const parts = numbers.map((seed) => {
        const holder = byParty.findIndex((own) => own.includes(seed));
        const part = new Uint8Array(words.length);
        expand(given.byParty[holder]![byParty[holder]!.indexOf(seed)]!, offset, part);
        return part;
      });
      return addWords([words], parts);
    },
    keepsCorrection,
    combine: (parts, wordBytes) => addWords(parts.slice(0, computing), [], wordBytes),
  };
}
