/** What asking a served model is, however its parties are reached; asking again, and how much at a time. Not the asking itself. */
import { UnavailableError } from "../errors.js";
import type { ModelInput, Prediction } from "./prediction.js";
import type { ModelFacts } from "./wire.js";

/** A model that others serve, ready to be asked. */
export interface ServedModel {
  /** Public facts: shapes, protocol, class names. */
  readonly facts: ModelFacts;
  /**
   * The model's answer to one input of shape `facts.input`, or that many numbers in row-major order. The input leaves this
   * process only in shares; nobody but the caller learns the answer.
   *
   * Throws ShapeError for another shape, ScaleError for numbers out of range, PolicyError when the allowance is used up, and
   * UnavailableError when asking again can help; a query counts even if its answer is lost.
   */
  predict(input: ModelInput): Promise<Prediction>;
  /** The same for many inputs at once, which the parties evaluate together. */
  predictAll(inputs: readonly ModelInput[]): Promise<Prediction[]>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface AskingOptions {
  /** How often it is asked again. */
  readonly retries: number;
  /** The longest pause: whoever is asked names it, and may be hostile. */
  readonly timeoutMs: number;
  /** Ends pauses, with its reason. */
  readonly signal: AbortSignal;
}

/**
 * Asks, and asks again where that can help, until `signal`. `ask` gets the pause that the last error named, to be made before it asks
 * the same party again; the first time there is none.
 */
export async function askAgain<T>(
  { retries, timeoutMs, signal }: AskingOptions,
  ask: (pause: () => Promise<void>) => Promise<T>,
): Promise<T> {
  let ms = 0;
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask(() => pause(ms, signal));
    } catch (error) {
      if (!(error instanceof UnavailableError) || attempt >= retries || signal.aborted) throw error;
      ms = Math.min(error.retryAfterMs, timeoutMs);
    }
  }
}

/** Not of node:timers, which browsers lack. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Parties end a connection on which more is asked than they allow. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  /** Runs `work` when fewer than `most` others are under way. */
  async take<T>(most: number, work: () => Promise<T>): Promise<T> {
    while (this.#taken >= most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#taken++;
    try {
      return await work();
    } finally {
      this.#taken--;
      this.#waiting.shift()?.();
    }
  }
}
