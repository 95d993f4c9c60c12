/**
 * The runs of one session at one party: their order and agreement, see execution.ts for what happens inside one. Party 0
 * proposes; each party answers READY (after its own checks, with the grants spent) or REFUSE; a run starts when all are
 * ready. Runs execute one at a time, in order; the agreement on the next ones goes on meanwhile.
 *
 * proposed → (own decision) → ready → accepted → executing → complete → finished, or refused before accepted.
 */
import { FrameError, InputError, PeerLostError, PolicyError } from "../errors.js";
import type { Mesh } from "../net/index.js";
import { errorFromWire, errorToWire } from "../net/wire-errors.js";
import type { RunStats } from "../engine/index.js";
import { secureRandom } from "../random/index.js";
import { Checkpoints } from "./checkpoints.js";
import type { Message, MessageOf, RunKind } from "./control.js";
import type { Core } from "./core.js";
import type { Part } from "./host.js";
import { checkWriter, requirementsOf } from "./policy.js";
import { type Request, Requests } from "./requests.js";
import { assignedMeta, type VariableMeta } from "./variable-meta.js";

/** What the caller of a run gets from one party. */
export interface Outcome {
  readonly run: number;
  readonly parts: readonly Part[];
  readonly stats: RunStats;
}

/** A run that this party knows of. */
export interface Entry {
  readonly run: number;
  readonly id: string;
  readonly kind: RunKind;
  readonly args: string;
  readonly grants: readonly string[];
  state: "proposed" | "ready" | "accepted" | "executing" | "complete" | "refused";
  /** Parties that are ready, and that are complete. */
  readonly ready: Set<number>;
  readonly done: Set<number>;
  request?: Request;
  /** Variables as this run leaves them: what it assigns, undefined what it removes. */
  changes: ReadonlyMap<string, VariableMeta | undefined>;
  outcome?: Outcome;
  timer?: NodeJS.Timeout;
}

export interface RunsOptions {
  readonly core: Core;
  readonly mesh: Mesh;
  send(peer: number, message: Message): void;
  /** Does the local work of an accepted run. */
  perform(entry: Entry): Promise<Outcome>;
}

const NO_ARGS = "0".repeat(64);
/** Runs that peers may be ahead with their answers. */
const AHEAD = 64;
const NO_STATS: RunStats = { rounds: 0, bytes: 0, seconds: 0 };

export class Runs {
  readonly requests: Requests;
  readonly checkpoints: Checkpoints;
  readonly #core: Core;
  readonly #options: RunsOptions;
  /** Not finished, ascending. */
  readonly #entries: Entry[] = [];
  /** Answers that came before their proposal. */
  readonly #early = new Map<number, { ready: Map<number, string>; refused?: Error }>();
  #lastRun: number;
  /** Variables as they will be after all accepted runs. */
  #catalogue: Map<string, VariableMeta>;
  #ended: Error | undefined;
  #executing: Promise<void> | undefined;
  #checkpointWanted = false;

  constructor(options: RunsOptions) {
    this.#options = options;
    this.#core = options.core;
    this.#lastRun = this.#core.ledger.nextRun - 1;
    this.#catalogue = new Map(this.#core.variables.catalogue);
    this.requests = new Requests({
      core: this.#core,
      send: (peer, message) => options.send(peer, message),
      changed: () => this.#advance(),
    });
    this.checkpoints = new Checkpoints({ core: this.#core, mesh: options.mesh, broadcast: (m) => this.#broadcast(m) });
  }

  /** Runs that have not finished. */
  get unfinished(): number {
    return this.#entries.length;
  }

  /** Resolves when all parties have the present variables on disk. */
  async checkpoint(): Promise<number> {
    const { run } = this.#core.variables.current;
    const saved = this.checkpoints.reached(run);
    if (this.#core.self === 0) this.onWant();
    else this.#options.send(0, { type: "want" });
    return await saved;
  }

  /** Party 0: somebody wants a checkpoint. Wishes that come before it is proposed share one. */
  onWant(): void {
    this.#checkpointWanted = true;
    this.#advance();
  }

  onPropose(peer: number, message: MessageOf<"propose">): void {
    const { run, request: id, kind, args, grants } = message;
    if (peer !== 0 || run <= this.#lastRun)
      throw new FrameError(`run ${run}: expected a proposal of party 0 above ${this.#lastRun}, got one of party ${peer}`);
    this.#lastRun = run;
    this.#core.ledger.skipTo(run + 1);
    const entry: Entry = {
      ...{ run, id, kind, args, grants, state: "proposed", ready: new Set(), done: new Set(), changes: new Map() },
    };
    this.#entries.push(entry);
    const request = this.requests.take(id);
    if (request) entry.request = request;
    this.#await(entry, "an answer", () => entry.ready);
    const early = this.#early.get(run);
    for (const passed of [...this.#early.keys()]) if (passed <= run) this.#early.delete(passed);
    for (const [party, theirs] of early?.ready ?? []) this.#noteReady(entry, party, theirs);
    if (early?.refused) this.#refuse(entry, early.refused);
    this.#advance();
  }

  onReady(peer: number, { run, args }: MessageOf<"ready">): void {
    const entry = this.#find(run);
    if (!entry) this.#earlyOf(peer, run).ready.set(peer, args);
    else {
      this.#noteReady(entry, peer, args);
      this.#advance();
    }
  }

  onRefuse(peer: number, { run, fault }: MessageOf<"refuse">): void {
    const name = this.#core.names[peer]!;
    const error = errorFromWire({ ...fault, message: `${name}: ${fault.message}` }, name);
    const entry = this.#find(run);
    if (entry) {
      if (entry.ready.has(peer))
        throw new FrameError(`run ${run}: expected ${name} to stand by its word, got a refusal after it was ready`);
      this.#refuse(entry, error);
      this.#advance();
    } else if (run > this.#lastRun) this.#earlyOf(peer, run).refused = error;
  }

  onDone(peer: number, run: number): void {
    const entry = this.#find(run);
    // A peer starts only when this party is ready, too.
    if (!entry || entry.state === "proposed" || entry.state === "refused" || entry.done.has(peer))
      throw new FrameError(`run ${run}: expected a run that has started, got its end from ${this.#core.names[peer]}`);
    entry.done.add(peer);
    this.#finish(entry);
  }

  /** The session has ended; resolves when nothing of it is under way any more. */
  async end(error: Error): Promise<void> {
    this.#ended = error;
    for (const entry of this.#entries.splice(0)) {
      clearTimeout(entry.timer);
      this.requests.finish(entry.id, error);
    }
    this.requests.end(error);
    this.checkpoints.end(error);
    await this.#executing;
    await this.checkpoints.idle;
  }

  /** Takes every step that is possible now. */
  #advance(): void {
    if (this.#ended) return;
    for (const entry of this.#entries) {
      // Decisions are made in order, so that all parties make them knowing the same.
      if (entry.state === "proposed") {
        if (entry.kind !== "checkpoint" && entry.request && !this.requests.complete(entry.id)) return;
        this.#decide(entry);
      }
      if (entry.state === "ready") {
        if (entry.ready.size < this.#core.names.length) return;
        this.#accept(entry);
      }
    }
    for (let i = 0; i < this.#entries.length; )
      if (this.#entries[i]!.state === "refused") this.#entries.splice(i, 1);
      else i++;
    this.#start();
    if (this.#core.self === 0) this.#proposeNext();
  }

  /** Party 0. All earlier runs are decided. */
  #proposeNext(): void {
    if (this.#checkpointWanted) {
      this.#checkpointWanted = false;
      const request = Buffer.from(secureRandom(16)).toString("hex");
      return this.#propose({ request, kind: "checkpoint", args: NO_ARGS, grants: [] });
    }
    for (let request = this.requests.next(); request; request = this.requests.next()) {
      try {
        this.requests.checkEqual(request);
        const grants = request.plan ? this.#core.grants.choose(request.plan.digest, this.#requirements(request)) : [];
        return this.#propose({ request: request.id, kind: request.kind, args: request.args, grants });
      } catch (error) {
        // Nothing was spent and no number burnt.
        this.requests.reject(request.id, error);
      }
    }
  }

  #propose(proposal: Omit<MessageOf<"propose">, "type" | "run">): void {
    const message = { type: "propose" as const, run: Math.max(this.#core.ledger.nextRun, this.#lastRun + 1), ...proposal };
    this.#broadcast(message);
    this.onPropose(0, message);
  }

  #decide(entry: Entry): void {
    const { ledger, grants } = this.#core;
    try {
      this.#check(entry);
      ledger.use(entry.run);
      grants.spend(entry.run, entry.grants);
    } catch (error) {
      this.#broadcast({ type: "refuse", run: entry.run, fault: errorToWire(error, `run ${entry.run}`) });
      this.#refuse(entry, error as Error);
      return;
    }
    entry.state = "ready";
    entry.ready.add(this.#core.self);
    const plan = entry.request?.plan;
    // Before the others may start.
    if (plan) this.#options.mesh.openRun(entry.run, Math.max(...plan.cost.bytes));
    this.#broadcast({ type: "ready", run: entry.run, request: entry.id, args: entry.args });
  }

  /** Throws unless this party agrees with the run. */
  #check(entry: Entry): void {
    const { request, kind, args } = entry;
    if (kind === "checkpoint") return;
    if (!request) throw new InputError(`run ${entry.run}: expected the request here, too, got none; try sending it to all`);
    if (request.args !== args || request.kind !== kind)
      throw new InputError(`run ${entry.run}: expected the same request as at party 0, got another; try one for all`);
    this.requests.checkEqual(request);
    if (request.plan) {
      this.#core.grants.check(entry.grants, request.plan.digest, this.#requirements(request));
      for (const { label, recipients, type } of request.plan.reveals) {
        const bytes = 8 * type.shape.reduce((product, length) => product * length, 1);
        for (const recipient of recipients)
          if (recipient !== request.caller) this.#core.inbox.checkSpace(recipient, 1, bytes);
        void label;
      }
    }
    for (const name of request.names) checkWriter(name, request.caller, this.#catalogue);
    entry.changes = this.#changes(entry, request);
    const size = new Set([...this.#catalogue.keys(), ...entry.changes.keys()]).size;
    if (size > this.#core.limits.variables)
      throw new PolicyError(`run: expected at most ${this.#core.limits.variables} variables, got ${size}; try removing some`);
  }

  #requirements({ caller, plan, scalars }: Request) {
    const { datasets, identities } = this.#core;
    const dataset = (name: string) => datasets.get(name).meta;
    return requirementsOf({ caller, plan: plan!, scalars, catalogue: this.#catalogue, dataset, identities });
  }

  #changes(entry: Entry, { plan, caller, names }: Request): Map<string, VariableMeta | undefined> {
    const changes = new Map<string, VariableMeta | undefined>(names.map((name) => [name, undefined]));
    for (const { name, type } of plan?.assigned ?? [])
      changes.set(name, assignedMeta(name, type, caller, entry.run, this.#catalogue));
    return changes;
  }

  #accept(entry: Entry): void {
    entry.state = "accepted";
    clearTimeout(entry.timer);
    for (const [name, meta] of entry.changes)
      if (meta) this.#catalogue.set(name, meta);
      else this.#catalogue.delete(name);
  }

  /** Ends a run that no party has started: that needs this party or the one that refused. */
  #refuse(entry: Entry, error: Error): void {
    if (entry.state !== "proposed" && entry.state !== "ready") return;
    if (entry.state === "ready") {
      this.#core.grants.refund(entry.run, entry.grants);
      if (entry.request?.plan) this.#options.mesh.closeRun(entry.run);
    }
    entry.state = "refused";
    clearTimeout(entry.timer);
    this.#core.log.info("run refused", { run: entry.run, reason: error.name });
    this.requests.finish(entry.id, error);
  }

  /** Begins the next accepted run, if none is executing. */
  #start(): void {
    const next = this.#entries.find((entry) => entry.state !== "complete");
    if (this.#executing || next?.state !== "accepted") return;
    next.state = "executing";
    this.#executing = this.#perform(next).finally(() => {
      this.#executing = undefined;
      this.#advance();
    });
  }

  async #perform(entry: Entry): Promise<void> {
    const { log, self, limits, variables } = this.#core;
    try {
      const before = variables.current.run;
      entry.outcome =
        entry.kind === "plan" ? await this.#options.perform(entry) : { run: entry.run, parts: [], stats: NO_STATS };
      if (entry.kind === "remove") variables.remove(entry.run, entry.request!.names);
      if (this.#ended) return;
      entry.state = "complete";
      entry.done.add(self);
      this.#broadcast({ type: "done", run: entry.run });
      this.#await(entry, "the end of the run", () => entry.done);
      const { run } = variables.current;
      const due = Math.floor(run / limits.checkpointEvery) > Math.floor(before / limits.checkpointEvery);
      // The next run waits for the last checkpoint's disk, not for this one's.
      if (due || entry.kind === "checkpoint" || entry.request?.checkpoint) await this.checkpoints.begin();
      this.#finish(entry);
    } catch (error) {
      log.error("run failed", { run: entry.run, reason: (error as Error).name });
      this.#options.mesh.end(error as Error);
    }
  }

  /** The run counts when all parties have come to its end; only now may results leave. */
  #finish(entry: Entry): void {
    const { names, variables } = this.#core;
    if (entry.state !== "complete" || !entry.outcome || entry.done.size < names.length) return;
    if (entry.request?.checkpoint && !this.checkpoints.started(entry.run)) return;
    clearTimeout(entry.timer);
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    variables.acknowledge(entry.run);
    if (entry.request?.checkpoint) void this.#deliverWhenSaved(entry);
    else this.#deliver(entry);
  }

  async #deliverWhenSaved(entry: Entry): Promise<void> {
    try {
      await this.checkpoints.reached(entry.run);
      this.#deliver(entry);
    } catch (error) {
      this.requests.finish(entry.id, error as Error);
    }
  }

  #deliver({ id, run, request, outcome }: Entry): void {
    if (!request || !outcome) return;
    const mine = outcome.parts.filter((part) => part.recipient === request.caller);
    for (const { recipient, label, bytes } of outcome.parts)
      if (recipient !== request.caller) this.#core.inbox.put(recipient, { run, label, bytes });
    this.requests.finish(id, { ...outcome, parts: mine });
  }

  #noteReady(entry: Entry, peer: number, args: string): void {
    if (args !== entry.args || entry.ready.has(peer))
      throw new FrameError(`run ${entry.run}: expected one answer of ${this.#core.names[peer]} to this proposal, got another`);
    entry.ready.add(peer);
  }

  #find(run: number): Entry | undefined {
    return this.#entries.find((entry) => entry.run === run);
  }

  #earlyOf(peer: number, run: number): { ready: Map<number, string>; refused?: Error } {
    if (run <= this.#lastRun || run > this.#lastRun + AHEAD + 1000)
      throw new FrameError(`run ${run}: expected an answer to a proposal, got one of ${this.#core.names[peer]} to none`);
    const early = this.#early.get(run) ?? { ready: new Map() };
    if (this.#early.size >= AHEAD) throw new FrameError(`run ${run}: expected answers to proposals, got too many to none`);
    this.#early.set(run, early);
    return early;
  }

  /** A peer that does not answer in time is lost, and the session with it. */
  #await(entry: Entry, what: string, who: () => ReadonlySet<number>): void {
    clearTimeout(entry.timer);
    const { names, self, timeoutMs } = this.#core;
    entry.timer = setTimeout(() => {
      const silent = names.filter((_, party) => party !== self && !who().has(party)).join(", ");
      const message = `run ${entry.run}: expected ${what} from ${silent} within ${timeoutMs} ms, got none`;
      this.#options.mesh.end(new PeerLostError(`${message}; try a longer time-out or look at ${silent}`, silent));
    }, timeoutMs);
  }

  #broadcast(message: Message): void {
    for (let peer = 0; peer < this.#core.names.length; peer++)
      if (peer !== this.#core.self) this.#options.send(peer, message);
  }
}
