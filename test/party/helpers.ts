/** A cluster of parties in one process over memory meshes, with a driver and owners that call it. Not a test. */
import assert from "node:assert/strict";
import { type RowSource, shareDataset, type Uploader } from "../../src/data/index.js";
import { createMemoryMeshes, type Mesh } from "../../src/net/index.js";
import {
  type Answer,
  type Caller,
  memoryStores,
  Party,
  type PartyOptions,
  type Stores,
} from "../../src/party/index.js";
import { type Plan, planInputs } from "../../src/plan/index.js";
import { type ProtocolDefinition, rep3 } from "../../src/protocol/index.js";
import { secureRandom } from "../../src/random/index.js";
import { Ring } from "../../src/ring/index.js";

export const names = ["p0", "p1", "p2"];
export const driver: Caller = { name: "driver", role: "driver" };
export const alice: Caller = { name: "alice", role: "owner" };
export const bob: Caller = { name: "bob", role: "owner" };
export const hex = (bytes = 16): string => Buffer.from(secureRandom(bytes)).toString("hex");

export type Options = Partial<Omit<PartyOptions, "names" | "self" | "definition" | "stores">>;

/** Words by slot. */
export type Inputs = Readonly<Record<string, readonly bigint[]>>;

export interface RunResult {
  readonly run: number;
  readonly words: ReadonlyMap<string, bigint[]>;
  readonly answers: readonly Answer[];
}

export class TestCluster {
  parties: Party[] = [];
  meshes: Mesh[] = [];
  readonly stores: Stores[];
  readonly names: readonly string[];
  readonly #options: (self: number) => Options;

  /** Three members, so that additive sharing among two and a dealer does, too. */
  constructor(
    options: Options | ((self: number) => Options) = {},
    stores?: Stores[],
    readonly definition: ProtocolDefinition = rep3,
  ) {
    this.#options = typeof options === "function" ? options : () => options;
    this.names = names.slice(0, definition.parties);
    this.stores = stores ?? this.names.map(() => memoryStores());
    for (const self of this.names.keys()) this.revive(self);
  }

  /** A new process on the same disk. */
  revive(self: number): void {
    this.parties[self] = new Party({
      ...{
        names: this.names,
        self,
        definition: this.definition,
        stores: this.stores[self]!,
        version: "test",
        timeoutMs: 2000,
      },
      // One page is enough for small plans, and many parties are made.
      ring: new Ring(),
      identities: new Set([...names, "driver", "driver2", "alice", "bob"]),
      ...this.#options(self),
    });
  }

  /** A fresh session of all parties. */
  async connect(): Promise<this> {
    // Of a party that a test gives more time, which a loaded machine may need.
    const timeoutMs = Math.max(2000, this.#options(0).timeoutMs ?? 0);
    this.meshes = createMemoryMeshes(this.names, { timeoutMs });
    await Promise.all(this.parties.map((party, i) => party.attach(this.meshes[i]!)));
    return this;
  }

  /** As kill -9 does: nothing is saved, the peers see a closed connection. */
  async kill(self: number): Promise<void> {
    this.meshes[self]!.end(new Error("killed"));
    await Promise.all(this.meshes.map((mesh) => mesh.ended));
    this.revive(self);
  }

  async close(): Promise<void> {
    await Promise.all(this.parties.map((party) => party.detach()));
  }

  call(party: number, caller: Caller, method: string, params: unknown = {}, body?: Uint8Array): Promise<Answer> {
    return this.parties[party]!.handle(caller, method, params, body);
  }
  /** The same call at all parties; rejects with the first error when all have settled. */
  async all(caller: Caller, method: string, params: unknown = {}, bodies?: readonly Uint8Array[]): Promise<Answer[]> {
    return settle(this.names.map((_, i) => this.call(i, caller, method, params, bodies?.[i])));
  }

  async put(plan: Plan, caller = driver): Promise<Plan> {
    await this.all(
      caller,
      "plan.put",
      {},
      this.names.map(() => plan.bytes),
    );
    return plan;
  }

  bodies(plan: Plan, inputs: Inputs = {}): Uint8Array[] {
    return shareInputs(plan, inputs, this.definition);
  }

  async run(
    plan: Plan,
    options: {
      scalars?: Record<string, number>;
      inputs?: Inputs;
      checkpoint?: boolean;
      caller?: Caller;
      request?: string;
    } = {},
  ): Promise<RunResult> {
    const { scalars = {}, checkpoint = false, caller = driver, request = hex() } = options;
    const params = { request, digest: plan.digest, scalars, checkpoint };
    return combine(await this.all(caller, "run", params, this.bodies(plan, options.inputs)), this.definition, plan.env);
  }

  /** Shares rows as an owner does. */
  async share(owner: Caller, name: string, rows: readonly (readonly number[])[], scale = 16): Promise<void> {
    const width = rows[0]!.length;
    const source: RowSource = {
      rows: rows.length,
      rowShape: [width],
      read: (from, count, target) => target.set(rows.slice(from, from + count).flat()),
    };
    await shareDataset(source, { name, definition: this.definition, parties: this.names, scale }, this.uploader(owner));
  }
  uploader(owner: Caller): Uploader {
    const call = async (party: number, method: string, params: unknown, body?: Uint8Array) => {
      await this.call(party, owner, method, params, body);
    };
    return {
      begin: (party, meta, seeds) => call(party, "dataset.begin", { meta }, Buffer.concat(seeds)),
      append: (party, name, offset, words) => call(party, "dataset.append", { name, offset }, words),
      commit: (party, name, digest) => call(party, "dataset.commit", { name, digest }),
      publish: (party, name) => call(party, "dataset.publish", { name }),
      abort: (party, name) => call(party, "dataset.abort", { name }),
    };
  }

  async grant(owner: Caller, plan: Plan, limits: Record<string, unknown> = {}): Promise<string> {
    const id = hex();
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const grant = { reveal: "*", release: "open", minRows: 0, recipients: ["driver"], times: 1, expires };
    await this.all(owner, "grant.put", { id, digest: plan.digest, ...grant, ...limits });
    return id;
  }
}

/** How often a grant can still be used, by party. */
export async function usesLeft(cluster: TestCluster, id: string): Promise<number[]> {
  const lists = await cluster.all(driver, "grant.list");
  return lists.map(
    ({ result }) =>
      (result as { grants: { id: string; left: number }[] }).grants.find((grant) => grant.id === id)!.left,
  );
}

export async function settle<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(calls);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return results.map((result) => (result as PromiseFulfilledResult<T>).value);
}

/** Shares inputs as a driver does: a body for each party. */
export function shareInputs(plan: Plan, inputs: Inputs, { sharing }: ProtocolDefinition = rep3): Uint8Array[] {
  const parts: Uint8Array[][] = sharing.keepsCorrection.map(() => []);
  for (const { slot } of planInputs(plan)) {
    const words = new Uint8Array(BigInt64Array.from(inputs[slot]!).buffer);
    const seeds = sharing.freshSeeds();
    const correction = sharing.correction(seeds, 0, words);
    for (const [party, list] of parts.entries()) {
      list.push(...seeds.byParty[party]!);
      if (sharing.keepsCorrection[party]) list.push(correction);
    }
  }
  return parts.map((list) => Buffer.concat(list));
}

/** Adds up the parts of all parties. */
export function combine(
  answers: readonly Answer[],
  { sharing }: Pick<ProtocolDefinition, "sharing"> = rep3,
  { wordBits }: Pick<Plan["env"], "wordBits"> = { wordBits: 64 },
): RunResult {
  const results = answers.map(({ result }) => result as { run: number; reveals: { label: string; bytes: number }[] });
  const words = new Map<string, bigint[]>();
  let at = 0;
  for (const { label, bytes } of results[0]!.reveals) {
    const parts = answers.map(({ body }) => body!.subarray(at, at + bytes));
    const { buffer } = sharing.combine(parts, wordBits === 32 ? 4 : 8).slice();
    words.set(label, wordBits === 32 ? [...new Int32Array(buffer)].map(BigInt) : [...new BigInt64Array(buffer)]);
    at += bytes;
  }
  for (const { run } of results) assert.equal(run, results[0]!.run);
  return { run: results[0]!.run, words, answers };
}

/** Resolves with the error of a promise that must reject. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  assert.fail("expected a rejection, got none");
}
