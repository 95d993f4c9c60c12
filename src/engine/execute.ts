/**
 * Runs a program at one party: starts every node as soon as its inputs are there, and turns what all running nodes want
 * to exchange into one frame per peer and round. Not a scheduler in the event loop's sense: the order is a function of
 * the plan, equal at all parties, and nothing here waits on a promise between rounds.
 */
import type { Mesh } from "../net/index.js";
import type { EvalContext, EvalHost, Value } from "../ops/index.js";
import type { Exchange, Protocol, Rounds, Share, Transfer } from "../protocol/index.js";
import type { Ring, Scope } from "../ring/index.js";
import type { Program } from "./compile.js";
import { NodeSite } from "./site.js";

export interface RunOptions {
  readonly ring: Ring;
  readonly protocol: Protocol;
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
/** Time spent in local work and bytes sent, by operator name. */
export type Profile = Map<string, { seconds: number; bytes: number; calls: number }>;

export function execute(program: Program, options: RunOptions): Promise<RunStats> {
  return new Promise((resolve, reject) => new Execution(program, options, resolve, reject).advance());
}

interface Running {
  readonly id: number;
  readonly rounds: Rounds<Value>;
}

class Execution {
  readonly #started = performance.now();
  readonly #values: (Value | undefined)[];
  readonly #waits: number[];
  /** How many nodes still have to read node i's value. */
  readonly #readers: number[];
  /** How many values refer to one object: an alias (reshape) must not free what another still reads. */
  readonly #references = new Map<object, number>();
  #running: Running[] = [];
  #fresh: number[] = [];
  #left: number;
  #round = 0;
  #bytes = 0;

  constructor(
    private readonly program: Program,
    private readonly options: RunOptions,
    private readonly resolve: (stats: RunStats) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    const count = program.plan.nodes.length;
    this.#values = new Array(count);
    this.#waits = [...program.waits];
    this.#readers = program.consumers.map((list) => list.length);
    this.#left = count;
    for (let id = 0; id < count; id++) if (this.#waits[id] === 0) this.#fresh.push(id);
  }

  /** One turn: local work until every running node wants to exchange, then one exchange; loops while those are immediate. */
  advance(): void {
    try {
      for (;;) {
        const wanted = this.#work();
        if (this.#left === 0) {
          this.resolve({ rounds: this.#round, bytes: this.#bytes, seconds: (performance.now() - this.#started) / 1000 });
          return;
        }
        let immediate: boolean | undefined;
        this.#exchange(wanted, (error) => {
          if (error) this.reject(error);
          else if (immediate === undefined) immediate = true;
          else this.advance();
        });
        if (!immediate) {
          immediate = false;
          return;
        }
      }
    } catch (error) {
      this.reject(error);
    }
  }

  /** Steps what runs and starts what became ready, in node order, until all running nodes stand at an exchange. */
  #work(): { id: number; exchange: Exchange }[] {
    const wanted: { id: number; exchange: Exchange }[] = [];
    const waiting: Running[] = [];
    let queue = this.#running;
    for (;;) {
      for (const running of queue) {
        const step = this.#timed(running.id, () => running.rounds.next());
        if (step.done) this.#complete(running.id, step.value);
        else {
          wanted.push({ id: running.id, exchange: step.value });
          waiting.push(running);
        }
      }
      if (this.#fresh.length === 0) break;
      const fresh = this.#fresh.sort((a, b) => a - b);
      this.#fresh = [];
      queue = [];
      for (const id of fresh) {
        const result = this.#timed(id, () => this.#start(id));
        if ("next" in result) queue.push({ id, rounds: result });
        else this.#complete(id, result);
      }
    }
    this.#running = waiting.sort((a, b) => a.id - b.id);
    return wanted.sort((a, b) => a.id - b.id);
  }

  #start(id: number): Rounds<Value> | Value {
    const { ring, protocol, host, run, scope } = this.options;
    const { nodes } = this.program.plan;
    const node = nodes[id]!;
    const context: EvalContext = { ring, protocol, host, site: new NodeSite(run, id, scope) };
    const inputs = node.inputs.map((input) => this.#values[input]!);
    const types = { inputs: node.inputs.map((input) => nodes[input]!.type), output: node.type };
    return this.program.rules[id]!.evaluate(context, inputs, node.attrs as never, types);
  }

  #complete(id: number, value: Value): void {
    this.#left--;
    this.#values[id] = value;
    const object = contents(value);
    const { op } = this.program.plan.nodes[id]!;
    // A variable belongs to the store and an assigned share to the host: a reference that is never given back.
    const kept = op === "variable" || op === "assign" ? 1 : 0;
    this.#references.set(object, (this.#references.get(object) ?? 0) + 1 + kept);
    for (const consumer of this.program.consumers[id]!) {
      const left = this.#waits[consumer]! - 1;
      this.#waits[consumer] = left;
      if (left === 0) this.#fresh.push(consumer);
    }
    if (this.#readers[id] === 0) this.#drop(id);
    for (const input of new Set(this.program.plan.nodes[id]!.inputs)) {
      const left = this.#readers[input]! - 1;
      this.#readers[input] = left;
      if (left === 0) this.#drop(input);
    }
  }

  #drop(id: number): void {
    const value = this.#values[id]!;
    this.#values[id] = undefined;
    const object = contents(value);
    const left = this.#references.get(object)! - 1;
    this.#references.set(object, left);
    if (left > 0) return;
    this.#references.delete(object);
    const { protocol, scope } = this.options;
    if (value.kind === "public") scope.free(value.words);
    else protocol.free(scope, contents(value) as Share);
  }

  #exchange(wanted: readonly { id: number; exchange: Exchange }[], done: (error?: Error) => void): void {
    const { ring, mesh, run } = this.options;
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
      this.#note(id, 0, sent);
    }
    const send = parts.flatMap((list, peer) => (list.length > 0 ? [{ peer, parts: list }] : []));
    const receive = places.flatMap((list, peer) =>
      list.length > 0
        ? [
            {
              peer,
              bytes: list.reduce((sum, transfer) => sum + transfer.bytes, 0),
              deliver: (payload: Uint8Array) => {
                let at = 0;
                for (const { block, offset, bytes } of list) {
                  ring.bytes(block, offset ?? 0, bytes).set(payload.subarray(at, at + bytes));
                  at += bytes;
                }
              },
            },
          ]
        : [],
    );
    mesh.exchange(run, this.#round++, send, receive, done);
  }

  #timed<T>(id: number, work: () => T): T {
    if (!this.options.profile) return work();
    const before = performance.now();
    const result = work();
    this.#note(id, (performance.now() - before) / 1000, 0);
    return result;
  }
  #note(id: number, seconds: number, bytes: number): void {
    const { profile } = this.options;
    if (!profile) return;
    const { op } = this.program.plan.nodes[id]!;
    const row = profile.get(op) ?? { seconds: 0, bytes: 0, calls: 0 };
    row.seconds += seconds;
    row.bytes += bytes;
    row.calls++;
    profile.set(op, row);
  }
}

function contents(value: Value): object {
  if (value.kind === "share") return value.share;
  if (value.kind === "product") return value.product;
  return value.kind === "bits" ? value.bits : value.words;
}
