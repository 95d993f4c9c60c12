/**
 * What a party needs from its storage, as interfaces: `storage/` keeps it in sealed files, `memory-stores.ts` for the
 * life of a process. Not the policy of what is stored when.
 */
import type { StoredShare } from "../protocol/index.js";
import type { DatasetMeta } from "./dataset-meta.js";
import type { VariableMeta } from "./variable-meta.js";

export interface StoredDataset {
  readonly meta: DatasetMeta;
  readonly stored: StoredShare;
  /** SHA-256 in hex of the correction as it was received; absent if this party keeps seeds only. */
  readonly correctionDigest?: string | undefined;
}
/** An upload is invisible until its commit, which is durable. */
export interface DatasetStore {
  begin(meta: DatasetMeta, seeds: readonly Uint8Array[]): void | Promise<void>;
  append(name: string, offsetWords: number, bytes: Uint8Array): void | Promise<void>;
  commit(name: string, digest: string): void | Promise<void>;
  abort(name: string): void | Promise<void>;
  get(name: string): StoredDataset | undefined;
  list(): readonly DatasetMeta[];
  remove(name: string): void | Promise<void>;
}

export interface CheckpointEntry {
  readonly name: string;
  readonly meta: VariableMeta;
  /** What Protocol.save gave. */
  readonly bytes: Uint8Array;
}
export interface CheckpointStore {
  /** Durable when it resolves; all entries or none. */
  save(run: number, entries: readonly CheckpointEntry[]): void | Promise<void>;
  /** Runs with a complete checkpoint, ascending. */
  list(): readonly number[];
  load(run: number): readonly CheckpointEntry[] | Promise<readonly CheckpointEntry[]>;
  remove(run: number): void | Promise<void>;
}

/** Durable records in the order they were appended. */
export interface Journal {
  records(): Iterable<unknown>;
  /** Durable when it resolves. */
  append(record: object): void | Promise<void>;
}

/** Everything that a party keeps. */
export interface Stores {
  readonly datasets: DatasetStore;
  readonly checkpoints: CheckpointStore;
  /** Grants and what was spent of them. */
  readonly grants: Journal;
  /** Run numbers, the coin, which datasets are published. */
  readonly state: Journal;
}
