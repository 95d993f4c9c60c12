/** A client that speaks the format message by message, to each party apart, as no good client would. Not a test. */
import assert from "node:assert/strict";
import { WebSocket } from "ws";
import type { Invitation } from "../../src/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { credentialOf, decodeFromParty, encodeHello, type FromParty, type Reason } from "../../src/serving/wire.js";

/** Speaks the format by hand, to say what the client would not. */
export class Raw {
  readonly messages: FromParty[] = [];
  closed = false;
  #wake: (() => void)[] = [];
  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data: Buffer) => {
      this.messages.push(decodeFromParty(new Uint8Array(data), "party"));
      for (const wake of this.#wake.splice(0)) wake();
    });
    socket.on("close", () => {
      this.closed = true;
      for (const wake of this.#wake.splice(0)) wake();
    });
    socket.on("error", () => {});
  }
  static async open(invitation: Invitation, party: number, hello = true): Promise<Raw> {
    const place = invitation.parties[party]!;
    const url = `${(typeof place === "string" ? place : place.url).replace("https", "wss")}/v1`;
    const raw = new Raw(new WebSocket(url, { rejectUnauthorized: false }));
    await new Promise((resolve) => raw.socket.once("open", resolve));
    if (hello) {
      raw.send(encodeHello({ model: invitation.model, credential: await credentialOf(invitation.token, party) }));
      await raw.until((message) => message.type === "welcome");
    }
    return raw;
  }
  static all = (invitation: Invitation) => Promise.all([0, 1, 2].map((party) => Raw.open(invitation, party)));
  send(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }
  async until(found: (message: FromParty) => boolean): Promise<FromParty> {
    for (;;) {
      const message = this.messages.find(found);
      if (message) return message;
      assert.ok(!this.closed, "the connection was closed");
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }
  /** The end of this query here: "answer", or the reason of a refusal. */
  async end(id: Uint8Array): Promise<"answer" | Reason> {
    const is = (message: FromParty) => "id" in message && Buffer.compare(message.id!, id) === 0;
    const message = await this.until(is);
    this.messages.splice(this.messages.indexOf(message), 1);
    return message.type === "refusal" ? message.reason : "answer";
  }
}

export function split(x: readonly number[]): Uint8Array[] {
  const words = new Uint8Array(BigInt64Array.from(x, (value) => BigInt(Math.round(value * 65536))).buffer);
  const { byParty } = rep3.sharing.freshSeeds();
  const correction = rep3.sharing.correction({ byParty }, 0, words);
  return byParty.map((seeds, i) => Buffer.concat([...seeds, ...(rep3.sharing.keepsCorrection[i] ? [correction] : [])]));
}
export const fresh = () => crypto.getRandomValues(new Uint8Array(16));
