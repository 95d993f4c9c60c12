/**
 * What carries requests between programs that do not know each other's addresses, by subject: the interface, and a broker in
 * this process. Not NATS, see nats.ts, and not what is said: whoever runs a broker reads, drops, repeats and invents messages.
 */
import { UnavailableError } from "../errors.js";

export type Answerer = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;

export interface Broker {
  /** Bytes of the longest message that it carries; 0 while that is not known. */
  readonly largest: number;
  /**
   * Resolves with the first answer. Rejects with UnavailableError, at once if nobody answers this subject, or if no answer came
   * within `timeoutMs`; with InputError for a message longer than this broker carries.
   */
  request(subject: string, message: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /**
   * Answers requests from now on, until what it returns is called. Of those that answer a subject with the same `queue`, one
   * gets each request, whichever the broker picks. A request whose answerer throws, or says more than `largest`, has no answer.
   */
  answer(subject: string, answerer: Answerer, queue?: string): () => void;
  close(): Promise<void>;
}

/** Where nobody answers: soon somebody may. */
export const NOBODY_MS = 100;
export const nobody = (subject: string): UnavailableError =>
  new UnavailableError(`broker: expected somebody to answer ${subject}, got nobody; try later`, NOBODY_MS);
export const tooLate = (subject: string, ms: number): UnavailableError =>
  new UnavailableError(`broker: expected an answer to ${subject} within ${ms} ms, got none; try again`, NOBODY_MS);

interface Place {
  readonly answerer: Answerer;
  readonly queue: string | undefined;
}

/** For groups in one process: no server, no network, the same rules. */
export class EmbeddedBroker implements Broker {
  readonly largest: number = Number.POSITIVE_INFINITY;
  readonly #places = new Map<string, Set<Place>>();
  #turn = 0;

  async request(subject: string, message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const chosen = this.#choose(subject);
    if (chosen.length === 0) throw nobody(subject);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(tooLate(subject, timeoutMs)), timeoutMs);
      // In a later turn, and with bytes of its own, as over a network.
      for (const { answerer } of chosen)
        setImmediate(async () => {
          try {
            const answer = Uint8Array.from(await answerer(Uint8Array.from(message)));
            clearTimeout(timer);
            resolve(answer);
          } catch {
            // No answer.
          }
        });
    });
  }

  answer(subject: string, answerer: Answerer, queue?: string): () => void {
    const place = { answerer, queue };
    const places = this.#places.get(subject) ?? new Set();
    this.#places.set(subject, places.add(place));
    return () => {
      places.delete(place);
    };
  }

  /** Others in this process go on. */
  async close(): Promise<void> {}

  /** One of each queue, in turns, and all that are in none. */
  #choose(subject: string): Place[] {
    const byQueue = new Map<string, Place[]>();
    const chosen: Place[] = [];
    for (const place of this.#places.get(subject) ?? [])
      if (place.queue === undefined) chosen.push(place);
      else byQueue.set(place.queue, [...(byQueue.get(place.queue) ?? []), place]);
    for (const places of byQueue.values()) chosen.push(places[this.#turn++ % places.length]!);
    return chosen;
  }
}
