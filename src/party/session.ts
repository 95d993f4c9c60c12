/**
 * One session of this party with its peers: from a fresh mesh over the common state to runs, until the mesh ends. Not the
 * connections, see daemon.ts; everything that outlives a session is in core.ts.
 */
import { FrameError, PeerLostError, SessionEndedError } from "../errors.js";
import type { Mesh } from "../net/index.js";
import { createEnds, type Ends } from "../protocol/index.js";
import { decodeMessages, encodeMessages, type Message, type MessageOf, mostMessages } from "./control.js";
import type { Core } from "./core.js";
import { perform } from "./execution.js";
import { Pace, Taking } from "./pace.js";
import { Pulse } from "./pulse.js";
import { Runs } from "./runs.js";
import { Queries } from "./serving/queries.js";
import type { UploadState } from "./storage/index.js";
import { checkAgreed, conclude, describe, type Start } from "./sync.js";

/** Messages that may come before this party has heard all peers agree. */
const HELD = 1000;
/** How long queries wait for others on their way to party 0, and how many must be unanswered for that. */
const GATHER_MS = 2;
const GATHER_ABOVE = 8;

interface Asked {
  readonly peer: number;
  resolve(state: UploadState | undefined): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

export class Session {
  /** Resolves when nothing of the session is under way any more. */
  readonly closed: Promise<Error>;
  readonly mesh: Mesh;
  /** By peer, for the tags of inputs: this party and the peer have it, nobody else. */
  readonly inputKeys: readonly Uint8Array[];
  readonly #core: Core;
  readonly #ends: Ends;
  readonly #syncs = new Map<number, MessageOf<"sync">>();
  readonly #agrees = new Map<number, MessageOf<"agree">>();
  readonly #held: { peer: number; message: Message }[] = [];
  readonly #asked = new Map<number, Asked>();
  #asks = 0;
  readonly #outbox: Message[][];
  #flushing = false;
  readonly #pulse: Pulse;
  readonly #pace: Pace;
  readonly #taking: Taking;
  #start: Start | undefined;
  #runs: Runs | undefined;
  #queries: Queries | undefined;
  #error: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settle!: { resolve(): void; reject(error: Error): void };

  constructor(core: Core, mesh: Mesh) {
    this.#core = core;
    this.mesh = mesh;
    this.#outbox = core.names.map(() => []);
    const { ring, self, definition, names } = core;
    this.inputKeys = names.map((_, peer) => (peer === self ? new Uint8Array() : mesh.pairKey(peer, "inputs", 32)));
    this.#ends = createEnds(definition, { ring, self, pairKey: (peer, label) => mesh.pairKey(peer, label) });
    const { dealer } = definition;
    this.#pace = new Pace(names);
    this.#taking = new Taking((taken) => dealer !== undefined && this.#send(dealer, { type: "took", ...taken }));
    this.#pulse = new Pulse(
      core,
      () => this.#broadcast({ type: "ping" }),
      (error) => mesh.end(error),
    );
    this.closed = mesh.ended.then((error) => this.#end(error));
  }

  /** Resolves when all parties have agreed where to go on. */
  start(): Promise<void> {
    const { names, self, timeoutMs } = this.#core;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#timer = setTimeout(() => {
        const silent = names.filter((_, party) => party !== self && !this.#agrees.has(party)).join(", ");
        const message = `session: expected ${silent} to agree on a state within ${timeoutMs} ms, got no answer`;
        this.mesh.end(new PeerLostError(`${message}; try a look at its log`, silent));
      }, timeoutMs);
      const own = describe(this.#core);
      this.#syncs.set(self, own);
      this.#broadcast(own);
      this.#pulse.start();
      this.mesh.onControl((peer, bytes) => {
        for (const message of decodeMessages(bytes, names[peer]!)) this.#take(peer, message);
      });
      this.#proceed();
    });
  }

  /** The runs of this session. Throws where there can be none (yet, or any more). */
  get runs(): Runs {
    if (this.#error) throw this.#error;
    if (!this.#runs)
      throw new SessionEndedError(
        "session: expected all parties to agree on a state, got none yet; try again in a moment",
      );
    return this.#runs;
  }
  /** Queries of the clients of served models. Undefined where there can be none (yet). */
  get queries(): Queries | undefined {
    return this.#error ? undefined : this.#queries;
  }
  get up(): boolean {
    return this.#runs !== undefined && this.#error === undefined;
  }

  /** What a peer has of a dataset. */
  ask(peer: number, name: string): Promise<UploadState | undefined> {
    const { names, timeoutMs } = this.#core;
    return new Promise((resolve, reject) => {
      if (this.#error) return reject(this.#error);
      const ask = ++this.#asks;
      const timer = setTimeout(() => {
        this.#asked.delete(ask);
        reject(
          new PeerLostError(`dataset ${name}: expected ${names[peer]} to answer within ${timeoutMs} ms`, names[peer]!),
        );
      }, timeoutMs);
      this.#asked.set(ask, { peer, resolve, reject, timer });
      this.#send(peer, { type: "ask", ask, name });
    });
  }

  #take(peer: number, message: Message): void {
    const name = this.#core.names[peer]!;
    this.#pulse.heard(peer);
    if (message.type === "ping") return;
    if (message.type === "sync" || message.type === "agree") {
      const known: Map<number, Message> = message.type === "sync" ? this.#syncs : this.#agrees;
      if (known.has(peer)) throw new FrameError(`session: expected one ${message.type} of ${name}, got two`);
      known.set(peer, message);
      this.#proceed();
    } else if (this.#runs) this.#handle(peer, message);
    else {
      if (this.#held.length >= HELD)
        throw new FrameError(`session: expected ${name} to wait for all parties, got too much`);
      this.#held.push({ peer, message });
    }
  }

  /** The next step of the start, if all peers have spoken. */
  #proceed(): void {
    const { names, self } = this.#core;
    if (this.#runs || this.#error) return;
    if (!this.#start && this.#syncs.size === names.length) {
      this.#start = conclude(
        this.#core,
        this.mesh,
        this.#ends(8),
        names.map((_, party) => this.#syncs.get(party)!),
      );
      const { base, nextRun, state } = this.#start;
      this.#broadcast({ type: "agree", base, nextRun, state });
    }
    if (!this.#start || this.#agrees.size < names.length - 1) return;
    for (const [peer, agree] of this.#agrees) checkAgreed(this.#start, agree, names[peer]!);
    clearTimeout(this.#timer);
    const { order, commonCheckpoint, base } = this.#start;
    const { mesh } = this;
    const context = {
      ...{ core: this.#core, mesh, ends: this.#ends, order },
      ...{ pace: this.#pace, taking: this.#taking },
    };
    this.#runs = new Runs({
      core: this.#core,
      mesh: this.mesh,
      commonCheckpoint,
      send: (peer, message) => this.#send(peer, message),
      perform: (entry) => perform(entry, context),
    });
    this.#queries = new Queries({
      core: this.#core,
      runs: this.#runs,
      inputKeys: this.inputKeys,
      send: (peer, message) => this.#send(peer, message),
    });
    this.#core.log.info("session is up", { parties: names.join(","), self: names[self], run: base });
    this.#settle.resolve();
    for (const { peer, message } of this.#held.splice(0)) this.#handle(peer, message);
  }

  #handle(peer: number, message: Message): void {
    const runs = this.#runs!;
    switch (message.type) {
      case "have":
        runs.requests.onHave(peer, message);
        break;
      case "drop":
        if (peer !== 0) throw new FrameError(`run: expected party 0 to drop requests, got party ${peer}`);
        runs.requests.onDrop(message);
        break;
      case "propose":
        runs.onPropose(peer, message);
        break;
      case "ready":
        runs.onReady(peer, message);
        break;
      case "refuse":
        runs.onRefuse(peer, message);
        break;
      case "done":
        runs.onDone(peer, message.run);
        break;
      case "saved":
        runs.checkpoints.onSaved(peer, message.run);
        break;
      case "want":
        runs.onWant();
        break;
      case "query":
        this.#queries!.onQuery(peer, message);
        break;
      case "over":
        this.#queries!.onOver(peer, message);
        break;
      case "batch":
        this.#queries!.onBatch(peer, message);
        break;
      case "took":
        if (this.#core.self !== this.#core.definition.dealer)
          throw new FrameError(`session: expected ${this.#core.names[peer]} to tell a dealer what it took, got told`);
        this.#pace.told(peer, message);
        break;
      case "ask":
        this.#send(peer, { type: "answer", ask: message.ask, state: this.#core.datasets.state(message.name) });
        break;
      case "answer":
        this.#answered(peer, message);
        break;
      default:
        throw new FrameError(`session: expected sync and agree once, got ${message.type} again`);
    }
  }

  #answered(peer: number, { ask, state }: MessageOf<"answer">): void {
    const asked = this.#asked.get(ask);
    if (asked?.peer !== peer) return; // too late
    this.#asked.delete(ask);
    clearTimeout(asked.timer);
    asked.resolve(state);
  }

  async #end(error: Error): Promise<Error> {
    this.#error = error;
    this.#pulse.stop();
    this.#pace.end();
    clearTimeout(this.#timer);
    this.#settle?.reject(error);
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#asked.clear();
    this.#queries?.end(error);
    await this.#runs?.end(error);
    return error;
  }

  /** Messages of one moment leave together: a write costs more than they do. */
  #send(peer: number, message: Message): void {
    if (this.#error) return;
    const first = this.#outbox.every((waiting) => waiting.length === 0);
    this.#outbox[peer]!.push(message);
    if (message.type === "query") {
      // Queries come from many sockets, under load more in a moment; a frame for each would cost more than they do.
      if (first && this.#queries!.unfinished > GATHER_ABOVE) setTimeout(() => this.#flush(), GATHER_MS);
      else if (first) setImmediate(() => this.#flush());
    } else if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    this.#flushing = false;
    for (const [peer, waiting] of this.#outbox.entries())
      while (waiting.length > 0) {
        const bytes = encodeMessages(waiting.splice(0, mostMessages));
        try {
          // To an ended session nothing is sent; its end is told otherwise.
          if (!this.#error) this.mesh.sendControl(peer, bytes);
        } catch (error) {
          this.mesh.end(error as Error);
        }
      }
  }

  #broadcast(message: Message): void {
    for (let peer = 0; peer < this.#core.names.length; peer++) if (peer !== this.#core.self) this.#send(peer, message);
  }
}
