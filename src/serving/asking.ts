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

/** Asks, and asks again up to `retries` times where that can help, unless `over`. `waiting` is told why, before each pause. */
export async function askAgain<T>(
  retries: number,
  over: () => boolean,
  ask: () => Promise<T>,
  waiting?: (error: UnavailableError) => void,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof UnavailableError) || attempt >= retries || over()) throw error;
      waiting?.(error);
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
    }
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
