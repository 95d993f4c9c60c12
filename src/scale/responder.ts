/**
 * How a party answers what comes through a broker: offers its group, opens jobs sealed for it, has the gate answer them, seals the answers. Not who may
 * ask what, which the gate decides as for clients that connect to it, and not what becomes of a query.
 */
import { createHash } from "node:crypto";
import { SecretgradError } from "../errors.js";
import type { Broker, Identity, WebClient, WebHandlers } from "../net/index.js";
import { encodeRefusal, isWelcome } from "../serving/wire.js";
import {
  contextOf,
  decodeJob,
  decodeQuestion,
  encodeReply,
  encodeSealedAnswer,
  encodeUnopened,
  jobSubject,
  keySubject,
  LONGEST_VALID_MS,
  NO_WELCOME,
  offerSubject,
  QUEUE,
} from "./messages.js";
import { unseal } from "./seal.js";
import { type Place, SealingKeys } from "./sealing-key.js";

export interface ResponderOptions {
  readonly broker: Broker;
  readonly identity: Identity;
  readonly place: Place;
  /** A client has connected: what it says comes to the handlers. */
  connected(client: WebClient): WebHandlers;
  /** Names of models that this party serves now; none while its group cannot answer. */
  models(): readonly string[];
  warn(message: string, facts: Readonly<Record<string, unknown>>): void;
}

/** Between two looks at what is served. */
const LOOK_MS = 100;
/** Unanswered; more are refused. */
const MOST_JOBS = 2048;

export class Responder {
  readonly #options: ResponderOptions;
  readonly #keys: SealingKeys;
  readonly #offers = new Map<string, () => void>();
  readonly #ends: (() => void)[];
  readonly #look: NodeJS.Timeout | undefined;
  #jobs = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    const { broker, identity, place } = options;
    this.#keys = new SealingKeys(identity, place);
    this.#ends = [
      broker.answer(keySubject(place), () => this.#keys.current.certificate),
      broker.answer(jobSubject(place), (bytes) => this.#answer(bytes)),
    ];
    // One party speaks for its group: the one that makes the batches.
    if (place.party === 0) this.#look = setInterval(() => this.#renew(), LOOK_MS).unref();
  }

  /** Offers the group no more. Jobs that come are still answered, until `close`. */
  withdraw(): void {
    clearInterval(this.#look);
    for (const end of this.#offers.values()) end();
    this.#offers.clear();
  }

  close(): void {
    this.withdraw();
    for (const end of this.#ends) end();
  }

  #renew(): void {
    const { broker, place, models } = this.#options;
    const served = new Set(models());
    for (const [model, end] of this.#offers)
      if (!served.has(model)) {
        end();
        this.#offers.delete(model);
      }
    for (const model of served)
      if (!this.#offers.has(model))
        this.#offers.set(
          model,
          broker.answer(offerSubject(model), () => Buffer.from(place.group), QUEUE),
        );
  }

  async #answer(bytes: Uint8Array): Promise<Uint8Array> {
    const { place, warn } = this.#options;
    if (this.#jobs >= MOST_JOBS) return encodeUnopened("busy");
    this.#jobs++;
    try {
      const job = decodeJob(bytes);
      const key = this.#keys.find(job.keyStart);
      if (!key) return encodeUnopened("stale");
      const left = job.expires - Date.now();
      if (left <= 0 || left > LONGEST_VALID_MS) return encodeUnopened("expired");
      const id = Buffer.from(job.id).toString("hex");
      if (key.opened.has(id)) return encodeUnopened("repeated");
      const { plaintext, seal } = unseal(key, contextOf(job, place), job.sealed);
      // Only now: nobody else can use an id up.
      key.opened.add(id);
      return encodeSealedAnswer(seal(await this.#ask(plaintext)));
    } catch (error) {
      const known = error instanceof SecretgradError;
      warn("job refused", { message: known ? error.message : `an internal error: ${error}` });
      return encodeUnopened("changed");
    } finally {
      this.#jobs--;
    }
  }

  /** As if a client had connected, said hello, asked once, and gone. */
  #ask(plaintext: Uint8Array): Promise<Uint8Array> {
    const { hello, query } = decodeQuestion(plaintext);
    return new Promise((resolve) => {
      let welcome: Uint8Array | undefined;
      let over = false;
      const end = (answer: Uint8Array) => {
        if (over) return;
        over = true;
        resolve(answer);
        // After the gate has finished what it does now.
        setImmediate(() => handlers.closed());
      };
      const reply = (message: Uint8Array) =>
        end(query ? encodeReply(welcome ? digestOf(welcome) : NO_WELCOME, message) : message);
      const handlers = this.#options.connected({
        unsent: 0,
        send(message) {
          if (query && welcome === undefined && isWelcome(message)) welcome = message;
          else reply(message);
        },
        close: () => reply(gone),
      });
      handlers.message(hello);
      if (query && !over) handlers.message(query);
    });
  }
}

const digestOf = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const gone = encodeRefusal({
  reason: "unavailable",
  retryAfterMs: 100,
  text: "query: expected a party that goes on, got one that shuts down",
});
