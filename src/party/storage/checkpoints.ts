/**
 * Variables of a run on disk, all of one run in one file, so that a checkpoint is whole or absent. Not when to write one
 * and not which run to go back to: the party agrees on that with its peers.
 */
import * as v from "valibot";
import { InputError, StorageError } from "../../errors.js";
import { shown } from "./durable.js";
import type { SealedFile } from "./file.js";
import type { Vault } from "./vault.js";

const KIND = "checkpoint";
const LARGEST_RUN = 2 ** 48 - 1;
/** Bytes sealed before other work gets a turn: 1 to 2 ms. */
const SLICE = 4 << 20;

/** One variable: `bytes` is what `Protocol.save` gave, `meta` what the party knows of it. */
export interface CheckpointEntry<M> {
  readonly name: string;
  readonly meta: M;
  readonly bytes: Uint8Array;
}

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(1000));
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

export class CheckpointStore<M> {
  readonly #vault: Vault;
  readonly #header: v.GenericSchema<unknown, { name: string; meta: M; length: number }[]>;
  #busy: Promise<void> = Promise.resolve();

  /** `meta` validates what is stored with each variable. */
  constructor(vault: Vault, meta: v.GenericSchema<unknown, M>) {
    this.#vault = vault;
    const entry = v.strictObject({ name: text, meta, length: natural });
    this.#header = v.array(entry) as v.GenericSchema<unknown, { name: string; meta: M; length: number }[]>;
  }

  /**
   * Durable when the promise resolves; before that the checkpoint does not exist. Calls queue up. The bytes must not
   * change meanwhile; large ones are sealed in slices, between which other work gets its turn.
   */
  async save(run: number, entries: readonly CheckpointEntry<M>[]): Promise<void> {
    checkRun(run, "save");
    const names = new Set(entries.map((entry) => entry.name));
    if (names.size !== entries.length) throw new InputError("CheckpointStore.save: expected each variable once");
    const saved = this.#busy.then(() => this.#write(run, entries));
    this.#busy = saved.catch(() => {});
    await saved;
  }

  /** The runs of which there is a checkpoint, ascending. */
  list(): number[] {
    const runs = this.#vault.names(KIND).map(Number);
    return runs.filter((run) => Number.isSafeInteger(run)).sort((a, b) => a - b);
  }

  load(run: number): CheckpointEntry<M>[] {
    checkRun(run, "load");
    const file = this.#vault.open(KIND, String(run));
    try {
      return this.#read(file, run);
    } finally {
      file.close();
    }
  }

  /** False if there is none. */
  remove(run: number): boolean {
    checkRun(run, "remove");
    return this.#vault.remove(KIND, String(run));
  }

  /** Removes all but the newest `keepNewest`; gives the runs that are gone. */
  prune(keepNewest: number): number[] {
    if (!Number.isSafeInteger(keepNewest) || keepNewest < 0)
      throw new InputError(`CheckpointStore.prune: expected a whole number to keep, got ${keepNewest}`);
    const runs = this.list();
    const old = runs.slice(0, Math.max(0, runs.length - keepNewest));
    for (const run of old) this.remove(run);
    return old;
  }

  async #write(run: number, entries: readonly CheckpointEntry<M>[]): Promise<void> {
    const header = entries.map(({ name, meta, bytes }) => ({ name, meta, length: bytes.length }));
    const writer = this.#vault.create(KIND, String(run), String(run), { header });
    try {
      for (const { bytes } of entries)
        for (let at = 0; at < bytes.length; at += SLICE) {
          writer.write(bytes.subarray(at, at + SLICE));
          await new Promise((resolve) => setImmediate(resolve));
        }
    } catch (error) {
      writer.abort();
      throw error;
    }
    await writer.commit();
  }

  #read(file: SealedFile, run: number): CheckpointEntry<M>[] {
    const header = v.safeParse(this.#header, file.header);
    const lengths = header.success ? header.output.reduce((sum, entry) => sum + entry.length, 0) : -1;
    if (!header.success || file.identity.version !== String(run) || lengths !== file.length)
      throw new StorageError(
        `${shown(file.path)}: expected the variables of run ${run}, got a file of another version`,
      );
    let at = 0;
    return header.output.map(({ name, meta, length }) => {
      const bytes = new Uint8Array(length);
      file.readAt(at, bytes);
      at += length;
      return { name, meta, bytes };
    });
  }
}

function checkRun(run: number, where: string): void {
  if (!Number.isSafeInteger(run) || run < 0 || run > LARGEST_RUN)
    throw new InputError(`CheckpointStore.${where}: expected a run number from 0 to 2^48 - 1, got ${run}`);
}
