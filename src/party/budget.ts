/**
 * How much of this party's time each caller may take with work that nobody has agreed on: what is over is refused. Not a
 * schedule; the time is charged after the work.
 */
import { PolicyError } from "../errors.js";

/** Charged time is forgotten half as fast as time passes. */
const RECOVERY = 0.5;

export class Budget {
  readonly #limitMs: number;
  readonly #now: () => number;
  readonly #charged = new Map<string, { ms: number; at: number }>();

  /** `now` in milliseconds. */
  constructor(limitMs: number, now: () => number) {
    this.#limitMs = limitMs;
    this.#now = now;
  }

  /** Does the work and charges it to the caller. Throws PolicyError if earlier work has used the budget up. */
  spend<T>(caller: string, what: string, work: () => T): T {
    const now = this.#now();
    const before = this.#charged.get(caller);
    const ms = before ? Math.max(0, before.ms - RECOVERY * (now - before.at)) : 0;
    if (ms > this.#limitMs)
      throw new PolicyError(
        `${what}: expected at most ${this.#limitMs} ms of work for ${caller} at a time, got more; try again in ${Math.ceil((ms - this.#limitMs) / RECOVERY / 1000)} s`,
      );
    const started = performance.now();
    try {
      return work();
    } finally {
      this.#charged.set(caller, { ms: ms + performance.now() - started, at: now });
    }
  }
}
