/**
 * The queries of one session at one party: a client sends its parts to all parties, each tells party 0 what it got, and party
 * 0 makes those that all have into batches, across clients, which then are runs like others. Not the connections to clients,
 * see gate.ts, nor the runs.
 */
import { createHash } from "node:crypto";
import { FrameError, NameError, PolicyError, SecretgradError } from "../../errors.js";
import { secureRandom } from "../../random/index.js";
import type { Reason } from "../../serving/wire.js";
import type { Message, MessageOf } from "../control.js";
import type { Core } from "../core.js";
import { CommonPieces } from "../pieces.js";
import type { Runs } from "../runs.js";
import { type BatchOrder, batchRequest, cutPart, type Part } from "./batch.js";
import { Batches } from "./batches.js";
import { computing, type Deployment } from "./deployment.js";
import { Shares } from "./shares.js";

/** Why a query has no answer; what the client is told. */
export class Refused extends SecretgradError {
  constructor(
    readonly reason: Reason,
    message: string,
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

export interface QueriesOptions {
  readonly core: Core;
  readonly runs: Runs;
  /** By peer, for the tags of parts: this party and the peer have it, nobody else. */
  readonly inputKeys: readonly Uint8Array[];
  send(peer: number, message: Message): void;
}

interface Held {
  readonly deployment: Deployment;
  readonly client: string;
  readonly part: Part;
  readonly bytes: number;
  resolve(answer: Uint8Array): void;
  reject(error: Error): void;
}
interface Slot {
  readonly id: string;
  held?: Held;
  /** Party 0: what the others have, by party. */
  readonly arrivals: Map<number, MessageOf<"query">>;
  timer?: NodeJS.Timeout;
  /** Party 0: all have it; it waits for a batch, or is in one. */
  complete: boolean;
  /** It is in a batch, which alone ends it now. */
  taken: boolean;
}

const REMEMBERED = 1000;
/** How long a query that all parties have may wait for its batch, in `queryMs`. */
const TURN = 4;
const usedUp = "query: expected an allowance for it, got one that is used up; try the owner of the model";

export class Queries {
  readonly #core: Core;
  readonly #options: QueriesOptions;
  readonly #common: CommonPieces;
  readonly #slots = new Map<string, Slot>();
  /** Of the parts that are held. */
  #bytes = 0;
  readonly #shares: Shares;
  /** Party 0: what was refused before all had it, for copies that arrive late. */
  readonly #refused = new Map<string, Refused>();
  /** Party 0: queries that all parties have. */
  readonly #batches: Batches;
  #ended: Error | undefined;

  constructor(options: QueriesOptions) {
    this.#options = options;
    this.#core = options.core;
    this.#common = new CommonPieces(options.core.definition, options.core.self);
    this.#shares = new Shares(this.#core.limits);
    this.#batches = new Batches({
      clientOf: (id) => this.#slots.get(id)?.held?.client,
      start: (deployment, queries) => this.#start(deployment, queries),
      deny: (id) => this.#drop(this.#slots.get(id)!, "quota", usedUp),
    });
  }

  get unfinished(): number {
    return this.#slots.size;
  }
  get #leads(): boolean {
    return this.#core.self === 0;
  }

  /** Throws Refused if the client has as many queries here as it may ask, or as leaves room for others. */
  checkRoom(deployment: Deployment, client: string, bytes: number): void {
    const got = this.#shares.excess(deployment, client, bytes);
    if (got) throw new Refused("busy", `query: expected fewer at once of ${client}, got ${got}; try again later`, 200);
  }

  /** This party's part of a query; resolves with its part of the answer. Rejects with Refused. */
  ask(id: string, deployment: Deployment, client: string, bytes: Uint8Array): Promise<Uint8Array> {
    const { core } = this.#options;
    const { limits } = this.#core;
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(ended());
      const known = this.#slots.get(id);
      if (known?.held) return reject(new Refused("repeated", `query: expected a fresh id, got one that waits`));
      const refused = this.#refused.get(id);
      if (refused) return reject(refused);
      if ((!known && this.#slots.size >= limits.waitingQueries) || this.#bytes + bytes.length > limits.inputBytes)
        return reject(new Refused("busy", `query: expected at most ${limits.waitingQueries} to wait; try later`, 200));
      const slot = known ?? this.#slot(id);
      const part = cutPart(core, bytes);
      slot.held = { deployment, client, part, bytes: bytes.length, resolve, reject };
      this.#bytes += bytes.length;
      this.#shares.add(deployment, client, bytes.length);
      if (this.#leads) this.#look(slot);
      else this.#options.send(0, this.#arrival(id, slot.held));
    });
  }

  /** This party does not answer a query that it was not asked to hold: the others need not wait for it. */
  refuse(id: string, { reason, message }: Refused): void {
    if (this.#ended) return;
    if (this.#leads) this.onOver(0, { type: "over", id, reason, text: message });
    else this.#options.send(0, { type: "over", id, reason, text: message });
  }

  /** Party 0: a peer has its part. */
  onQuery(peer: number, message: MessageOf<"query">): void {
    if (!this.#leads) throw new FrameError(`query: expected party 0 to be told, got told by ${this.#core.names[peer]}`);
    if (this.#ended) return;
    const known = this.#slots.get(message.id);
    if (!known) {
      const refusal = this.#refused.get(message.id) ?? this.#objection(message.id);
      if (refusal) {
        this.#tell(message.id, refusal.reason, refusal.message);
        return;
      }
    }
    const slot = known ?? this.#slot(message.id);
    slot.arrivals.set(peer, message);
    this.#look(slot);
  }

  #objection(id: string): Refused | undefined {
    if (this.#core.usedQueries.has(id)) return new Refused("repeated", "query: expected a fresh id, got a used one");
    if (this.#slots.size >= 2 * this.#core.limits.waitingQueries)
      return new Refused("busy", "query: expected room to wait, got none; try later", 200);
    return undefined;
  }

  /** Party 0 says that a query has no answer; or a peer says so to party 0, which tells the others. */
  onOver(peer: number, { id, reason, text }: MessageOf<"over">): void {
    const slot = this.#slots.get(id);
    if (this.#leads) {
      if (slot?.complete) return;
      this.#refused.set(id, new Refused(reason, text, pauseAfter(reason)));
      if (this.#refused.size > REMEMBERED) this.#refused.delete(this.#refused.keys().next().value!);
      this.#tell(id, reason, text);
    } else if (peer !== 0)
      throw new FrameError(`query: expected party 0 to end queries, got ${this.#core.names[peer]}`);
    if (slot && !slot.taken) this.#finish(slot, new Refused(reason, text, pauseAfter(reason)));
  }

  /** Party 0 has put queries together. */
  onBatch(peer: number, message: MessageOf<"batch">): void {
    if (peer !== 0) throw new FrameError(`query: expected batches of party 0, got one of ${this.#core.names[peer]}`);
    if (this.#ended) return;
    const { request: id, model, version, rows, queries, clients } = message;
    try {
      const deployment = this.#core.deployments.live(model);
      if (deployment?.version !== version || !deployment.plans.has(rows) || queries.length > rows)
        throw new NameError(`query: expected a batch for ${model} as it is served here, got another; try again`);
      if (queries.length !== clients.length) throw new FrameError("query: expected a client for each query of a batch");
      void this.#run({ id, deployment, rows, queries, clients });
    } catch (error) {
      this.#options.runs.requests.refuse(id, error);
      for (const query of queries) {
        const slot = this.#slots.get(query);
        if (slot && !slot.taken) this.#finish(slot, refusalOf(error));
      }
    }
  }

  /** The session has ended: clients may ask again in the next one. */
  end(error: Error): void {
    this.#ended = error;
    this.#batches.end();
    for (const slot of [...this.#slots.values()]) this.#finish(slot, ended());
  }

  #slot(id: string): Slot {
    const slot: Slot = { id, arrivals: new Map(), complete: false, taken: false };
    this.#slots.set(id, slot);
    const { queryMs } = this.#core.limits;
    // Party 0 decides; the others wait longer for its word, which comes when it has found time for the query.
    slot.timer = setTimeout(() => this.#late(slot), this.#leads ? queryMs : (TURN + 2) * queryMs);
    return slot;
  }

  #late(slot: Slot): void {
    const { names, definition } = this.#core;
    const missing = names.filter((_, i) => i < computing(definition) && !slot.arrivals.has(i) && (i > 0 || !slot.held));
    this.#drop(slot, "incomplete", `query: expected it at every party, got none in time at ${missing.join(", ")}`);
  }

  #arrival(id: string, { deployment, client, part }: Held): MessageOf<"query"> {
    const { description, version } = deployment;
    const model = description.name;
    return { type: "query", id, model, version, client, tags: this.#tags(id, deployment, client, part) };
  }

  /** By party: equal at both ends if what both hold of the query is equal. */
  #tags(id: string, { version }: Deployment, client: string, { seeds, correction }: Part): string[] {
    const { names, self, definition } = this.#core;
    const label = `query ${id} ${version} ${client}`;
    const digest = correction && createHash("sha256").update(correction).digest();
    return names
      .slice(0, computing(definition))
      .map((_, peer) =>
        peer === self
          ? ""
          : this.#common.tag(peer, this.#options.inputKeys[peer]!, label, [{ seeds, correction: digest }]),
      );
  }

  /** Party 0: whether everybody has it, and the same. */
  #look(slot: Slot): void {
    const { held, arrivals, id } = slot;
    const parties = computing(this.#core.definition);
    if (!held || arrivals.size < parties - 1 || slot.complete) return;
    const problem = this.#problem(id, held, arrivals);
    if (problem) {
      this.#drop(slot, "inconsistent", problem);
      return;
    }
    const { deployment } = held;
    slot.complete = true;
    clearTimeout(slot.timer);
    // Less than the others wait for this party's word.
    slot.timer = setTimeout(() => {
      this.#batches.remove(deployment, id);
      this.#drop(slot, "busy", "query: expected its turn in time, got too many that came before; try again");
    }, TURN * this.#core.limits.queryMs);
    this.#batches.add(deployment, id);
  }

  /** Whether the parties, and what they got, belong together. Tags of the others say nothing here, but equal ones are equal. */
  #problem(id: string, { deployment, client, part }: Held, arrivals: Slot["arrivals"]): string | undefined {
    const tags = [this.#tags(id, deployment, client, part)];
    for (const [peer, arrival] of arrivals) {
      if (arrival.version !== deployment.version || arrival.client !== client)
        return "query: expected one client and model at all parties, got several; try one token";
      tags[peer] = arrival.tags;
    }
    const fits = tags.every((own, i) => own.every((tag, j) => i === j || tags[j]?.[i] === tag));
    return fits && tags.every((own) => own.length === tags.length)
      ? undefined
      : "query: expected one sharing at all parties, got parts that do not fit; try sharing the input again";
  }

  /** Party 0: tells the others of a batch, and runs it. Resolves when it is over, however it went. */
  #start(deployment: Deployment, queries: readonly string[]): Promise<void> {
    const rows = [...deployment.plans.keys()].find((count) => count >= queries.length)!;
    const id = Buffer.from(secureRandom(16)).toString("hex");
    const clients = queries.map((query) => this.#slots.get(query)!.held!.client);
    const { version, description } = deployment;
    const { name: model } = description;
    for (let peer = 1; peer < this.#core.names.length; peer++)
      this.#options.send(peer, { type: "batch", request: id, model, version, rows, queries: [...queries], clients });
    this.#core.metrics.batch(model, queries.length);
    return this.#run({ id, deployment, rows, queries, clients });
  }

  /** Every party: the batch as a request, and its outcome cut up for the clients. Throws where a query is not here. */
  #run(order: BatchOrder): Promise<void> {
    const { definition, self } = this.#core;
    const { deployment, queries, clients } = order;
    const deals = self === definition.dealer;
    const slots = deals ? [] : queries.map((id) => this.#slots.get(id));
    slots.forEach((slot, i) => {
      if (!slot?.held || slot.taken || slot.held.client !== clients[i] || slot.held.deployment !== deployment)
        throw new NameError("query: expected every query of the batch here, got one that is not; try again");
    });
    const taken = slots as (Slot & { held: Held })[];
    for (const slot of taken) {
      slot.taken = true;
      this.#shares.take(deployment, slot.held.client);
      clearTimeout(slot.timer);
    }
    const request = batchRequest(
      this.#core,
      order,
      taken.map(({ held }) => held.part),
    );
    return this.#options.runs.requests.submit(request).then(
      ({ parts }) => {
        const [answer] = parts;
        const bytes = answer ? answer.bytes.length / order.rows : 0;
        taken.forEach((slot, i) => {
          this.#finish(slot, undefined, answer?.bytes.subarray(i * bytes, (i + 1) * bytes));
        });
      },
      (error: unknown) => {
        for (const slot of taken) this.#finish(slot, refusalOf(error));
      },
    );
  }

  /** The query will have no answer, here and at the others. */
  #drop(slot: Slot, reason: Reason, text: string): void {
    if (this.#leads) this.#tell(slot.id, reason, text);
    else this.#options.send(0, { type: "over", id: slot.id, reason, text });
    this.#finish(slot, new Refused(reason, text, pauseAfter(reason)));
  }
  #tell(id: string, reason: Reason, text: string): void {
    for (let peer = 1; peer < computing(this.#core.definition); peer++)
      this.#options.send(peer, { type: "over", id, reason, text });
  }

  #finish(slot: Slot, error: Error | undefined, answer?: Uint8Array): void {
    clearTimeout(slot.timer);
    if (this.#slots.delete(slot.id) && slot.held) {
      const { deployment, client, bytes } = slot.held;
      this.#bytes -= bytes;
      this.#shares.remove(deployment, client, bytes, slot.taken);
    }
    this.#core.usedQueries.add(slot.id);
    if (error) slot.held?.reject(error);
    else slot.held?.resolve(answer!);
  }
}

const pauseAfter = (reason: Reason): number => (reason === "busy" || reason === "incomplete" ? 200 : 0);
const ended = () =>
  new Refused("unavailable", "query: expected all parties to be in session, got one that is missing; try later", 1000);

/** Of a run that was refused or failed; other causes than the allowance may be gone the next time. */
function refusalOf(error: unknown): Refused {
  // Not its message: which owner has granted what is none of a client's business.
  if (error instanceof PolicyError) return new Refused("quota", usedUp);
  return new Refused("unavailable", "query: expected its run to end well, got a failure; try again", 500);
}
