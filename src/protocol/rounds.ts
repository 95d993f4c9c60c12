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
}

/** A computation that takes rounds. The number of yields depends on public structure only, and is equal at all parties. */
export type Rounds<T> = Generator<Exchange, T, void>;

/** A result that needed no round. */
// biome-ignore lint/correctness/useYield: that is what it is for
export function* atOnce<T>(value: T): Rounds<T> {
  return value;
}

/**
 * Runs siblings side by side: round r of the result is the union of their r-th rounds, in the order of the array.
 * Rounds: the maximum of the siblings'.
 */
export function* parallel<T>(siblings: readonly Rounds<T>[]): Rounds<T[]> {
  const results = new Array<T>(siblings.length);
  let running = siblings.map((rounds, index) => ({ rounds, index }));
  for (;;) {
    const send: Transfer[] = [];
    const receive: Transfer[] = [];
    const waiting: typeof running = [];
    for (const sibling of running) {
      const step = sibling.rounds.next();
      if (step.done) results[sibling.index] = step.value;
      else {
        send.push(...step.value.send);
        receive.push(...step.value.receive);
        waiting.push(sibling);
      }
    }
    if (waiting.length === 0) return results;
    running = waiting;
    yield { send, receive };
  }
}
