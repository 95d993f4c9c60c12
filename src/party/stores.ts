/**
 * What a party needs from its storage, as interfaces that the classes of `storage/` fit; `memory-stores.ts` keeps the same
 * for the life of a process. Not the policy of what is stored when.
 */
import type { DatasetMeta } from "../data/share-meta.js";
import type { GrantRecord } from "./grants.js";
import type { LedgerRecord } from "./ledger.js";
import type { ServingRecord } from "./serving/deployments.js";
import type { CheckpointEntry, StoredDataset, UploadInfo, UploadState } from "./storage/index.js";
import type { VariableMeta } from "./variable-meta.js";

/** uploading → commit → prepared (durable, not visible) → publish → published. */
export interface DatasetStore {
  begin(meta: unknown, owner: string, seeds: readonly Uint8Array[]): void;
  append(name: string, offsetWords: number, bytes: Uint8Array): void;
  commit(name: string, digest: string): Promise<void>;
  publish(name: string): void;
  abort(name: string): boolean;
  /** A published dataset; throws NameError if there is none. */
  get(name: string): StoredDataset;
  list(): DatasetMeta[];
  prepared(): DatasetMeta[];
  uploads(): UploadInfo[];
  state(name: string): UploadState | undefined;
  remove(name: string): void;
}

export interface CheckpointStore {
  /** Durable when it resolves; all entries or none. The bytes must not change meanwhile. */
  save(run: number, entries: readonly CheckpointEntry<VariableMeta>[]): Promise<void>;
  /** Runs with a complete checkpoint, ascending. */
  list(): number[];
  load(run: number): CheckpointEntry<VariableMeta>[];
  remove(run: number): boolean;
}

/** Records in the order they were appended, each durable when `append` returns. */
export interface Journal<T> {
  readonly length: number;
  records(): T[];
  append(record: T): void;
  /** Puts these in the place of all others. */
  rewrite(records: readonly T[]): void;
}

/** Everything that a party keeps. */
export interface Stores {
  readonly datasets: DatasetStore;
  readonly checkpoints: CheckpointStore;
  readonly grants: Journal<GrantRecord>;
  readonly ledger: Journal<LedgerRecord>;
  readonly serving: Journal<ServingRecord>;
  close(): void;
}
