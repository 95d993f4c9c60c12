/**
 * How a party answers what comes through a broker: offers its group, opens jobs sealed for it, has the gate answer them, seals the answers. Not who may
 * ask what, which the gate decides as for clients that connect to it, and not what becomes of a query.
 */
import { createHash } from "node:crypto";
import { SecretgradError } from "../errors.js";
import type { Broker, Identity, WebClient, WebHandlers } from "../net/index.js";
import { encodeRefusal, isWelcome } from "../serving/wire.js";
import {
  AROUND,
  contextOf,
  decodeJob,
  decodeQuestion,
  encodeReply,
  encodeSealedAnswer,
  encodeUnopened,
  type Job,
  jobSubject,
  keySubject,
  LONGEST_VALID_MS,
  NO_WELCOME,
  offerSubject,
  QUEUE,
} from "./messages.js";
import { unseal } from "./seal.js";
import { MOST_QUERIES, type OwnKey, type Place, SealingKeys } from "./sealing-key.js";

export interface ResponderOptions {
  readonly broker: Broker;
  readonly identity: Identity;
  readonly place: Place;
  /** A client has connected: what it says comes to the handlers. */
  connected(client: WebClient): WebHandlers;
  /** Models that this party serves now, with the bytes of what they say at most; none while its group cannot answer. */
  models(): readonly { readonly name: string; readonly bytes: number }[];
  /** A job was refused, by whomever it was sent: no more than a count. */
  denied(reason: "malformed" | "busy"): void;
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
  /** Models that the broker cannot carry, once said. */
  readonly #large = new Set<string>();
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
    const { broker, place, models, warn } = this.#options;
    // Not known while there is no server, and then nobody asks.
    if (broker.largest === 0) return;
    const served = new Set<string>();
    for (const model of models()) {
      const { name, bytes } = model;
      if (this.#carried(model)) served.add(name);
      else if (!this.#large.has(name)) {
        this.#large.add(name);
        warn("model not offered", { model: name, needs: bytes + AROUND, carried: broker.largest, try: "max_payload" });
      }
    }
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

  #carried({ bytes }: { readonly bytes: number }): boolean {
    return bytes + AROUND <= this.#options.broker.largest;
  }

  async #answer(bytes: Uint8Array): Promise<Uint8Array> {
    const { place, denied, warn, broker } = this.#options;
    if (this.#jobs >= MOST_JOBS) {
      denied("busy");
      return encodeUnopened("busy");
    }
    this.#jobs++;
    try {
      const job = decodeJob(bytes);
      const key = this.#keys.find(job.keyStart);
      if (!key) return encodeUnopened("stale");
      const left = job.expires - Date.now();
      if (left <= 0 || left > LONGEST_VALID_MS) return encodeUnopened("expired");
      if (key.opened.has(hexOf(job.id))) return encodeUnopened("repeated");
      const { plaintext, seal } = unseal(key, contextOf(job, place), job.sealed);
      const { hello, query } = decodeQuestion(plaintext);
      const answer = encodeSealedAnswer(seal(await this.#ask(hello, query, () => this.#objection(job, key))));
      // Whatever the query was counted for: silence would have it asked again.
      if (answer.length <= broker.largest) return answer;
      return encodeSealedAnswer(seal(query ? encodeReply(NO_WELCOME, tooLarge) : tooLarge));
    } catch (error) {
      denied("malformed");
      if (!(error instanceof SecretgradError)) warn("job failed", { message: String(error) });
      return encodeUnopened("changed");
    } finally {
      this.#jobs--;
    }
  }

  /** Why a query of a client with a right token gets no answer; without a reason its job is taken, once. */
  #objection({ id, model }: Job, { opened }: OwnKey): Uint8Array | undefined {
    const served = this.#options.models().find(({ name }) => name === model);
    if (served && !this.#carried(served)) return tooLarge;
    if (opened.size >= MOST_QUERIES) return busy;
    opened.add(hexOf(id));
    return undefined;
  }

  /** As if a client had connected, said hello, asked once if nothing is to be said against it, and gone. */
  #ask(hello: Uint8Array, query: Uint8Array | undefined, objection: () => Uint8Array | undefined): Promise<Uint8Array> {
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
      if (!query || over) return;
      const refusal = objection();
      if (refusal) reply(refusal);
      else handlers.message(query);
    });
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const digestOf = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const gone = encodeRefusal({
  reason: "unavailable",
  retryAfterMs: 100,
  text: "query: expected a party that goes on, got one that shuts down",
});
const busy = encodeRefusal({
  reason: "busy",
  retryAfterMs: 1000,
  text: `query: expected at most ${MOST_QUERIES} with one sealing key, got more; try later`,
});
const tooLarge = encodeRefusal({
  reason: "large",
  retryAfterMs: 0,
  text: "query: expected an answer that the broker carries, got a longer one; try max_payload in the server's configuration",
});
