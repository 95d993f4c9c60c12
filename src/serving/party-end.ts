/** One party as a client sees it: a connection, first its welcome, then messages. Not what becomes of them, see remote-model.ts. */
import { FrameError, UnavailableError } from "../errors.js";
import { credentialOf, decodeFromParty, encodeHello, type FromParty, type ModelFacts, refusalError } from "./wire.js";

/** One open connection to a party. */
export interface Channel {
  /** Sends one binary message. */
  send(message: Uint8Array): void;
  close(): void;
}
export interface ChannelHandlers {
  message(bytes: Uint8Array): void;
  /** Once; nothing comes after it. */
  closed(reason: string): void;
}
/** Opens a connection. Rejects with UnavailableError if nobody answers, with another error for a wrong key. */
export type Open = (address: string, handlers: ChannelHandlers) => Promise<Channel>;

/** One party as the client sees it: first its welcome, then messages. */
export class PartyEnd implements Channel {
  #channel: Channel | undefined;
  #welcome: { resolve(facts: ModelFacts): void; reject(error: Error): void } | undefined;
  #take: ((message: FromParty) => void) | undefined;
  #lose: ((error: Error) => void) | undefined;
  #lost: Error | undefined;
  #shut = false;

  constructor(
    readonly open: Open,
    readonly address: string,
    readonly party: number,
    readonly options: { readonly model: string; readonly token: string },
  ) {}

  async welcome(): Promise<ModelFacts> {
    const credential = await credentialOf(this.options.token, this.party);
    const facts = new Promise<ModelFacts>((resolve, reject) => {
      this.#welcome = { resolve, reject };
    });
    // Until somebody awaits it.
    facts.catch(() => undefined);
    if (this.#lost) throw this.#lost;
    const channel = await this.open(this.address, {
      message: (bytes) => this.#message(bytes),
      closed: (reason) =>
        this.fail(new UnavailableError(`${this.address}: expected it to stay connected, got ${reason}`)),
    });
    this.#channel = channel;
    if (this.#shut) channel.close();
    channel.send(encodeHello({ model: this.options.model, credential }));
    return facts;
  }

  receive(take: (message: FromParty) => void, lose: (error: Error) => void): void {
    this.#take = take;
    this.#lose = lose;
    if (this.#lost) lose(this.#lost);
  }
  send(message: Uint8Array): void {
    this.#channel!.send(message);
  }
  close(): void {
    this.#shut = true;
    this.#channel?.close();
  }

  #message(bytes: Uint8Array): void {
    try {
      const message = decodeFromParty(bytes, this.address);
      if (message.type === "refusal" && !message.id) this.fail(refusalError(message, this.address));
      else if (message.type !== "welcome") {
        if (!this.#take) throw new FrameError(`${this.address}: expected a welcome first, got ${message.type}`);
        this.#take(message);
      } else if (this.#welcome) {
        this.#welcome.resolve(message.facts);
        this.#welcome = undefined;
      } else throw new FrameError(`${this.address}: expected one welcome, got two`);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#welcome?.reject(error);
    this.#lose?.(error);
    this.close();
  }
}
