/**
 * The cost algebra: rounds and payload bytes of a computation, per party. Not a measurement: costs are declared by
 * closed formulas and the conformance suite asserts that the traffic equals them exactly.
 */
import type { WordBytes } from "../ring/index.js";

/** `bytes[i]` is what party i sends to its peers, payload only (a frame adds a fixed header). */
export interface Cost {
  /** In which somebody but a dealer sends something. */
  readonly rounds: number;
  readonly bytes: readonly number[];
  /**
   * It begins with a delivery of the dealer, which is no round (see Exchange); where values are opened at the same time, it takes
   * one round more. Later deliveries are not told.
   */
  readonly delivery?: true;
}

export function freeOfCharge(parties: number): Cost {
  return { rounds: 0, bytes: new Array<number>(parties).fill(0) };
}

/** One after the other: rounds and bytes add. */
export function inSequence(...costs: readonly Cost[]): Cost {
  const rounds = costs.reduce((sum, cost) => sum + cost.rounds, 0);
  return { rounds, bytes: together(costs), ...(costs[0]?.delivery ? { delivery: true } : {}) };
}

/** Side by side: the longest decides the rounds, bytes add. */
export function sideBySide(...costs: readonly Cost[]): Cost {
  const rounds = costs.reduce((most, cost) => Math.max(most, cost.rounds), 0);
  const delivery = costs.some((cost) => cost.delivery && cost.rounds === rounds);
  return { rounds, bytes: together(costs), ...(delivery ? { delivery } : {}) };
}

/** What `cost` becomes when values are opened in its first exchange, which is a round then. */
export function opening(cost: Cost, ...opened: readonly Cost[]): Cost {
  return { rounds: cost.rounds + (cost.delivery ? 1 : 0), bytes: together([cost, ...opened]) };
}

function together(costs: readonly Cost[]): number[] {
  const parties = Math.max(...costs.map((cost) => cost.bytes.length));
  const bytes = new Array<number>(parties).fill(0);
  for (const cost of costs) for (let i = 0; i < cost.bytes.length; i++) bytes[i] = bytes[i]! + cost.bytes[i]!;
  return bytes;
}

/** Words of a ring, as formulas see them. */
export interface WordSize {
  readonly wordBytes: WordBytes;
  readonly wordBits: 64 | 32;
}

/** Both sets of formulas, each made once: costs are compared by identity. */
export function bySize<T>(make: (word: WordSize) => T): (wordBytes: WordBytes) => T {
  const [wide, narrow] = [make({ wordBytes: 8, wordBits: 64 }), make({ wordBytes: 4, wordBits: 32 })];
  return (wordBytes) => (wordBytes === 8 ? wide : narrow);
}
