/**
 * Releases: the ways in which many rows become one number that may be revealed. Not reveal() itself, which gives a value
 * as it is and needs the owners' consent to exactly that.
 */

import { checkOptions } from "../options.js";
import { decode } from "../ring/index.js";
import { refuseArguments, type Tensor } from "../tensor/index.js";

/** A number that can be revealed under a grant for this release. */
export interface Release {
  reveal(...none: readonly never[]): Promise<number>;
}

/** How many of the secret bits [n], one a row, are 1. */
export function count(bits: Tensor): Release {
  return {
    async reveal(...none: readonly never[]) {
      refuseArguments(none);
      const { words } = await bits.graph.reveal(bits.ref, { release: "count" });
      return Number(words[0]);
    },
  };
}

/**
 * The mean of a loss over the rows of a batch, each row's loss clamped to [0, limit] so that no single row can dominate
 * it. Takes a loss of `nn` or a tensor of one number a row.
 */
export function meanLoss(loss: Tensor & { readonly rows?: Tensor }, options: { limit?: number } = {}): Release {
  checkOptions("meanLoss", options, { limit: true });
  const rows = loss.rows ?? loss;
  return {
    async reveal(...none: readonly never[]) {
      refuseArguments(none);
      const { words, scale } = await rows.graph.reveal(rows.ref, { release: "meanLoss", limit: options.limit ?? 16 });
      return decode(words, scale)[0]! / rows.size;
    },
  };
}
