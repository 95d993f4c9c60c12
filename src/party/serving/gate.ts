/**
 * Where clients of served models come in: who they are, whether they may ask now, how much of this party they may take. Not
 * their sockets (net/web-server.ts), and not what becomes of a query (queries.ts).
 */
import { createHash } from "node:crypto";
import { FrameError, SecretgradError } from "../../errors.js";
import type { WebClient, WebHandlers, WebPage } from "../../net/index.js";
import { hashOf, type ServingClient } from "../../serving/policy.js";
import {
  decodeFromClient,
  encodeAnswer,
  encodeRefusal,
  encodeWelcome,
  type FromClient,
  type Hello,
  ID_BYTES,
  type ModelFacts,
  type Query,
  type Reason,
} from "../../serving/wire.js";
import type { Core } from "../core.js";
import type { Session } from "../session.js";
import { Denials } from "./denials.js";
import { allowance, computing, type Deployment, factsOf } from "./deployment.js";
import { type Queries, Refused } from "./queries.js";
import { Rates } from "./rates.js";

/** Of a hello, and around a part. */
const LARGEST_HEAD = 1024;
/** What may lie unread at a client before it is let go. */
const UNREAD_BYTES = 4 * 2 ** 20;

/** A client that said hello. */
interface Guest {
  readonly deployment: Deployment;
  readonly client: ServingClient;
  readonly facts: ModelFacts;
  /** Unanswered queries of this connection. */
  unanswered: number;
}

export interface Offered {
  readonly name: string;
  /** Of the longest part, answer or welcome at any party. */
  readonly bytes: number;
}

export class Gate {
  readonly #core: Core;
  readonly #denials: Denials;
  readonly #rates: Rates;
  readonly #open = new Set<WebClient>();
  readonly #lengths = new WeakMap<Deployment, number>();
  #session: Pick<Session, "queries"> | undefined;
  #draining = false;
  #unanswered = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#denials = new Denials(core);
    this.#rates = new Rates(core.now);
  }

  /** A session has begun. */
  attach(session: Pick<Session, "queries">): void {
    this.#session = session;
  }
  get #queries(): Queries | undefined {
    return this.#session?.queries;
  }

  /** Models that clients can ask now. */
  get offered(): Offered[] {
    if (this.#draining || !this.#queries) return [];
    return this.#core.deployments.list().map((deployment) => ({
      name: deployment.description.name,
      bytes: this.#longest(deployment),
    }));
  }

  #longest(deployment: Deployment): number {
    const known = this.#lengths.get(deployment);
    if (known !== undefined) return known;
    const { definition, names } = this.#core;
    const facts = names.slice(0, computing(definition)).map((_, i) => factsOf(deployment, definition, names, i));
    const { shape, bits } = facts[0]!.output;
    const answer = (bits / 8) * shape.reduce((product, length) => product * length, 1);
    const longest = Math.max(answer, encodeWelcome(facts[0]!).length, ...facts.map(({ partBytes }) => partBytes));
    this.#lengths.set(deployment, longest);
    return longest;
  }

  /** Something was refused before it came here. */
  denied(reason: Reason): void {
    this.#denials.note(reason);
  }

  /** The longest message that a client may send. */
  get largestMessage(): number {
    let largest = 0;
    for (const deployment of this.#core.deployments.list())
      largest = Math.max(largest, this.#facts(deployment).partBytes);
    return largest + LARGEST_HEAD;
  }

  /** A client has connected; it has said nothing yet. */
  connected(client: WebClient): WebHandlers {
    this.#open.add(client);
    let guest: Guest | undefined;
    return {
      known: () => guest !== undefined,
      message: (bytes) => {
        try {
          const message = decodeFromClient(bytes);
          if (guest) this.#query(client, guest, message);
          else guest = this.#hello(client, message);
        } catch (error) {
          this.#end(client, guest, error);
        }
      },
      closed: () => this.#open.delete(client),
    };
  }

  /** What is served over plain HTTP; `local`: to somebody on this machine. */
  page(path: string, local: boolean): WebPage | undefined {
    const type = "text/plain; charset=utf-8";
    if (path === "/healthz") return { status: 200, type, body: "ok\n" };
    if (path === "/readyz") {
      const ready = this.#queries !== undefined && !this.#draining;
      return ready ? { status: 200, type, body: "ready\n" } : { status: 503, type, body: "not in session\n" };
    }
    if (path === "/metrics" && local) {
      const body = this.#core.metrics.text({
        connections: this.#open.size,
        waiting: this.#unanswered,
        inSession: this.#queries !== undefined,
        ringBytes: this.#core.ring.memoryBytes,
      });
      return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body };
    }
    return undefined;
  }

  /** Takes no more queries; resolves when those that came are answered, or the time is over. */
  async drain(): Promise<void> {
    this.#draining = true;
    const until = Date.now() + this.#core.limits.drainMs;
    while (this.#unanswered > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    this.#denials.close();
    for (const client of this.#open) client.close();
  }

  #facts(deployment: Deployment) {
    const { definition, names, self } = this.#core;
    return factsOf(deployment, definition, names, self);
  }

  #hello(client: WebClient, message: FromClient): Guest {
    if (message.type !== "hello") throw new FrameError(`client: expected a hello first, got a ${message.type}`);
    const known = this.#find(message);
    if (!known)
      throw new Refused("unauthorized", "hello: expected a model and a token that it knows, got others; try its owner");
    const facts = this.#facts(known.deployment);
    client.send(encodeWelcome(facts));
    return { ...known, facts, unanswered: 0 };
  }

  /** The same answer for no such model, no such token and one that has expired: nobody learns what there is. */
  #find({ model, credential }: Hello): Pick<Guest, "deployment" | "client"> | undefined {
    const deployment = this.#core.deployments.live(model);
    const hash = hashOf(credential);
    const client = deployment?.description.policy.clients.find(({ hashes }) => hashes[this.#core.self] === hash);
    return deployment && client && !this.#expired(client) ? { deployment, client } : undefined;
  }

  #expired({ expires }: ServingClient): boolean {
    // A time that cannot be read is over, not far away.
    return expires !== undefined && !(Date.parse(expires) > this.#core.now());
  }

  #query(client: WebClient, guest: Guest, message: FromClient): void {
    if (message.type !== "query") throw new FrameError("client: expected queries after the welcome, got a hello");
    const { inFlight } = guest.facts;
    if (guest.unanswered >= inFlight)
      throw new FrameError(`client: expected at most ${inFlight} unanswered queries, got one more`);
    guest.unanswered++;
    this.#unanswered++;
    void this.#answer(client, guest, message);
  }

  async #answer(client: WebClient, guest: Guest, query: Query): Promise<void> {
    const started = performance.now();
    const { id } = query;
    try {
      const part = await this.#ask(guest, query);
      this.#core.metrics.answered(guest.facts.model, (performance.now() - started) / 1000);
      client.send(encodeAnswer({ id, part }));
    } catch (error) {
      this.#refuse(client, guest, error, id);
    } finally {
      guest.unanswered--;
      this.#unanswered--;
      if (client.unsent > UNREAD_BYTES) client.close();
    }
  }

  #ask(guest: Guest, { id, part }: Query): Promise<Uint8Array> {
    const hex = slotOf(id, guest);
    const queries = this.#queries;
    try {
      this.#admit(guest, hex, part);
    } catch (error) {
      // An id that was used belongs to another query.
      if (error instanceof Refused && error.reason !== "repeated") queries?.refuse(hex, error);
      throw error;
    }
    const { deployment, client } = guest;
    // The message's buffer may be used again.
    return queries!.ask(hex, deployment, client.name, part.slice());
  }

  /** Throws Refused unless this party would answer. */
  #admit({ deployment, client, facts }: Guest, id: string, part: Uint8Array): void {
    const { name, policy } = deployment.description;
    const { partBytes } = facts;
    if (this.#core.deployments.live(name) !== deployment || this.#expired(client))
      throw new Refused("unauthorized", `model ${name}: expected it to be served to you, got it withdrawn or expired`);
    if (part.length !== partBytes)
      throw new Refused(
        "shape",
        `query: expected a part of ${partBytes} bytes, got ${part.length}; try shape [${deployment.description.input}]`,
      );
    if (this.#draining)
      throw new Refused("unavailable", "query: expected a party that goes on, got one that shuts down", 2000);
    if (!this.#queries)
      throw new Refused(
        "unavailable",
        "query: expected all parties to be in session, got one that is missing; try later",
        1000,
      );
    if (this.#core.usedQueries.has(id)) throw new Refused("repeated", "query: expected a fresh id, got a used one");
    if (allowance(deployment, client.name) <= 0) {
      const own = client.queries !== undefined && deployment.used.of(client.name) >= client.queries;
      const most = own ? `${client.queries} queries of ${client.name}` : `${policy.queries} queries in all`;
      throw new Refused("quota", `model ${name}: expected at most ${most}, got one more; try its owner`);
    }
    this.#queries.checkRoom(deployment, client.name, part.length);
    const pause = this.#rates.take(deployment, client);
    if (pause > 0)
      throw new Refused(
        "rate",
        `model ${name}: expected at most ${client.perMinute} queries a minute, got more`,
        pause,
      );
  }

  #refuse(client: WebClient, guest: Guest, error: unknown, id: Uint8Array): void {
    const refused =
      error instanceof Refused ? error : new Refused("unavailable", "query: an internal error; try again later", 1000);
    if (refused !== error) this.#core.log.error("query failed", { error: textOf(error) });
    this.#denials.note(refused.reason, guest.deployment.description.name, guest.client.name);
    client.send(
      encodeRefusal({ id, reason: refused.reason, retryAfterMs: refused.retryAfterMs, text: refused.message }),
    );
  }

  /** What breaks the rules of the format, or has no business here, is told why and goes. */
  #end(client: WebClient, guest: Guest | undefined, error: unknown): void {
    const reason = error instanceof Refused ? error.reason : "malformed";
    if (!(error instanceof SecretgradError)) this.#core.log.error("client failed", { error: textOf(error) });
    const text = error instanceof SecretgradError ? error.message : "an internal error";
    this.#denials.note(reason, guest?.deployment.description.name, guest?.client.name);
    client.send(encodeRefusal({ reason, retryAfterMs: 0, text }));
    client.close();
  }
}

/** What parties call a query, 32 hex digits: a client that learns another's id takes no query's place by it. */
const slotOf = (id: Uint8Array, { deployment, client }: Pick<Guest, "deployment" | "client">): string =>
  createHash("sha256")
    .update(`secretgrad/serving/1 query\n${deployment.description.name}\n${client.name}\n`)
    .update(id)
    .digest("hex")
    .slice(0, 2 * ID_BYTES);
const textOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
