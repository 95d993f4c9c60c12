/** A driver's own inputs to one run, shared on the driver's machine. Not datasets, which owners upload once. */
import { InputError } from "../errors.js";
import { type Plan, planInputs } from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import type { Closing } from "../tensor/index.js";

/** The body of each party's run call: for each input slot of the plan, in order, its seeds and, if it keeps one, the correction. */
export function shareInputs(
  { sharing, parties }: ProtocolDefinition,
  plan: Plan,
  feeds: Closing["feeds"],
): Uint8Array[] {
  const chunks: Uint8Array[][] = Array.from({ length: parties }, () => []);
  for (const { slot, words } of planInputs(plan)) {
    const feed = feeds.find((candidate) => candidate.slot === slot);
    if (feed?.words.length !== words)
      throw new InputError(`input ${slot}: expected ${words} words, got ${feed?.words.length ?? "none"}`);
    const seeds = sharing.freshSeeds();
    const bytes = new Uint8Array(feed.words.buffer, feed.words.byteOffset, feed.words.byteLength);
    const correction = sharing.correction(seeds, 0, bytes);
    chunks.forEach((list, party) => {
      list.push(...seeds.byParty[party]!);
      if (sharing.keepsCorrection[party]) list.push(correction);
    });
  }
  return chunks.map((list) => Buffer.concat(list));
}
