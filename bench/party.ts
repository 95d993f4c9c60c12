/**
 * One party of a benchmark: runs plans that it is told to run, keeps variables, reports times. Not the daemon of
 * `src/party`: nothing is stored, granted or policed here, so that what is timed is the protocol.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { compile, execute, Profile, type Program } from "../src/engine/index.js";
import type { Mesh } from "../src/net/index.js";
import type { EvalHost } from "../src/ops/index.js";
import { decodePlan, wordBytesOf } from "../src/plan/index.js";
import { createEnds, type Ends, protocolNamed, type Share } from "../src/protocol/index.js";
import { Prg } from "../src/random/index.js";
import { type KernelSets, Ring, type Scope } from "../src/ring/index.js";
import { Counter, type NodeReport } from "./profile.js";

export interface RunOrder {
  readonly plan: Uint8Array;
  readonly run: number;
  readonly scalars: Readonly<Record<string, number>>;
  /** This party's part of each input: its seeds and, if it keeps one, the correction. */
  readonly inputs: Readonly<
    Record<string, { readonly seeds: readonly Uint8Array[]; readonly correction?: Uint8Array }>
  >;
  readonly profile?: boolean;
}
export interface RunReport {
  readonly seconds: number;
  /** Processor time of this process, all its threads; with memory transport that of all parties. */
  readonly cpuSeconds: number;
  readonly rounds: number;
  readonly bytes: number;
  readonly parts: readonly Uint8Array[];
  /** By node, if it was asked for. */
  readonly profile?: readonly NodeReport[];
  /** What this party sent on its busiest link in each exchange, the last one with revealed values; with `profile`. */
  readonly busiest?: readonly number[];
}

/** Of one process, but for the ring, which is one party's. */
export interface MemoryReport {
  /** In live blocks. */
  readonly ringUsed: number;
  /** The ring's memory, which never shrinks. */
  readonly ring: number;
  /** JavaScript objects, after a full collection. */
  readonly heap: number;
  /** Buffers outside of it, the ring among them. */
  readonly external: number;
  readonly resident: number;
}

/** Later than any of a run. */
const LAST_ROUND = 2 ** 32 - 1;

export class BenchParty {
  readonly #counter: Counter | undefined;
  readonly #ring: Ring;
  readonly #store: Scope;
  readonly #narrowStore: Scope;
  readonly #ends: Ends;
  readonly #programs = new Map<string, Program>();
  readonly #variables = new Map<string, Share>();
  /** The same modulo 2^32, since they were first asked for. */
  readonly #reduced = new Map<string, Share>();
  readonly #coins: Prg;

  constructor(
    protocol: string,
    readonly mesh: Mesh,
    /** Whether runs will be profiled: products are counted then. */
    profiled = false,
    kernels: KernelSets | undefined = undefined,
  ) {
    this.#counter = profiled ? new Counter() : undefined;
    const chosen = this.#counter?.kernels ?? kernels;
    this.#ring = new Ring(chosen ? { kernels: chosen } : {});
    this.#store = this.#ring.scope();
    this.#narrowStore = this.#ring.narrow.scope();
    this.#coins = new Prg(mesh.coinKey("masks"));
    this.#ends = createEnds(protocolNamed(protocol), {
      ring: this.#ring,
      self: mesh.self,
      pairKey: (peer, label) => mesh.pairKey(peer, label),
    });
  }

  async run(order: RunOrder): Promise<RunReport> {
    const program = this.#program(order.plan);
    const wordBytes = wordBytesOf(program.plan);
    const ring = wordBytes === 8 ? this.#ring : this.#ring.narrow;
    const protocol = this.#ends(wordBytes);
    const scope = ring.scope();
    const parts: Uint8Array[] = [];
    const written = new Map<string, Share>();
    const host: EvalHost = {
      scalar: (slot) => BigInt(order.scalars[slot] ?? 0),
      coin: (nonce) => {
        const stream = this.#coins.stream(nonce);
        return (target) => stream.fill(target);
      },
      input: (slot, words) => {
        const { seeds, correction } = order.inputs[slot]!;
        const read = (offset: number, target: Uint8Array) =>
          target.set(correction!.subarray(offset * 8, offset * 8 + target.length));
        return { rows: 1, rowWords: words, stored: correction ? { seeds, correction: read } : { seeds } };
      },
      dataset: () => fail("dataset"),
      rows: () => fail("rows"),
      variable: (name) => {
        const share = this.#variables.get(name) ?? fail(name);
        if (wordBytes === 8) return share;
        const reduced = this.#reduced.get(name) ?? protocol.reduced(this.#narrowStore, share);
        this.#reduced.set(name, reduced);
        return reduced;
      },
      assign: (name, share) => void written.set(name, share),
      reveal: (_label, _recipient, part) => void parts.push(ring.bytes(part).slice()),
    };
    await this.#barrier(order.run);
    this.mesh.openRun(order.run + 1, 2 ** 40);
    const profile = order.profile ? new Profile() : undefined;
    if (profile) this.#counter!.start(profile);
    const busiest: number[] = [];
    const mesh = profile ? watched(this.mesh, busiest) : this.mesh;
    const options = { ring, protocol, mesh, run: order.run + 1, host, scope };
    const [before, cpuBefore] = [performance.now(), process.cpuUsage()];
    const stats = await execute(program, profile ? { ...options, profile } : options);
    const collected = parts.length > 0 ? await this.#deliver(order.run + 1, parts) : [];
    const seconds = (performance.now() - before) / 1000;
    busiest.push(this.mesh.self === 0 ? 0 : parts.reduce((sum, part) => sum + part.length, 0));
    const { user, system } = process.cpuUsage(cpuBefore);
    this.mesh.closeRun(order.run + 1);
    for (const [name, share] of written) {
      const old = this.#variables.get(name);
      if (old) this.#ends(8).free(this.#store, old);
      this.#variables.set(name, this.#ends(8).move(share, scope, this.#store));
      const reduced = this.#reduced.get(name);
      if (reduced) this.#ends(4).free(this.#narrowStore, reduced);
      this.#reduced.delete(name);
    }
    scope.close();
    return {
      seconds,
      cpuSeconds: (user + system) / 1e6,
      rounds: stats.rounds,
      bytes: stats.bytes,
      parts: collected,
      ...(profile ? { profile: this.#counter!.stop(), busiest } : {}),
    };
  }

  #program(bytes: Uint8Array): Program {
    const key = Buffer.from(bytes).toString("latin1");
    const known = this.#programs.get(key);
    if (known) return known;
    const program = compile(
      decodePlan(bytes, { maxBytes: 2 ** 26, maxNodes: 20_000, maxElements: 2 ** 30 }),
      this.#ends(8).definition,
    );
    this.#programs.set(key, program);
    return program;
  }

  /** All parties start the clock within one message's time. */
  async #barrier(run: number): Promise<void> {
    this.mesh.openRun(run, 64);
    await this.#exchange(run, 0, (peer) => ({ send: [new Uint8Array(8)], receive: peer === this.mesh.self ? 0 : 8 }));
    this.mesh.closeRun(run);
  }

  /** The parts of revealed values travel to party 0, as they would to a recipient. */
  async #deliver(run: number, parts: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const own = Buffer.concat(parts);
    const all = this.mesh.self === 0 ? this.mesh.names.map((_, peer) => (peer ? new Uint8Array(bytes) : own)) : [];
    await this.#exchange(
      run,
      LAST_ROUND,
      (peer) => ({ send: peer === 0 ? [own] : [], receive: this.mesh.self === 0 ? bytes : 0 }),
      (peer, piece, at) => all[peer]!.set(piece, at),
    );
    return all;
  }

  #exchange(
    run: number,
    round: number,
    what: (peer: number) => { send: Uint8Array[]; receive: number },
    deliver: (peer: number, piece: Uint8Array, at: number) => void = () => {},
  ): Promise<void> {
    const peers = this.mesh.names.map((_, peer) => peer).filter((peer) => peer !== this.mesh.self);
    const send = peers.map((peer) => ({ peer, parts: what(peer).send })).filter(({ parts }) => parts.length > 0);
    const receive = peers
      .map((peer) => ({
        peer,
        bytes: what(peer).receive,
        deliver: (piece: Uint8Array, at: number) => deliver(peer, piece, at),
      }))
      .filter(({ bytes }) => bytes > 0);
    return new Promise((resolve, reject) =>
      this.mesh.exchange(run, round, send, receive, (error) => (error ? reject(error) : resolve())),
    );
  }

  memory(): MemoryReport {
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
    const { heapUsed, external, rss } = process.memoryUsage();
    return {
      ringUsed: this.#ring.usedBytes,
      ring: this.#ring.memoryBytes,
      heap: heapUsed,
      external,
      resident: rss,
    };
  }

  /** Seconds of rounds in which every party sends `bytes` to the next and awaits as much from the one before. */
  async ring(run: number, bytes: number, rounds: number): Promise<number> {
    await this.#barrier(run);
    this.mesh.openRun(run + 1, 2 ** 40);
    const payload = new Uint8Array(bytes);
    const { self, parties } = this.mesh;
    const before = performance.now();
    for (let round = 0; round < rounds; round++)
      await this.#exchange(run + 1, round, (peer) => ({
        send: peer === (self + 1) % parties ? [payload] : [],
        receive: peer === (self + parties - 1) % parties ? bytes : 0,
      }));
    const seconds = (performance.now() - before) / 1000;
    this.mesh.closeRun(run + 1);
    return seconds / rounds;
  }
}

type Exchanging = Pick<Mesh, "exchange" | "parties" | "self">;

/** Notes for each exchange how many bytes went to the peer that was sent most. */
function watched(mesh: Mesh, busiest: number[]): Exchanging {
  return {
    parties: mesh.parties,
    self: mesh.self,
    exchange(run, round, send, receive, done) {
      const bytes = send.map(({ parts }) => parts.reduce((sum, part) => sum + part.length, 0));
      busiest.push(Math.max(0, ...bytes));
      mesh.exchange(run, round, send, receive, done);
    },
  };
}

function fail(what: string): never {
  throw new Error(`bench: expected no ${what} in a benchmark`);
}
