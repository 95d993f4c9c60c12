/**
 * Runs a program at one party: starts every node as soon as its inputs are there, and turns what all running nodes want
 * to exchange into one frame per peer and round. Not a scheduler in the event loop's sense: the order is a function of
 * the plan, equal at all parties, and nothing here waits on a promise between rounds.
 */
import { SecretgradError } from "../errors.js";
import type { Incoming, Mesh, Outgoing } from "../net/index.js";
import type { EvalContext, EvalHost, Value } from "../ops/index.js";
import { wordBytesOf } from "../plan/index.js";
import { type Exchange, inTurn, type Protocol, type Rounds, type Transfer } from "../protocol/index.js";
import type { Ring, Scope } from "../ring/index.js";
import type { Program } from "./compile.js";
import { Lifetimes } from "./lifetimes.js";
import type { Profile } from "./profile.js";
import { NodeSite } from "./site.js";

export interface RunOptions {
  /** Of the plan's word size, as the protocol's end and the scope are. */
  readonly ring: Ring;
  readonly protocol: Protocol;
  /** The run must be open there. */
  readonly mesh: Pick<Mesh, "exchange" | "parties" | "self">;
  /** The run's number, used once. */
  readonly run: number;
  readonly host: EvalHost;
  /** Memory of this run; the caller closes it, also after a failure. */
  readonly scope: Scope;
  /** Collects time and traffic by node. */
  readonly profile?: Profile;
}
export interface RunStats {
  readonly rounds: number;
  /** Payload bytes that this party sent. */
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Resolves when every node is evaluated, with what was sent. Rejects with the first error, from the network or from a
 * node; then nothing is sent or written any more.
 */
export function execute(program: Program, options: RunOptions): Promise<RunStats> {
  return new Promise((resolve, reject) => new Execution(program, options, resolve, reject).advance());
}

/** A node that stands at an exchange. */
interface Running {
  readonly id: number;
  readonly rounds: Rounds<Value>;
  exchange: Exchange;
}

/** What one peer sends in a round. One object serves all rounds of a run, which has one exchange at a time. */
class Inflow implements Incoming {
  bytes = 0;
  /** In the order in which the peer put its frame together: by node, then as the protocol sent. */
  readonly places: Transfer[] = [];
  /** The place where the next byte goes, and how much of it is filled. */
  #place = 0;
  #filled = 0;
  #ring: Ring | undefined;

  constructor(
    readonly peer: number,
    ring: Ring,
  ) {
    this.#ring = ring;
  }

  /** Forgets the last round. */
  clear(): void {
    this.bytes = this.#place = this.#filled = this.places.length = 0;
  }

  add(transfer: Transfer): void {
    this.places.push(transfer);
    this.bytes += transfer.bytes;
  }

  /** Writes nothing from now on: once a run is over its memory may be somebody else's. */
  stop(): void {
    this.#ring = undefined;
  }

  /** Cuts the frame up as it arrives. */
  readonly deliver = (piece: Uint8Array): void => {
    if (!this.#ring) return;
    for (let from = 0; from < piece.length; ) {
      const { block, offset, bytes } = this.places[this.#place]!;
      const take = Math.min(piece.length - from, bytes - this.#filled);
      const target = this.#ring.bytes(block, (offset ?? 0) + this.#filled, take);
      target.set(take === piece.length ? piece : piece.subarray(from, from + take));
      from += take;
      this.#filled += take;
      if (this.#filled < bytes) return;
      this.#place++;
      this.#filled = 0;
    }
  };
}

class Execution {
  readonly #started = performance.now();
  readonly #lifetimes: Lifetimes;
  /** How many inputs node i still waits for. */
  readonly #waits: number[];
  /** Nodes that stand at an exchange, ascending. */
  #running: readonly Running[] = [];
  /** Those of them whose exchange is under way. */
  #turn: readonly Running[] = [];
  readonly #inflows: Inflow[] = [];
  /** Nodes whose inputs have all arrived. */
  #ready: number[] = [];
  #left: number;
  #exchanges = 0;
  #rounds = 0;
  #bytes = 0;
  #over = false;

  constructor(
    private readonly program: Program,
    private readonly options: RunOptions,
    private readonly resolve: (stats: RunStats) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    const { ring, mesh, protocol, scope } = options;
    const wordBytes = wordBytesOf(program.plan);
    if (ring.wordBytes !== wordBytes)
      throw new SecretgradError(`engine: expected a ring of ${wordBytes}-byte words, got ${ring.wordBytes}-byte words`);
    for (let peer = 0; peer < mesh.parties; peer++) this.#inflows.push(new Inflow(peer, ring));
    this.#lifetimes = new Lifetimes(program, protocol, scope);
    this.#waits = [...program.waits];
    this.#left = this.#waits.length;
    this.#waits.forEach((count, id) => {
      if (count === 0) this.#ready.push(id);
    });
  }

  /** One turn: local work until every running node wants to exchange, then one exchange: of the deliveries, if there are any. */
  advance(): void {
    try {
      this.#work();
      if (this.#left > 0) this.#exchange();
      else {
        this.#stop();
        const seconds = (performance.now() - this.#started) / 1000;
        this.resolve({ rounds: this.#rounds, bytes: this.#bytes, seconds });
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #stop(): void {
    this.#over = true;
    for (const inflow of this.#inflows) inflow.stop();
  }

  #fail(error: unknown): void {
    this.#stop();
    this.reject(error);
  }

  /** Steps what runs and starts what became ready, in node order, until all running nodes stand at an exchange. */
  #work(): void {
    const waiting =
      this.#turn === this.#running ? [] : this.#running.filter((running) => !this.#turn.includes(running));
    for (const running of this.#turn) {
      const step = this.#step(running.id, running.rounds);
      if (step.done) this.#complete(running.id, step.value);
      else {
        running.exchange = step.value;
        waiting.push(running);
      }
    }
    while (this.#ready.length > 0) {
      const ready = this.#ready.sort((a, b) => a - b);
      this.#ready = [];
      const started: { id: number; rounds: Rounds<Value> }[] = [];
      for (const id of ready) {
        const result = this.#start(id);
        if ("next" in result) started.push({ id, rounds: result });
        else this.#complete(id, result);
      }
      for (const { id, rounds } of started) {
        const step = this.#step(id, rounds);
        if (step.done) this.#complete(id, step.value);
        else waiting.push({ id, rounds, exchange: step.value });
      }
    }
    this.#running = waiting.sort((a, b) => a.id - b.id);
    this.#turn = inTurn(this.#running, ({ exchange }) => exchange);
  }

  #start(id: number): Rounds<Value> | Value {
    const { ring, protocol, host, run, scope, profile } = this.options;
    const { steps, types } = this.program;
    const { inputs: needed, attrs, rule } = steps[id]!;
    const context: EvalContext = { ring, protocol, host, site: new NodeSite(run, id, scope) };
    const inputs = needed.map((input) => this.#lifetimes.get(input));
    if (!profile) return rule.evaluate(context, inputs, attrs as never, types[id]!);
    return profile.measure(id, () => rule.evaluate(context, inputs, attrs as never, types[id]!));
  }

  #step(id: number, rounds: Rounds<Value>): IteratorResult<Exchange, Value> {
    const { profile } = this.options;
    return profile ? profile.measure(id, () => rounds.next()) : rounds.next();
  }

  #complete(id: number, value: Value): void {
    this.#left--;
    this.#lifetimes.complete(id, value);
    for (const consumer of this.program.consumers[id]!) if (--this.#waits[consumer]! === 0) this.#ready.push(consumer);
  }

  #exchange(): void {
    if (this.#running.length === 0)
      throw new SecretgradError(`engine: expected nodes to wait for an exchange, got ${this.#left} that never start`);
    const { ring, mesh, run, profile } = this.options;
    for (const inflow of this.#inflows) inflow.clear();
    const parts: Uint8Array[][] = [];
    for (const { id, exchange } of this.#turn) {
      let sent = 0;
      for (const { peer, block, offset, bytes } of exchange.send) {
        parts[peer] ??= [];
        parts[peer].push(ring.bytes(block, offset ?? 0, bytes));
        sent += bytes;
      }
      let received = 0;
      for (const transfer of exchange.receive) {
        this.#inflows[transfer.peer]!.add(transfer);
        received += transfer.bytes;
      }
      this.#bytes += sent;
      profile?.exchanges(id, sent, received);
    }
    const send: Outgoing[] = [];
    const receive: Incoming[] = [];
    for (const inflow of this.#inflows) {
      const { peer, places } = inflow;
      if (parts[peer]) send.push({ peer, parts: parts[peer] });
      if (places.length > 0) receive.push(inflow);
    }
    if (!this.#turn[0]!.exchange.delivery) this.#rounds++;
    profile?.began();
    mesh.exchange(run, this.#exchanges++, send, receive, this.#exchanged);
  }

  readonly #exchanged = (error?: Error): void => {
    if (this.#over) return;
    this.options.profile?.ended();
    if (error) this.#fail(error);
    else this.advance();
  };
}
