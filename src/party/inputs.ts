/** The driver's own inputs to one run, as they arrive at a party: seeds and correction words in plan order. Not checked for equality with the peers', see pieces.ts. */
import { createHash } from "node:crypto";
import { InputError } from "../errors.js";
import type { PlanInput } from "../plan/index.js";
import type { ProtocolDefinition, Sharing, StoredShare } from "../protocol/index.js";
import type { Pieces } from "./pieces.js";

export const SEED_BYTES = 16;

export interface RunInput {
  readonly words: number;
  readonly stored: StoredShare;
  readonly pieces: Pieces;
}

/** How many seeds a party gets of one sharing. */
export function seedsAt({ sharing }: ProtocolDefinition, self: number): number {
  let counts = seedCounts.get(sharing);
  if (!counts) {
    counts = sharing.freshSeeds().byParty.map((seeds) => seeds.length);
    seedCounts.set(sharing, counts);
  }
  return counts[self]!;
}
/** Asked for every query of a served model, and read off fresh seeds. */
const seedCounts = new WeakMap<Sharing, readonly number[]>();

/** Cuts the body of a run request into the inputs of the plan. The body is kept. */
export function readInputs(
  inputs: readonly PlanInput[],
  seeds: number,
  keepsCorrection: boolean,
  body: Uint8Array,
): Map<string, RunInput> {
  const expected = inputs.reduce((sum, { words }) => sum + seeds * SEED_BYTES + (keepsCorrection ? words * 8 : 0), 0);
  if (body.length !== expected)
    throw new InputError(
      `run: expected ${expected} bytes for ${inputs.length} inputs, got ${body.length}; try sharing the plan's inputs in order`,
    );
  const result = new Map<string, RunInput>();
  let at = 0;
  const take = (bytes: number): Uint8Array => {
    at += bytes;
    return body.subarray(at - bytes, at);
  };
  for (const { slot, words } of inputs) {
    const own = Array.from({ length: seeds }, () => take(SEED_BYTES));
    const correction = keepsCorrection ? take(words * 8) : undefined;
    result.set(slot, {
      words,
      stored: correction
        ? {
            seeds: own,
            correction: (offset, target) => target.set(correction.subarray(offset * 8, offset * 8 + target.length)),
          }
        : { seeds: own },
      pieces: { seeds: own, correction: correction && createHash("sha256").update(correction).digest() },
    });
  }
  return result;
}
