/**
 * The runs of one session at one party: their order and the agreement on them. Party 0 proposes; each party answers READY
 * (after its own checks, with the grants spent) or REFUSE; a run starts when all are ready. Runs execute one at a time, in
 * order; the agreement on the next ones goes on meanwhile. Not what happens inside a run, see execution.ts.
 */
import { FrameError, InputError, PeerLostError } from "../errors.js";
import type { Mesh } from "../net/index.js";
import { errorFromWire, errorToWire } from "../net/wire-errors.js";
import { Admission } from "./admission.js";
import { Checkpoints } from "./checkpoints.js";
import type { Message, MessageOf } from "./control.js";
import type { Core } from "./core.js";
import { checkpointProposal, EarlyAnswers, type Entry, entryOf, type Outcome, type Proposal } from "./entry.js";
import { type Request, Requests } from "./requests.js";

export interface RunsOptions {
  readonly core: Core;
  readonly mesh: Mesh;
  /** The newest checkpoint that all parties have. */
  readonly commonCheckpoint: number;
  send(peer: number, message: Message): void;
  /** Does the local work of an accepted run. */
  perform(entry: Entry): Promise<Outcome>;
}

export class Runs {
  readonly requests: Requests;
  readonly checkpoints: Checkpoints;
  readonly #admission: Admission;
  readonly #core: Core;
  readonly #options: RunsOptions;
  /** Ascending. */
  readonly #entries: Entry[] = [];
  readonly #early = new EarlyAnswers();
  #lastRun: number;
  #ended: Error | undefined;
  #executing: Promise<void> | undefined;
  #checkpointWanted = false;

  constructor(options: RunsOptions) {
    this.#options = options;
    const { core, mesh, commonCheckpoint: common } = options;
    this.#core = core;
    this.#lastRun = core.ledger.nextRun - 1;
    this.#admission = new Admission(core);
    const send = (peer: number, message: Message) => options.send(peer, message);
    this.requests = new Requests({ core, send, changed: () => this.#advance() });
    this.checkpoints = new Checkpoints({ core, mesh, common, broadcast: (message) => this.#broadcast(message) });
  }

  get unfinished(): number {
    return this.#entries.length;
  }

  /** Resolves when all parties have the present variables on disk. */
  checkpoint(): Promise<number> {
    const { run } = this.#core.variables.current;
    const saved = this.checkpoints.reached(run);
    if (this.checkpoints.common >= run) return saved;
    if (this.#core.self === 0) this.onWant();
    else this.#options.send(0, { type: "want" });
    return saved;
  }

  /** Party 0: somebody wants a checkpoint. Wishes that come while it is last in the order share one. */
  onWant(): void {
    if (this.#entries.at(-1)?.kind === "checkpoint") return;
    this.#checkpointWanted = true;
    this.#advance();
  }

  onPropose(peer: number, message: MessageOf<"propose">): void {
    const { run } = message;
    if (peer !== 0 || run <= this.#lastRun)
      throw new FrameError(
        `run ${run}: expected proposals of party 0 above ${this.#lastRun}, got one of party ${peer}`,
      );
    this.#lastRun = run;
    this.#core.ledger.skipTo(run + 1);
    const entry = entryOf(message, this.requests.take(message.request));
    this.#entries.push(entry);
    this.#await(entry, "an answer", entry.ready);
    const early = this.#early.take(run);
    for (const [party, theirs] of early?.ready ?? []) this.#noteReady(entry, party, theirs);
    if (early?.refused) this.#refuse(entry, early.refused);
    this.#advance();
  }

  onReady(peer: number, { run, args }: MessageOf<"ready">): void {
    if (run > this.#lastRun) {
      this.#early.to(run, this.#lastRun, this.#core.names[peer]!).ready.set(peer, args);
      return;
    }
    const entry = this.#find(run);
    if (!entry) return; // refused by somebody meanwhile
    this.#noteReady(entry, peer, args);
    this.#advance();
  }

  onRefuse(peer: number, { run, fault, next }: MessageOf<"refuse">): void {
    const name = this.#core.names[peer]!;
    const error = errorFromWire({ ...fault, message: `${name}: ${fault.message}` }, name);
    if (run > this.#lastRun) {
      this.#early.to(run, this.#lastRun, name).refused = error;
      return;
    }
    const entry = this.#find(run);
    if (!entry) return;
    if (entry.ready.has(peer))
      throw new FrameError(`run ${run}: expected ${name} to stand by its word, got a refusal after it was ready`);
    if (entry.segment && next !== undefined) this.#core.dealt.skipTo(entry.segment.file, next);
    this.#refuse(entry, error);
    this.#advance();
  }

  onDone(peer: number, run: number): void {
    const entry = this.#find(run);
    // A peer starts only after this party was ready.
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
    // In order, so that all parties decide knowing the same.
    const undecided = this.#entries.some((entry) => !this.#decided(entry));
    for (let i = this.#entries.length - 1; i >= 0; i--)
      if (this.#entries[i]!.state === "refused") this.#entries.splice(i, 1);
    this.#start();
    if (this.#core.self === 0 && !undecided) this.#proposeNext();
  }

  /** Takes the entry as far as possible; false if its peers must speak first. */
  #decided(entry: Entry): boolean {
    if (entry.state === "proposed") {
      if (entry.request && !this.requests.complete(entry.id)) return false;
      this.#decide(entry);
    }
    if (entry.state === "ready") {
      if (entry.ready.size < this.#core.names.length) return false;
      this.#accept(entry);
    }
    return true;
  }

  /** Party 0. All earlier runs are decided. */
  #proposeNext(): void {
    const proposal = this.#checkpointWanted ? checkpointProposal() : this.#nextProposal();
    if (proposal?.kind === "checkpoint") this.#checkpointWanted = false;
    if (proposal) this.#propose(proposal);
  }

  #nextProposal(): Proposal | undefined {
    for (let request = this.requests.next(); request; request = this.requests.next()) {
      const { id, kind, args } = request;
      try {
        this.requests.checkEqual(request);
        const grants = this.#admission.choose(request);
        this.#admission.check(request, grants);
        const segment = this.#admission.segment(request);
        return { request: id, kind, args, grants, ...(segment ? { segment } : {}) };
      } catch (error) {
        // Nothing was spent and no number burnt.
        this.requests.reject(id, error);
      }
    }
    return undefined;
  }

  #propose(proposal: Proposal): void {
    const request = this.requests.take(proposal.request);
    if (request) this.requests.announce(request);
    const run = Math.max(this.#core.ledger.nextRun, this.#lastRun + 1);
    const message = { type: "propose" as const, run, ...proposal };
    this.#broadcast(message);
    this.onPropose(0, message);
  }

  #decide(entry: Entry): void {
    const { run, id, kind, args, grants, segment, request } = entry;
    const { dealt, deployments, ledger } = this.#core;
    try {
      if (kind !== "checkpoint") {
        if (!request)
          throw new InputError(`run ${run}: expected the request here, too, got none in time; try sending it again`);
        if (request.args !== args)
          throw new InputError(`run ${run}: expected the same request at all parties, got another; try one for all`);
        this.requests.checkEqual(request);
        this.#admission.check(request, grants);
        this.#admission.checkSegment(request, segment);
      }
      ledger.use(run);
      if (segment) entry.dealt = dealt.use(segment);
      if (request?.deploy) {
        const { description, plans } = request.deploy;
        deployments.prepare(run, request.caller, description, plans);
      }
      if (request?.asked) deployments.spend(request.asked);
      this.#core.grants.spend(run, grants);
    } catch (error) {
      const next = segment && dealt.ahead(segment);
      const ahead = next === undefined ? {} : { next };
      this.#broadcast({ type: "refuse", run, fault: errorToWire(error, `run ${run}`), ...ahead });
      this.#refuse(entry, error as Error);
      return;
    }
    entry.state = "ready";
    entry.ready.add(this.#core.self);
    // Before a peer can start.
    if (request?.plan) this.#options.mesh.openRun(run, Math.max(...request.plan.cost.bytes));
    this.#broadcast({ type: "ready", run, request: id, args });
  }

  #accept(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.state = "accepted";
    if (entry.request) entry.changes = this.#admission.accept(entry.run, entry.request);
  }

  /** Ends a run that no party can have started: that would have needed the one that refused. */
  #refuse(entry: Entry, error: Error): void {
    if (entry.state !== "proposed" && entry.state !== "ready") return;
    if (entry.state === "ready") {
      this.#core.grants.refund(entry.run, entry.grants);
      if (entry.request?.deploy) this.#core.deployments.remove(entry.run);
      if (entry.request?.asked) this.#core.deployments.refund(entry.request.asked);
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
    this.#executing = this.#execute(next).finally(() => {
      this.#executing = undefined;
      this.#advance();
    });
  }

  async #execute(entry: Entry): Promise<void> {
    const { log, self, limits, variables } = this.#core;
    try {
      const before = variables.current.run;
      entry.outcome = await this.#options.perform(entry);
      entry.version = variables.current.run;
      if (this.#ended) return;
      entry.state = "complete";
      entry.done.add(self);
      this.#broadcast({ type: "done", run: entry.run });
      // A dealer is through long before the others, who watch each other; it only watches whether they live (pulse.ts).
      if (self !== this.#core.definition.dealer) this.#await(entry, "the end of the run", entry.done);
      this.#finish(entry);
      const every = limits.checkpointEvery;
      const due = Math.floor(entry.version / every) > Math.floor(before / every);
      // The next run waits until the last checkpoint is on disk, but not for this one.
      if (due || entry.kind === "checkpoint" || entry.request?.checkpoint) await this.checkpoints.begin();
    } catch (error) {
      log.error("run failed", { run: entry.run, reason: (error as Error).name });
      this.#options.mesh.end(error as Error);
    }
  }

  /** The run counts when all parties have come to its end; only now may results leave. */
  #finish(entry: Entry): void {
    const { outcome, request, version } = entry;
    if (entry.state !== "complete" || !outcome || entry.done.size < this.#core.names.length) return;
    clearTimeout(entry.timer);
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#core.variables.acknowledge(entry.run);
    if (!request) return;
    if (request.checkpoint)
      this.checkpoints.reached(version).then(
        () => this.#deliver(request, outcome),
        (error: Error) => this.requests.finish(request.id, error),
      );
    else this.#deliver(request, outcome);
  }

  #deliver({ id, caller, asked }: Request, outcome: Outcome): void {
    const { run, parts } = outcome;
    for (const { recipient, label, bytes } of parts)
      if (recipient !== caller && !asked) this.#core.inbox.put(recipient, { run, label, bytes });
    const own = asked ? parts : parts.filter(({ recipient }) => recipient === caller);
    this.requests.finish(id, { ...outcome, parts: own });
  }

  #noteReady(entry: Entry, peer: number, args: string): void {
    if (args !== entry.args || entry.ready.has(peer))
      throw new FrameError(
        `run ${entry.run}: expected one answer of ${this.#core.names[peer]} to this proposal, got another`,
      );
    entry.ready.add(peer);
  }

  #find(run: number): Entry | undefined {
    return this.#entries.find((entry) => entry.run === run);
  }

  /** A peer that does not answer in time is lost, and the session with it. */
  #await(entry: Entry, what: string, answered: ReadonlySet<number>): void {
    clearTimeout(entry.timer);
    const { names, self, timeoutMs } = this.#core;
    entry.timer = setTimeout(() => {
      const silent = names.filter((_, party) => party !== self && !answered.has(party)).join(", ");
      const message = `run ${entry.run}: expected ${what} from ${silent} within ${timeoutMs} ms, got none`;
      this.#options.mesh.end(new PeerLostError(`${message}; try a longer time-out or look at ${silent}`, silent));
    }, timeoutMs);
  }

  #broadcast(message: Message): void {
    for (let peer = 0; peer < this.#core.names.length; peer++)
      if (peer !== this.#core.self) this.#options.send(peer, message);
  }
}
