/**
 * Runs plans in one process with the real engine and real meshes over memory: all parties of any protocol. For tests; no
 * policy, no storage, no secrecy.
 */
import assert from "node:assert/strict";
import { compile, execute, NodeSite, Profile, type Program, type RunStats } from "../../src/engine/index.js";
import { SessionEndedError } from "../../src/errors.js";
import { createMemoryMeshes, type Mesh } from "../../src/net/index.js";
import type { EvalHost, RowRequest } from "../../src/ops/index.js";
import { type Plan, planReveals, type Recorder, wordBytesOf } from "../../src/plan/index.js";
import {
  createEnds,
  type Ends,
  type ProtocolDefinition,
  type Share,
  type StoredShare,
} from "../../src/protocol/index.js";
import { Prg } from "../../src/random/index.js";
import { decode, encode, Ring, type Scope, size } from "../../src/ring/index.js";

export interface Given {
  /** Real numbers by slot, in row-major order. */
  readonly inputs?: Readonly<Record<string, ArrayLike<number>>>;
  readonly variables?: Readonly<Record<string, ArrayLike<number>>>;
  readonly datasets?: Readonly<Record<string, ArrayLike<number>>>;
  /** Mantissas and positions by slot. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Row numbers of a batch; default: position, position + 1, … */
  readonly rows?: (request: RowRequest) => Uint32Array;
}
export interface Outcome {
  /** Revealed values by label. */
  readonly revealed: Readonly<Record<string, Float64Array>>;
  /** Assigned variables by name, looked into. */
  readonly assigned: Readonly<Record<string, Float64Array>>;
  /** By party. */
  readonly stats: readonly RunStats[];
  readonly profiles: readonly Profile[];
  /** Blocks that each run's scope still owned at the end: those of assigned variables. */
  readonly live: readonly number[];
}
export interface RunSettings {
  readonly profile?: boolean;
  /** Wraps a party's end of the mesh. */
  readonly mesh?: (mesh: Mesh) => Mesh;
  readonly host?: (host: EvalHost, party: number) => EvalHost;
}

/** Of all clusters, in every run. */
const coins = new Prg(new Uint8Array(16));

interface End {
  readonly self: number;
  readonly ring: Ring;
  readonly store: Scope;
  readonly narrowStore: Scope;
  readonly ends: Ends;
  readonly mesh: Mesh;
}

/** Sharings as the parties keep them. */
type Kept = ReadonlyMap<string, { readonly byParty: readonly StoredShare[]; readonly rowWords: number; rows: number }>;

/** All parties of one session. Close it, so that nothing keeps the test alive. */
export class Cluster {
  readonly ends: readonly End[];
  /** What each party's run failed with, the last time one did. */
  errors: readonly unknown[] = [];
  #run = 0;

  constructor(readonly definition: ProtocolDefinition) {
    const names = Array.from({ length: definition.parties }, (_, i) => `p${i}`);
    this.ends = createMemoryMeshes(names).map((mesh, self) => {
      const ring = new Ring();
      const pairKey = (peer: number, label: string) => mesh.pairKey(peer, label);
      const ends = createEnds(definition, { ring, self, pairKey });
      return { self, ring, store: ring.scope(), narrowStore: ring.narrow.scope(), mesh, ends };
    });
  }

  close(): void {
    for (const { mesh } of this.ends) mesh.end(new SessionEndedError("test: over"));
  }

  async run(recorded: Plan | Recorder, given: Given = {}, settings: RunSettings = {}): Promise<Outcome> {
    const plan = "close" in recorded ? recorded.close() : recorded;
    return this.runProgram(compile(plan, this.definition), given, settings);
  }

  async runProgram(program: Program, given: Given = {}, settings: RunSettings = {}): Promise<Outcome> {
    const run = ++this.#run;
    const wordBytes = wordBytesOf(program.plan);
    /** Of the plan's words. */
    const ringOf = ({ ring }: End) => (wordBytes === 8 ? ring : ring.narrow);
    const inputs = this.#share(program.plan, "input", given.inputs ?? {});
    const datasets = this.#share(program.plan, "dataset", given.datasets ?? {});
    const variables = this.#share(program.plan, "variable", given.variables ?? {});
    const scopes = this.ends.map((end) => ringOf(end).scope());
    const parts = new Map<string, Uint8Array[]>();
    const assigned = new Map<string, { shares: Share[]; scale: number }>();
    const profiles: Profile[] = [];
    const loaded: Map<string, Share>[] = [];
    try {
      const settled = await Promise.allSettled(
        this.ends.map(async (end) => {
          const { mesh, self, store, narrowStore, ends } = end;
          const [ring, protocol] = [ringOf(end), ends(wordBytes)];
          const stored = new Map<string, Share>();
          loaded.push(stored);
          let slot = 0;
          for (const [name, { byParty, rowWords }] of variables) {
            const site = new NodeSite(run, 2 ** 23 + slot++, store);
            const share = ends(8).incoming(site, byParty[self]!, rowWords, Uint32Array.of(0));
            stored.set(name, wordBytes === 8 ? share : protocol.reduced(narrowStore, share));
            if (wordBytes !== 8) ends(8).free(store, share);
          }
          const host: EvalHost = {
            scalar: (name) => BigInt(known(given.scalars ?? {}, name)),
            coin: (nonce) => {
              const stream = coins.stream({ ...nonce, run: 1 });
              return (target) => stream.fill(target);
            },
            input: (name, words) => rowsOf(inputs, name, self, words),
            dataset: (name) => rowsOf(datasets, name, self),
            rows: given.rows ?? (({ batch, position }) => Uint32Array.from({ length: batch }, (_, i) => position + i)),
            variable: (name) => stored.get(name) ?? assert.fail(`no variable ${name}`),
            assign(name, share, type) {
              const entry = assigned.get(name) ?? { shares: [], scale: type.scale };
              entry.shares[self] = share;
              assigned.set(name, entry);
            },
            reveal(label, _recipient, part) {
              const list = parts.get(label) ?? [];
              list[self] = ring.bytes(part).slice();
              parts.set(label, list);
            },
          };
          mesh.openRun(run, 2 ** 40);
          const profile = new Profile();
          profiles[self] = profile;
          const options = {
            ring,
            protocol,
            mesh: settings.mesh?.(mesh) ?? mesh,
            run,
            host: settings.host?.(host, self) ?? host,
            scope: scopes[self]!,
          };
          const stats = await execute(program, settings.profile ? { ...options, profile } : options);
          mesh.closeRun(run);
          return stats;
        }),
      );
      this.errors = settled.map((result) => (result.status === "rejected" ? result.reason : undefined));
      const stats = settled.map((result) => {
        if (result.status === "rejected") throw result.reason;
        return result.value;
      });
      return {
        stats,
        profiles,
        live: scopes.map((scope) => scope.live),
        revealed: this.#combine(program.plan, parts),
        assigned: this.#look(run, scopes, assigned),
      };
    } finally {
      this.ends.forEach(({ ends, store, narrowStore }, self) => {
        for (const share of loaded[self]?.values() ?? [])
          ends(wordBytes).free(wordBytes === 8 ? store : narrowStore, share);
        scopes[self]!.close();
      });
    }
  }

  /** Shares numbers as an outsider would, at the scale that the plan's node has. */
  #share(plan: Plan, op: string, values: Readonly<Record<string, ArrayLike<number>>>): Kept {
    const { sharing, parties } = this.definition;
    const kept = new Map();
    for (const node of plan.nodes) {
      if (node.op !== op) continue;
      const at = node.attrs as { name?: string; slot?: string; rows?: number; rowShape?: number[] };
      const name = (at.name ?? at.slot)!;
      const list = known(values, name);
      const words = new BigInt64Array(list.length);
      encode(list, node.type.scale, words);
      const seeds = sharing.freshSeeds();
      const bytes = sharing.correction(seeds, 0, new Uint8Array(words.buffer));
      const correction = (offset: number, target: Uint8Array) =>
        target.set(bytes.subarray(offset * 8, offset * 8 + target.length));
      const byParty = Array.from({ length: parties }, (_, i): StoredShare => {
        const own = { seeds: seeds.byParty[i]! };
        return sharing.keepsCorrection[i] ? { ...own, correction } : own;
      });
      const rows = at.rows ?? 1;
      kept.set(name, { byParty, rows, rowWords: at.rowShape ? size(at.rowShape) : list.length });
      assert.equal(list.length, rows * kept.get(name).rowWords, `numbers given for ${name}`);
    }
    return kept;
  }

  #combine(plan: Plan, parts: ReadonlyMap<string, Uint8Array[]>): Record<string, Float64Array> {
    return Object.fromEntries(
      planReveals(plan).map(({ label, type }) => {
        const { buffer } = this.definition.sharing.combine(parts.get(label)!, wordBytesOf(plan));
        const words =
          wordBytesOf(plan) === 8 ? new BigInt64Array(buffer) : BigInt64Array.from(new Int32Array(buffer), BigInt);
        return [label, decode(words, type.scale)];
      }),
    );
  }

  #look(
    run: number,
    scopes: readonly Scope[],
    assigned: ReadonlyMap<string, { shares: Share[]; scale: number }>,
  ): Record<string, Float64Array> {
    let node = 2 ** 22;
    return Object.fromEntries(
      [...assigned].map(([name, { shares, scale }]) => {
        node++;
        const parts = this.ends.map(({ ring, ends, self }) => {
          const part = ends(8).outgoing(new NodeSite(run, node, scopes[self]!), shares[self]!);
          return ring.bytes(part).slice();
        });
        const words = this.definition.sharing.combine(parts, 8);
        return [name, decode(new BigInt64Array(words.buffer), scale)];
      }),
    );
  }
}

function rowsOf(kept: Kept, name: string, self: number, words?: number) {
  const { byParty, rows, rowWords } = kept.get(name) ?? assert.fail(`nothing given for ${name}`);
  assert.equal(words ?? rowWords, rowWords);
  return { rows, rowWords, stored: byParty[self]! };
}

function known<T>(values: Readonly<Record<string, T>>, name: string): T {
  return values[name] ?? assert.fail(`nothing given for ${name}`);
}

/** One run on a cluster of its own. */
export async function runOnce(
  definition: ProtocolDefinition,
  recorded: Plan | Recorder,
  given: Given = {},
  settings: RunSettings = {},
): Promise<Outcome> {
  const cluster = new Cluster(definition);
  try {
    return await cluster.run(recorded, given, settings);
  } finally {
    cluster.close();
  }
}
