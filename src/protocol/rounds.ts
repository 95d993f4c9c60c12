/**
 * Protocol code as generator functions that do no I/O: a `yield` hands out what this party sends and expects in one
 * round and resumes when every expected word has arrived in its place. Not the scheduler: `engine/` turns exchanges
 * into frames.
 *
 * `yield*` composes in sequence; `parallel` composes side by side, sharing rounds.
 */
import type { Block } from "../ring/index.js";

/** `bytes` bytes of `block`, from byte `offset`, to or from a peer (by index). */
export interface Transfer {
  readonly peer: number;
  readonly block: Block;
  readonly bytes: number;
  readonly offset?: number;
}

/** One round of one party. Several transfers with the same peer are concatenated in the order given. */
export interface Exchange {
  readonly send: readonly Transfer[];
  readonly receive: readonly Transfer[];
  /**
   * Nobody but a dealer sends anything, at any party. Since a dealer waits for nobody, what it sends has been on its way all the
   * time: a delivery is no round, and others do not wait for it.
   */
  readonly delivery?: true;
}

/** A computation that takes rounds. The yields, and which of them are deliveries, depend on public structure only, and are equal at all parties. */
export type Rounds<T> = Generator<Exchange, T, void>;

/** A result that needed no round. */
// biome-ignore lint/correctness/useYield: that is what it is for
export function* atOnce<T>(value: T): Rounds<T> {
  return value;
}

/**
 * Runs siblings side by side: round r of the result is the union of their r-th rounds, in the order of the array; deliveries
 * come in between. Rounds: the maximum of the siblings'.
 */
export function* parallel<T>(siblings: readonly Rounds<T>[]): Rounds<T[]> {
  const results = new Array<T>(siblings.length);
  const standing = siblings.map((rounds) => ({ rounds, at: rounds.next() }));
  for (;;) {
    const exchanges: Exchange[] = [];
    standing.forEach(({ at }, index) => {
      if (at.done) results[index] = at.value;
      else exchanges.push(at.value);
    });
    if (exchanges.length === 0) return results;
    const turn = inTurn(exchanges, (exchange) => exchange);
    yield {
      send: turn.flatMap(({ send }) => send),
      receive: turn.flatMap(({ receive }) => receive),
      ...(turn[0]!.delivery ? { delivery: true } : {}),
    };
    for (const sibling of standing)
      if (!sibling.at.done && turn.includes(sibling.at.value)) sibling.at = sibling.rounds.next();
  }
}

/** Of those that stand at an exchange the ones whose turn it is: deliveries, which need not be waited for, else all. */
export function inTurn<T>(standing: readonly T[], exchangeOf: (one: T) => Exchange): readonly T[] {
  const deliveries = standing.filter((one) => exchangeOf(one).delivery);
  return deliveries.length > 0 ? deliveries : standing;
}
