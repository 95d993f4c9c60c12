/**
 * How an outsider's words are split among the parties, as a table by protocol: which party gets which seeds, and who keeps the
 * correction. Pure, so that browsers split by this very table; what draws the seeds and expands them is in sharing.ts and, for
 * browsers, in src/browser.
 *
 * Words x become as many parts as there are seeds, E(s_0), E(s_1), …, and one more, the correction c = x - E(s_0) - E(s_1) - ….
 */
import { InputError } from "../errors.js";

export interface Split {
  /** How many seeds there are. */
  readonly seeds: number;
  /** The numbers of the seeds that each member gets, in the order in which it gets them. */
  readonly byParty: readonly (readonly number[])[];
  readonly keepsCorrection: readonly boolean[];
  /** The first so many members hold parts; a dealer comes after them. */
  readonly computing: number;
}

/** rep3: of three parts, each party holds two. */
export const replicated: Split = {
  seeds: 2,
  byParty: [[0, 1], [1], [0]],
  keepsCorrection: [false, true, true],
  computing: 3,
};

/** additive-N: each party holds one part, the last one the correction; the dealer has nothing. */
export function additiveSplit(count: number): Split {
  const members = Array.from({ length: count + 1 }, (_, member) => member);
  return {
    seeds: count - 1,
    byParty: members.map((member) => (member < count - 1 ? [member] : [])),
    keepsCorrection: members.map((member) => member === count - 1),
    computing: count,
  };
}

/** Of a protocol that hides its input. Throws InputError for other names. */
export function splitNamed(protocol: string): Split {
  if (protocol === "rep3") return replicated;
  const count = Number(/^additive-([2-9]|1[0-5])(-fss)?(-dealt)?$/.exec(protocol)?.[1]);
  if (count) return additiveSplit(count);
  throw new InputError(
    `protocol: expected rep3 or additive-2 to additive-15, got ${JSON.stringify(protocol.slice(0, 32))}; try the same release`,
  );
}
