/**
 * Runs a program at one party: starts every node as soon as its inputs are there, and turns what all running nodes want
 * to exchange into one frame per peer and round. Not a scheduler in the event loop's sense: the order is a function of
 * the plan, equal at all parties, and nothing here waits on a promise between rounds.
 */
import { SecretgradError } from "../errors.js";
import type { Incoming, Mesh, Outgoing } from "../net/index.js";
import type { EvalContext, EvalHost, Value } from "../ops/index.js";
import type { Exchange, Protocol, Rounds, Transfer } from "../protocol/index.js";
import type { Ring, Scope } from "../ring/index.js";
import type { Program } from "./compile.js";
import { Lifetimes } from "./lifetimes.js";
import { type Profile, rowOf } from "./profile.js";
import { NodeSite } from "./site.js";

export interface RunOptions {
  readonly ring: Ring;
  readonly protocol: Protocol;
  /** The run must be open there. */
  readonly mesh: Pick<Mesh, "exchange" | "parties" | "self">;
  /** The run's number, used once. */
  readonly run: number;
  readonly host: EvalHost;
  /** Memory of this run; the caller closes it, also after a failure. */
  readonly scope: Scope;
  /** Collects time and traffic per operator. */
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

interface Running {
  readonly id: number;
  readonly rounds: Rounds<Value>;
}
interface Wanted {
  readonly id: number;
  readonly exchange: Exchange;
}
const byId = (a: { readonly id: number }, b: { readonly id: number }) => a.id - b.id;

class Execution {
  readonly #started = performance.now();
  readonly #lifetimes: Lifetimes;
  /** How many inputs node i still waits for. */
  readonly #waits: number[];
  /** Nodes that stand at an exchange, ascending. */
  #running: Running[] = [];
  /** Nodes whose inputs have all arrived. */
  #ready: number[] = [];
  #left: number;
  #round = 0;
  #bytes = 0;
  #over = false;

  constructor(
    private readonly program: Program,
    private readonly options: RunOptions,
    private readonly resolve: (stats: RunStats) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.#lifetimes = new Lifetimes(program, options.protocol, options.scope);
    this.#waits = [...program.waits];
    this.#left = this.#waits.length;
    this.#waits.forEach((count, id) => {
      if (count === 0) this.#ready.push(id);
    });
  }

  /** One turn: local work until every running node wants to exchange, then one exchange. */
  advance(): void {
    try {
      const wanted = this.#work();
      if (this.#left > 0) this.#exchange(wanted);
      else {
        this.#over = true;
        const seconds = (performance.now() - this.#started) / 1000;
        this.resolve({ rounds: this.#round, bytes: this.#bytes, seconds });
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#over = true;
    this.reject(error);
  }

  /** Steps what runs and starts what became ready, in node order, until all running nodes stand at an exchange. */
  #work(): Wanted[] {
    const wanted: Wanted[] = [];
    const waiting: Running[] = [];
    let queue = this.#running;
    for (;;) {
      for (const running of queue) {
        const step = this.#step(running);
        if (step.done) this.#complete(running.id, step.value);
        else {
          wanted.push({ id: running.id, exchange: step.value });
          waiting.push(running);
        }
      }
      if (this.#ready.length === 0) break;
      const ready = this.#ready.sort((a, b) => a - b);
      this.#ready = [];
      queue = [];
      for (const id of ready) {
        const result = this.#start(id);
        if ("next" in result) queue.push({ id, rounds: result });
        else this.#complete(id, result);
      }
    }
    this.#running = waiting.sort(byId);
    return wanted.sort(byId);
  }

  #start(id: number): Rounds<Value> | Value {
    const { ring, protocol, host, run, scope, profile } = this.options;
    const { plan, rules, types } = this.program;
    const node = plan.nodes[id]!;
    const context: EvalContext = { ring, protocol, host, site: new NodeSite(run, id, scope) };
    const inputs = node.inputs.map((input) => this.#lifetimes.get(input));
    if (!profile) return rules[id]!.evaluate(context, inputs, node.attrs as never, types[id]!);
    const before = performance.now();
    const result = rules[id]!.evaluate(context, inputs, node.attrs as never, types[id]!);
    const row = rowOf(profile, node.op);
    row.seconds += (performance.now() - before) / 1000;
    row.calls++;
    return result;
  }

  #step({ id, rounds }: Running): IteratorResult<Exchange, Value> {
    const { profile } = this.options;
    if (!profile) return rounds.next();
    const before = performance.now();
    const step = rounds.next();
    rowOf(profile, this.program.plan.nodes[id]!.op).seconds += (performance.now() - before) / 1000;
    return step;
  }

  #complete(id: number, value: Value): void {
    this.#left--;
    this.#lifetimes.complete(id, value);
    for (const consumer of this.program.consumers[id]!) if (--this.#waits[consumer]! === 0) this.#ready.push(consumer);
  }

  #exchange(wanted: readonly Wanted[]): void {
    if (wanted.length === 0)
      throw new SecretgradError(`engine: expected nodes to wait for an exchange, got ${this.#left} that never start`);
    const { ring, mesh, run, profile } = this.options;
    const parts: Uint8Array[][] = Array.from({ length: mesh.parties }, () => []);
    const places: Transfer[][] = Array.from({ length: mesh.parties }, () => []);
    for (const { id, exchange } of wanted) {
      let sent = 0;
      for (const transfer of exchange.send) {
        parts[transfer.peer]!.push(ring.bytes(transfer.block, transfer.offset ?? 0, transfer.bytes));
        sent += transfer.bytes;
      }
      for (const transfer of exchange.receive) places[transfer.peer]!.push(transfer);
      this.#bytes += sent;
      if (profile) rowOf(profile, this.program.plan.nodes[id]!.op).bytes += sent;
    }
    const send: Outgoing[] = [];
    const receive: Incoming[] = [];
    for (let peer = 0; peer < mesh.parties; peer++) {
      const [list, into] = [parts[peer]!, places[peer]!];
      if (list.length > 0) send.push({ peer, parts: list });
      if (into.length > 0)
        receive.push({ peer, bytes: total(into), deliver: (payload) => this.#deliver(into, payload) });
    }
    mesh.exchange(run, this.#round++, send, receive, (error) => {
      if (this.#over) return;
      if (error) this.#fail(error);
      else this.advance();
    });
  }

  /** Cuts one peer's frame up, in the order in which the peer put it together: by node, then as the protocol sent. */
  #deliver(places: readonly Transfer[], payload: Uint8Array): void {
    // Once the run has failed its memory may be somebody else's.
    if (this.#over) return;
    let at = 0;
    for (const { block, offset, bytes } of places) {
      this.options.ring.bytes(block, offset ?? 0, bytes).set(payload.subarray(at, at + bytes));
      at += bytes;
    }
  }
}

function total(transfers: readonly Transfer[]): number {
  let bytes = 0;
  for (const transfer of transfers) bytes += transfer.bytes;
  return bytes;
}
