/**
 * A served model at its client: shares inputs, asks all parties, adds up their answers. The same for Node and browsers, which
 * bring the sockets, the randomness and the splitting (`Platform`); not the message format, which is wire.ts.
 */
import { FrameError, SessionEndedError, UnavailableError } from "../errors.js";
import { askAgain, Closing, type ServedModel, Turns } from "./asking.js";
import { type Channel, type Open, PartyEnd } from "./party-end.js";
import {
  checkFacts,
  checkParts,
  flatten,
  inputWords,
  type ModelInput,
  type Prediction,
  prediction,
} from "./prediction.js";
import { encodeQuery, type FromParty, ID_BYTES, type ModelFacts, refusalError } from "./wire.js";

/** Splits inputs among the parties that compute and adds their parts up. Words are little-endian bytes. */
export interface ClientSharing {
  /** A part for each party, as wire.ts describes. */
  split(words: Uint8Array): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** `wordBytes`: 8, or 4 where the parties computed in a smaller ring. */
  combine(parts: readonly Uint8Array[], wordBytes: 4 | 8): Uint8Array;
}
export interface Platform {
  readonly open: Open;
  random(bytes: number): Uint8Array;
  /** Throws InputError for a protocol that this platform does not know. */
  sharing(protocol: string, parties: number): ClientSharing;
}

export interface RemoteModelOptions {
  /** Where each party serves, in the order of the protocol. */
  readonly addresses: readonly string[];
  readonly model: string;
  /** From the model's owner. */
  readonly token: string;
  /** Longest wait for an answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a query that could be answered later is asked again, after the pause that the party names, at most `timeoutMs`. Default 0. */
  readonly retries?: number;
}

interface Asked {
  readonly parts: (Uint8Array | undefined)[];
  left: number;
  resolve(parts: Uint8Array[]): void;
  reject(error: Error): void;
}
/** The connections of one time; lost together. */
interface Link {
  readonly channels: readonly Channel[];
  readonly facts: ModelFacts;
  readonly sharing: ClientSharing;
  readonly asked: Map<string, Asked>;
  lost?: Error;
}

const WELCOME_MS = 10_000;
const TIMEOUT_MS = 30_000;

const idText = (id: Uint8Array): string => id.join();

export class RemoteModel implements ServedModel {
  readonly #platform: Platform;
  readonly #options: RemoteModelOptions;
  #link: Promise<Link> | undefined;
  #facts: ModelFacts | undefined;
  /** Of close(). */
  readonly #closing = new Closing();
  /** The party that was missing last. It is asked first: while it is away, the others are spared handshakes in vain. */
  #missing: number | undefined;
  readonly #turns = new Turns();

  private constructor(platform: Platform, options: RemoteModelOptions) {
    this.#platform = platform;
    this.#options = options;
  }

  /** Connects to all parties. Throws PolicyError for a wrong or expired token, UnavailableError if a party is missing. */
  static async connect(platform: Platform, options: RemoteModelOptions): Promise<RemoteModel> {
    const model = new RemoteModel(platform, options);
    await model.#linked();
    return model;
  }

  get facts(): ModelFacts {
    return this.#facts!;
  }

  async predict(input: ModelInput): Promise<Prediction> {
    const values = flatten(input);
    const { retries = 0, timeoutMs = TIMEOUT_MS } = this.#options;
    return askAgain({ retries, timeoutMs, closing: this.#closing }, async (pause) => {
      await pause();
      return this.#ask(values);
    });
  }

  predictAll(inputs: readonly ModelInput[]): Promise<Prediction[]> {
    return Promise.all(inputs.map((input) => this.predict(input)));
  }

  async close(): Promise<void> {
    this.#closing.begin(closedError());
    const link = await this.#link?.catch(() => undefined);
    if (link) this.#lose(link, closedError());
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ask(values: Float64Array): Promise<Prediction> {
    const link = await this.#linked();
    const { facts, sharing } = link;
    const words = inputWords(facts, values);
    return this.#turns.take(facts.inFlight, async () => {
      const parts = await sharing.split(words);
      const answers = await this.#send(link, parts);
      checkParts(facts, answers);
      return prediction(facts, sharing.combine(answers, facts.output.bits === 64 ? 8 : 4));
    });
  }

  #send(link: Link, parts: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return new Promise((resolve, reject) => {
      if (link.lost) return reject(link.lost);
      const id = this.#platform.random(ID_BYTES);
      const key = idText(id);
      const { timeoutMs = TIMEOUT_MS } = this.#options;
      const timer = setTimeout(
        () => end(new UnavailableError(`predict: expected an answer within ${timeoutMs} ms, got none; try again`)),
        timeoutMs,
      );
      const end = (error: Error | undefined, answer?: Uint8Array[]) => {
        clearTimeout(timer);
        link.asked.delete(key);
        if (error) reject(error);
        else resolve(answer!);
      };
      link.asked.set(key, {
        parts: parts.map(() => undefined),
        left: parts.length,
        resolve: (answer) => end(undefined, answer),
        reject: end,
      });
      for (const [party, channel] of link.channels.entries()) channel.send(encodeQuery({ id, part: parts[party]! }));
    });
  }

  #linked(): Promise<Link> {
    if (this.#closing.began) return Promise.reject(closedError());
    if (!this.#link) {
      const link = this.#connect();
      this.#link = link;
      link.catch(() => {
        if (this.#link === link) this.#link = undefined;
      });
    }
    return this.#link;
  }

  async #connect(): Promise<Link> {
    const { addresses } = this.#options;
    const asked = new Map<string, Asked>();
    let link: Link | undefined;
    const ends = addresses.map((address, party) => new PartyEnd(this.#platform.open, address, party, this.#options));
    const lose = (error: Error): void => {
      for (const end of ends) end.close();
      if (link) this.#lose(link, error);
    };
    const late = new UnavailableError(`model: expected a welcome of all parties within ${WELCOME_MS} ms, got none`);
    const timer = setTimeout(() => {
      for (const end of ends) end.fail(late);
    }, WELCOME_MS);
    let missing: number | undefined;
    const welcome = (end: PartyEnd): Promise<ModelFacts> =>
      end.welcome().catch((error: unknown) => {
        missing ??= end.party;
        throw error;
      });
    const doubtful = ends.find(({ party }) => party === this.#missing);
    try {
      const known = doubtful && (await welcome(doubtful));
      const facts = await Promise.all(ends.map((end) => (end === doubtful ? known! : welcome(end))));
      checkFacts(facts, addresses.length, this.#options.model);
      const [first] = facts;
      const sharing = this.#platform.sharing(first!.protocol, addresses.length);
      link = { channels: ends, facts: first!, sharing, asked };
      for (const end of ends) {
        const lost = (error: Error): void => {
          missing ??= end.party;
          this.#missing = missing;
          lose(error);
        };
        end.receive((message) => take(asked, end, message), lost);
      }
      this.#facts = first!;
      return link;
    } catch (error) {
      this.#missing = missing;
      lose(error as Error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #lose(link: Link, error: Error): void {
    if (link.lost) return;
    link.lost = error;
    this.#link = undefined;
    for (const channel of link.channels) channel.close();
    for (const { reject } of [...link.asked.values()]) reject(error);
  }
}

/** An answer or a refusal of one party. What belongs to a query that has ended comes too late and is nobody's. */
function take(asked: Map<string, Asked>, { party, address }: PartyEnd, message: FromParty): void {
  if (message.type === "welcome" || !message.id) return;
  const query = asked.get(idText(message.id));
  if (!query) return;
  if (message.type === "refusal") {
    query.reject(refusalError(message, address));
    return;
  }
  if (query.parts[party]) throw new FrameError(`${address}: expected one answer to a query, got two`);
  query.parts[party] = message.part;
  if (--query.left === 0) query.resolve(query.parts as Uint8Array[]);
}

const closedError = () =>
  new SessionEndedError("model: expected an open model, got a closed one; try connecting again");
