/**
 * One group of parties behind a broker, as a client sees it: its certified keys, its facts, its queries, and whether it is still
 * there. Not which group is asked, see scaled-model.ts.
 */
import { createHash } from "node:crypto";
import { FrameError, UnavailableError } from "../errors.js";
import type { Broker } from "../net/index.js";
import { secureRandom } from "../random/index.js";
import { checkFacts } from "../serving/prediction.js";
import {
  credentialOf,
  decodeFromParty,
  encodeHello,
  encodeQuery,
  type FromParty,
  ID_BYTES,
  type ModelFacts,
  refusalError,
} from "../serving/wire.js";
import { groupId } from "./invitation.js";
import {
  contextOf,
  decodeAnswer,
  decodeReply,
  encodeJob,
  encodeQuestion,
  jobSubject,
  keyStartOf,
  keySubject,
  LONGEST_VALID_MS,
} from "./messages.js";
import { seal } from "./seal.js";
import { type CertifiedKey, checkSealingKey, type Place, SKEW_MS } from "./sealing-key.js";

export interface GroupOptions {
  readonly broker: Broker;
  /** Of the parties that compute, in order. */
  readonly pins: readonly string[];
  readonly model: string;
  readonly token: string;
  readonly timeoutMs: number;
}
/** What is known of one party. */
interface Known {
  readonly key: CertifiedKey;
  readonly hello: Uint8Array;
  readonly facts: ModelFacts;
  /** SHA-256 of its welcome: it serves what it did then. */
  readonly welcome: Uint8Array;
}

/** Between two looks whether parties are still there, while they owe answers. */
const WATCH_MS = 500;
/** For what needs no computing. */
const PATIENCE_MS = 5_000;

export class Group {
  readonly #options: GroupOptions;
  readonly #places: readonly Place[];
  readonly #asked = new Set<(error: Error) => void>();
  #known: Promise<readonly Known[]> | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: GroupOptions) {
    this.#options = options;
    const group = groupId(options.pins);
    this.#places = options.pins.map((_, party) => ({ group, party }));
  }

  /** For people. */
  get name(): string {
    return this.#places[0]!.group.slice(0, 8);
  }

  /** Equal at all parties. Throws PolicyError for a wrong token, HandshakeError for keys that are not certified. */
  async facts(): Promise<ModelFacts> {
    const [first] = await this.#parties();
    return first!.facts;
  }

  /** Each party's part of the answer. Rejects with UnavailableError where another group can help. */
  async ask(parts: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const parties = await this.#parties();
    const id = secureRandom(ID_BYTES);
    return this.#watched(
      Promise.all(
        parties.map(async ({ key, hello, welcome }, party) => {
          const query = encodeQuery({ id, part: parts[party]! });
          const bytes = await this.#job(party, key, encodeQuestion(hello, query), this.#options.timeoutMs);
          const reply = decodeReply(bytes);
          const message = decodeFromParty(reply.message, this.#name(party));
          if (message.type === "refusal") throw this.#refusal(message, party);
          if (message.type !== "answer" || Buffer.compare(message.id, id) !== 0)
            throw new FrameError(`${this.#name(party)}: expected an answer to this query, got another`);
          if (Buffer.compare(reply.welcome, welcome) !== 0) throw this.#forget("a model that was deployed anew");
          return message.part;
        }),
      ),
    );
  }

  close(error: Error): void {
    clearInterval(this.#watch);
    for (const reject of [...this.#asked]) reject(error);
  }

  #parties(): Promise<readonly Known[]> {
    if (!this.#known) {
      const known = this.#meet();
      this.#known = known;
      known.catch(() => {
        if (this.#known === known) this.#known = undefined;
      });
    }
    return this.#known.then((parties) => {
      if (parties.every(({ key }) => key.until > Date.now())) return parties;
      this.#known = undefined;
      return this.#parties();
    });
  }

  /** Keys of all first, then their welcomes. */
  async #meet(): Promise<readonly Known[]> {
    const { broker, pins, model, token } = this.#options;
    const keys = await Promise.all(
      this.#places.map(async (place, party) =>
        checkSealingKey(
          await broker.request(keySubject(place), new Uint8Array(), PATIENCE_MS),
          pins[party]!,
          place,
          Date.now(),
        ),
      ),
    );
    const known = await Promise.all(
      keys.map(async (key, party) => {
        const hello = encodeHello({ model, credential: await credentialOf(token, party) });
        const bytes = await this.#job(party, key, encodeQuestion(hello, undefined), PATIENCE_MS);
        const message = decodeFromParty(bytes, this.#name(party));
        if (message.type === "refusal") throw refusalError(message, this.#name(party));
        if (message.type !== "welcome") throw new FrameError(`${this.#name(party)}: expected a welcome, got another`);
        return { key, hello, facts: message.facts, welcome: createHash("sha256").update(bytes).digest() };
      }),
    );
    checkFacts(
      known.map(({ facts }) => facts),
      pins.length,
      model,
    );
    return known;
  }

  /** Seals for one party, opens its answer. */
  async #job(party: number, { publicKey }: CertifiedKey, question: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { broker, model } = this.#options;
    const place = this.#places[party]!;
    // Not the query's: who knows that could ask in its place.
    const id = secureRandom(ID_BYTES);
    const expires = Date.now() + Math.min(timeoutMs + SKEW_MS, LONGEST_VALID_MS - SKEW_MS);
    const { message, open } = seal(publicKey, contextOf({ id, model, expires }, place), question);
    const job = encodeJob({ id, model, expires, keyStart: keyStartOf(publicKey), sealed: message });
    const bytes = await broker.request(jobSubject(place), job, timeoutMs);
    let answer: ReturnType<typeof decodeAnswer>;
    try {
      answer = decodeAnswer(bytes);
      if (typeof answer !== "string") return open(answer);
    } catch (cause) {
      // Whoever carries messages can change them; what they say instead is nobody's word.
      throw new UnavailableError(
        `${this.#name(party)}: expected its answer to this job, got another or a changed one; try again`,
        100,
        { cause },
      );
    }
    if (answer === "stale") throw this.#forget("a key that it has replaced");
    throw new UnavailableError(
      `${this.#name(party)}: expected it to open the job, got told that it is ${answer}; try again`,
      100,
    );
  }

  #refusal(message: FromParty & { type: "refusal" }, party: number): Error {
    // Also what this client was told when it said hello may be over: a token, the model.
    if (message.reason === "unauthorized") this.#known = undefined;
    return refusalError(message, this.#name(party));
  }

  /** The next query begins with fresh keys and facts. */
  #forget(got: string): UnavailableError {
    this.#known = undefined;
    return new UnavailableError(`model: expected a group as it was, got ${got}; try again`, 0);
  }

  #watched<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        this.#asked.delete(reject);
        if (this.#asked.size === 0) this.#rest();
        settle();
      };
      this.#asked.add(reject);
      this.#watch ??= setInterval(() => void this.#look(), WATCH_MS);
      work.then(
        (value) => end(() => resolve(value)),
        (error: Error) => end(() => reject(error)),
      );
    });
  }
  #rest(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  /** A party that is gone sends no refusal. */
  async #look(): Promise<void> {
    try {
      await Promise.all(
        this.#places.map((place) => this.#options.broker.request(keySubject(place), new Uint8Array(), PATIENCE_MS)),
      );
    } catch (error) {
      this.#known = undefined;
      for (const reject of [...this.#asked]) reject(error as Error);
    }
  }

  #name(party: number): string {
    return `party ${party} of group ${this.name}`;
  }
}
