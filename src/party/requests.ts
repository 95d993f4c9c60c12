/**
 * Requests of callers before they become runs. A caller sends the same request to every party; the parties tell each
 * other, and party 0 makes it a run when all have it, so that a caller who leaves a party out stops nobody but himself.
 * Not the runs, see runs.ts.
 */
import { InputError, NameError, PolicyError } from "../errors.js";
import { errorFromWire, errorToWire } from "../net/wire-errors.js";
import type { Message, MessageOf, RunKind } from "./control.js";
import type { Core } from "./core.js";
import type { Outcome } from "./entry.js";
import type { RunInput } from "./inputs.js";
import type { KnownPlan } from "./plans.js";
import type { Asked, DeploymentDescription } from "./serving/deployment.js";

/** A request as it reached this party, with its form already checked. */
export interface Request {
  readonly id: string;
  readonly caller: string;
  readonly kind: RunKind;
  /** A hash of everything that must be equal at all parties. */
  readonly args: string;
  readonly plan?: KnownPlan;
  readonly scalars: ReadonlyMap<string, number>;
  readonly inputs: ReadonlyMap<string, RunInput>;
  readonly inputBytes: number;
  /** Variables to remove. */
  readonly names: readonly string[];
  readonly checkpoint: boolean;
  /** The caller asks where the time goes. Each party's own matter. */
  readonly profile?: boolean;
  /** Equal at both ends if the inputs and datasets that both hold are equal. */
  readonly tag: (peer: number) => string;
  /** Queries of a served model's clients, whose owner is the caller. */
  readonly asked?: Asked;
  /** A model to be served, with its plans by rows. */
  readonly deploy?: { readonly description: DeploymentDescription; readonly plans: ReadonlyMap<number, KnownPlan> };
  /** A model that is not to be served any more. */
  readonly withdraw?: string;
}

interface Slot {
  readonly id: string;
  request?: Request;
  /** By party, the own one included. */
  readonly haves: Map<number, MessageOf<"have">>;
  settle?: { resolve(outcome: Outcome): void; reject(error: Error): void };
  timer?: NodeJS.Timeout;
  /** It has become a run; from now on only the run ends it. */
  taken: boolean;
}

export interface RequestsOptions {
  readonly core: Core;
  send(peer: number, message: Message): void;
  /** A request became complete, or more is known of one: look again. */
  changed(): void;
}

const NO_ARGS = "0".repeat(64);
const REMEMBERED = 1000;

export class Requests {
  readonly #core: Core;
  readonly #options: RequestsOptions;
  readonly #slots = new Map<string, Slot>();
  /** Requests that will never be runs, for copies that arrive late. */
  readonly #dropped = new Map<string, Error>();
  /** Party 0: ids that all parties have, in the order in which they became complete. */
  readonly #backlog: string[] = [];

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#core = options.core;
  }

  get #leads(): boolean {
    return this.#core.self === 0;
  }

  /** Takes the caller's request; resolves when the run is finished at all parties. */
  submit(request: Request): Promise<Outcome> {
    const { id } = request;
    const dropped = this.#dropped.get(id);
    if (dropped) return Promise.reject(dropped);
    // The request that had the id first goes on.
    if (this.#core.usedRequests.has(id)) return Promise.reject(used(id));
    try {
      this.#checkRoom(request);
    } catch (error) {
      this.refuse(id, error);
      return Promise.reject(error);
    }
    this.#core.usedRequests.add(id);
    return new Promise((resolve, reject) => {
      const slot = this.#slot(id);
      slot.request = request;
      slot.settle = { resolve, reject };
      // Party 0 says so together with its proposal.
      if (!this.#leads) this.#have(id, request.args, request.tag);
      slot.haves.set(this.#core.self, { type: "have", request: id, args: request.args, inputs: NO_ARGS });
      this.#look(slot);
    });
  }

  /** The caller's request was wrong in itself: the peers need not wait for it. */
  refuse(id: string, error: unknown): void {
    if (this.#leads) this.#drop(id, error as Error);
    else this.#have(id, NO_ARGS, () => NO_ARGS, errorToWire(error, "run"));
  }

  onHave(peer: number, message: MessageOf<"have">): void {
    const { request: id } = message;
    const slot = this.#slots.get(id);
    const dropped = this.#dropped.get(id) ?? (slot || !this.#core.usedRequests.has(id) ? undefined : used(id));
    if (dropped) {
      if (this.#leads) this.#options.send(peer, { type: "drop", request: id, fault: errorToWire(dropped, "run") });
      return;
    }
    if (!slot && this.#slots.size >= 2 * this.#core.limits.unfinishedRequests) {
      this.#core.log.warn("too many requests are incomplete", { peer: this.#core.names[peer] });
      return;
    }
    const known = slot ?? this.#slot(id);
    known.haves.set(peer, message);
    this.#look(known);
  }

  onDrop(message: MessageOf<"drop">): void {
    this.#forget(message.request, errorFromWire(message.fault, this.#core.names[0]!));
  }

  /** Party 0: the next request that all parties have. */
  next(): Request | undefined {
    for (;;) {
      const id = this.#backlog.shift();
      if (id === undefined) return undefined;
      const request = this.#slots.get(id)?.request;
      if (request) return request;
    }
  }

  /** Party 0: proves to each peer that both got the same from the caller. */
  announce({ id, args, tag }: Request): void {
    this.#have(id, args, tag);
  }

  /** Party 0: this request does not become a run. */
  reject(id: string, error: unknown): void {
    this.#drop(id, error as Error);
  }

  /** The request became a run and no longer times out. Undefined: this party does not have it. */
  take(id: string): Request | undefined {
    const slot = this.#slots.get(id);
    if (!slot) return undefined;
    slot.taken = true;
    clearTimeout(slot.timer);
    return slot.request;
  }

  /** Whether every party has said that it has this request. */
  complete(id: string): boolean {
    return this.#slots.get(id)?.haves.size === this.#core.names.length;
  }

  /** Throws unless all parties got the same from the caller, as far as this party can see. */
  checkEqual(request: Request): void {
    for (const [peer, have] of this.#slots.get(request.id)?.haves ?? []) {
      if (peer === this.#core.self) continue;
      const name = this.#core.names[peer];
      if (have.args !== request.args)
        throw new InputError(
          `run: expected the same plan, scalars and caller at all parties, got others at ${name}; try sending one request to all`,
        );
      if (have.inputs !== request.tag(peer))
        throw new InputError(
          `run: expected the same sharing of inputs and datasets at all parties, got another at ${name}; try sharing them again`,
        );
    }
  }

  /** The run has ended one way or the other. */
  finish(id: string, result: Outcome | Error): void {
    const slot = this.#slots.get(id);
    if (!slot) return;
    this.#slots.delete(id);
    clearTimeout(slot.timer);
    if (result instanceof Error) slot.settle?.reject(result);
    else slot.settle?.resolve(result);
  }

  /** The session has ended. */
  end(error: Error): void {
    for (const id of [...this.#slots.keys()]) this.finish(id, error);
  }

  /** Tells the peers; `tag` gives each its own. */
  #have(id: string, args: string, tag: (peer: number) => string, refused?: MessageOf<"have">["refused"]): void {
    for (let peer = 0; peer < this.#core.names.length; peer++)
      if (peer !== this.#core.self)
        this.#options.send(peer, { type: "have", request: id, args, inputs: tag(peer), refused });
  }

  #slot(id: string): Slot {
    const known = this.#slots.get(id);
    if (known) return known;
    const slot: Slot = { id, haves: new Map(), taken: false };
    this.#slots.set(id, slot);
    const { timeoutMs } = this.#core;
    // Party 0 decides; the others wait longer for its word.
    slot.timer = setTimeout(() => this.#late(slot), this.#leads ? timeoutMs : 1.5 * timeoutMs);
    return slot;
  }

  #late(slot: Slot): void {
    const { names, timeoutMs } = this.#core;
    const missing = names.filter((_, party) => !slot.haves.has(party)).join(", ");
    const got = missing === "" ? `no run from ${names[0]}` : `none at ${missing}`;
    const error = new InputError(
      `run: expected the request at every party within ${timeoutMs} ms, got ${got}; try sending it to all of ${names.join(", ")}`,
    );
    if (this.#leads) this.#drop(slot.id, error);
    else this.#forget(slot.id, error);
  }

  #look(slot: Slot): void {
    if (this.#leads && !slot.taken) {
      const refusal = [...slot.haves].find(([, { refused }]) => refused);
      if (refusal?.[1].refused) {
        const fault = named(refusal[1].refused, this.#core.names[refusal[0]]!);
        this.#drop(slot.id, errorFromWire(fault, "run"));
        return;
      }
      if (!this.complete(slot.id) || this.#backlog.includes(slot.id)) return;
      this.#backlog.push(slot.id);
    }
    this.#options.changed();
  }

  /** Party 0: tells everybody that this will be no run. */
  #drop(id: string, error: Error): void {
    if (this.#slots.get(id)?.taken) return;
    const fault = errorToWire(error, "run");
    for (let peer = 1; peer < this.#core.names.length; peer++)
      this.#options.send(peer, { type: "drop", request: id, fault });
    this.#forget(id, error);
  }

  #forget(id: string, error: Error): void {
    if (this.#slots.get(id)?.taken) return;
    this.#dropped.set(id, error);
    if (this.#dropped.size > REMEMBERED) this.#dropped.delete(this.#dropped.keys().next().value!);
    this.finish(id, error);
  }

  #checkRoom({ caller, inputBytes, asked }: Request): void {
    // How many batches there are at once is the parties' own choice.
    if (asked) return;
    const { limits } = this.#core;
    const waiting = [...this.#slots.values()].flatMap(({ request }) => request ?? []);
    if (waiting.filter((request) => request.caller === caller).length >= limits.unfinishedRuns)
      throw new PolicyError(
        `run: expected at most ${limits.unfinishedRuns} unfinished runs of ${caller}, got one more; try awaiting one`,
      );
    if (waiting.length >= limits.unfinishedRequests)
      throw new PolicyError(`run: expected at most ${limits.unfinishedRequests} unfinished runs; try again later`);
    const bytes = waiting.reduce((sum, request) => sum + request.inputBytes, inputBytes);
    if (bytes > limits.inputBytes)
      throw new PolicyError(`run: expected at most ${limits.inputBytes} bytes of waiting inputs; try smaller batches`);
  }
}

const used = (id: string) =>
  new NameError(`run: expected a fresh request id, got ${id} again; try 16 random bytes for each request`);

function named<T extends { readonly message: string }>(fault: T, party: string): T {
  return { ...fault, message: `${party}: ${fault.message}`.slice(0, 4096) };
}
