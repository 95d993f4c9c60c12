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
  readonly closing: Closing;
}

/**
 * Asks, and asks again where that can help, unless it is `closing`. `ask` gets the pause that the last error named, to be made before it asks
 * the same party again; the first time there is none.
 */
export async function askAgain<T>(
  { retries, timeoutMs, closing }: AskingOptions,
  ask: (pause: () => Promise<void>) => Promise<T>,
): Promise<T> {
  let ms = 0;
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask(() => closing.pause(ms));
    } catch (error) {
      if (!(error instanceof UnavailableError) || attempt >= retries || closing.began) throw error;
      ms = Math.min(error.retryAfterMs, timeoutMs);
    }
  }
}

/** Whether a model is closed; ends pauses. Not an AbortSignal, of which Node expects ten listeners at most. */
export class Closing {
  readonly #stops = new Set<(reason: Error) => void>();
  #reason: Error | undefined;

  get began(): boolean {
    return this.#reason !== undefined;
  }
  begin(reason: Error): void {
    this.#reason ??= reason;
    for (const stop of this.#stops) stop(reason);
  }
  /** Rejects with the reason if it begins before. */
  pause(ms: number): Promise<void> {
    if (this.#reason) return Promise.reject(this.#reason);
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (reason?: Error) => {
        clearTimeout(timer);
        this.#stops.delete(end);
        if (reason) reject(reason);
        else resolve();
      };
      const timer = setTimeout(end, ms);
      this.#stops.add(end);
    });
  }
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
