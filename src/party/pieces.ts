/**
 * How two parties make sure that they got the same pieces of an outsider's sharing: tags under a key that only those two
 * have. Not a check of what is shared; a client who gives two parties different seeds could else steer errors into results.
 *
 * Only pieces that both hold enter a tag: a hash of the correction would tell a party with both seeds too much.
 */
import { createHmac } from "node:crypto";
import type { ProtocolDefinition } from "../protocol/index.js";

/** What one party holds of one sharing. */
export interface Pieces {
  readonly seeds: readonly Uint8Array[];
  /** A hash of the correction, if this party keeps it. */
  readonly correction: Uint8Array | undefined;
}

/** Which seeds a party has in common with each peer, and whether both keep the correction. */
export class CommonPieces {
  readonly #seeds: readonly (readonly number[])[];
  readonly #corrections: readonly boolean[];

  /** Reads it off a fresh sharing, so that it holds for every protocol. */
  constructor({ sharing }: ProtocolDefinition, self: number) {
    const { byParty } = sharing.freshSeeds();
    const own = byParty[self]!;
    // In the order of the lower index, so that both ends list the same pieces in the same order.
    this.#seeds = byParty.map((theirs, peer) => {
      const [first, second] = self < peer ? [own, theirs] : [theirs, own];
      const pairs = first.flatMap((seed, i) => {
        const j = second.findIndex((other) => Buffer.compare(seed, other) === 0);
        return j < 0 ? [] : [self < peer ? i : j];
      });
      return peer === self ? [] : pairs;
    });
    this.#corrections = byParty.map((_, peer) =>
      Boolean(sharing.keepsCorrection[self] && sharing.keepsCorrection[peer]),
    );
  }

  /** Equal at both ends if what they have in common is equal, and `label` too. */
  tag(peer: number, key: Uint8Array, label: string, sharings: readonly Pieces[]): string {
    const hmac = createHmac("sha256", key).update(label);
    for (const { seeds, correction } of sharings) {
      for (const index of this.#seeds[peer]!) hmac.update(seeds[index]!);
      if (this.#corrections[peer]) hmac.update(correction!);
    }
    return hmac.digest("hex");
  }
}
