/**
 * The cost algebra: rounds and payload bytes of a computation, per party. Not a measurement: costs are declared by
 * closed formulas and the conformance suite asserts that the traffic equals them exactly.
 */

/** `bytes[i]` is what party i sends to its peers, payload only (a frame adds a fixed header). */
export interface Cost {
  readonly rounds: number;
  readonly bytes: readonly number[];
}

export function freeOfCharge(parties: number): Cost {
  return { rounds: 0, bytes: new Array<number>(parties).fill(0) };
}

/** One after the other: rounds and bytes add. */
export function inSequence(...costs: readonly Cost[]): Cost {
  return combine(costs, (a, b) => a + b);
}

/** Side by side: the longest decides the rounds, bytes add. */
export function sideBySide(...costs: readonly Cost[]): Cost {
  return combine(costs, Math.max);
}

function combine(costs: readonly Cost[], rounds: (a: number, b: number) => number): Cost {
  const parties = Math.max(...costs.map((cost) => cost.bytes.length));
  const bytes = new Array<number>(parties).fill(0);
  let total = 0;
  for (const cost of costs) {
    total = rounds(total, cost.rounds);
    for (let i = 0; i < cost.bytes.length; i++) bytes[i] = bytes[i]! + cost.bytes[i]!;
  }
  return { rounds: total, bytes };
}
