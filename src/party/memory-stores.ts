/** The stores of a party that keeps nothing: for `local()` and tests. The files of a real party are in storage/. */
import { type DatasetMeta, metaDigest, parseDatasetMeta, rowWords, UploadDigest } from "../data/share-meta.js";
import { InputError, NameError, PolicyError } from "../errors.js";
import type { CheckpointEntry, StoredDataset, UploadInfo, UploadState } from "./storage/index.js";
import type { CheckpointStore, DatasetStore, Journal, Stores } from "./stores.js";
import type { VariableMeta } from "./variable-meta.js";

export function memoryStores(now: () => number = Date.now): Stores {
  return {
    datasets: new MemoryDatasets(now),
    checkpoints: new MemoryCheckpoints(),
    grants: new MemoryJournal(),
    ledger: new MemoryJournal(),
    serving: new MemoryJournal(),
    close: () => {},
  };
}

export class MemoryJournal<T> implements Journal<T> {
  #records: T[] = [];
  get length(): number {
    return this.#records.length;
  }
  records(): T[] {
    return structuredClone(this.#records);
  }
  append(record: T): void {
    this.#records.push(structuredClone(record));
  }
  rewrite(records: readonly T[]): void {
    this.#records = structuredClone([...records]);
  }
}

export class MemoryCheckpoints implements CheckpointStore {
  readonly #runs = new Map<number, readonly CheckpointEntry<VariableMeta>[]>();
  async save(run: number, entries: readonly CheckpointEntry<VariableMeta>[]): Promise<void> {
    this.#runs.set(run, structuredClone(entries));
  }
  list(): number[] {
    return [...this.#runs.keys()].sort((a, b) => a - b);
  }
  load(run: number): CheckpointEntry<VariableMeta>[] {
    const entries = this.#runs.get(run);
    if (!entries) throw new NameError(`checkpoint: expected one of run ${run}, got none; try an older run`);
    return structuredClone([...entries]);
  }
  remove(run: number): boolean {
    return this.#runs.delete(run);
  }
}

interface Held {
  readonly meta: DatasetMeta;
  readonly seeds: readonly Uint8Array[];
  readonly words: Uint8Array;
  readonly digest: UploadDigest;
  filled: number;
  active: number;
  state: UploadState["state"];
  correctionDigest: string;
}

export class MemoryDatasets implements DatasetStore {
  readonly #held = new Map<string, Held>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  begin(value: unknown, owner: string, seeds: readonly Uint8Array[]): void {
    const meta = parseDatasetMeta(value, "dataset.begin");
    if (meta.owner !== owner)
      throw new PolicyError(`dataset.begin: expected a dataset of the caller ${owner}, got ${meta.name}`);
    if (this.#held.has(meta.name))
      throw new NameError(`dataset.begin: expected a new name, got ${meta.name}, which exists; try another name`);
    this.#held.set(meta.name, {
      meta,
      seeds: seeds.map((seed) => seed.slice()),
      words: new Uint8Array(meta.keepsCorrection ? meta.rows * rowWords(meta) * 8 : 0),
      digest: new UploadDigest(meta, seeds),
      filled: 0,
      active: this.#now(),
      state: "uploading",
      correctionDigest: "",
    });
  }

  append(name: string, offsetWords: number, bytes: Uint8Array): void {
    const held = this.#expect(name, "uploading", "append");
    if (offsetWords * 8 !== held.filled || bytes.length % 8 !== 0 || held.filled + bytes.length > held.words.length)
      throw new InputError(`dataset.append: expected whole words from word ${held.filled / 8} on, got other ones`);
    held.words.set(bytes, held.filled);
    held.digest.update(bytes);
    held.filled += bytes.length;
    held.active = this.#now();
  }

  async commit(name: string, digest: string): Promise<void> {
    const held = this.#expect(name, "uploading", "commit");
    if (held.filled !== held.words.length)
      throw new InputError(`dataset.commit: expected ${held.words.length} bytes, got ${held.filled}; try the rest`);
    const { hex, correction } = held.digest.end();
    if (hex !== digest) {
      this.#held.delete(name);
      throw new InputError(`dataset.commit: expected the digest that the owner states, got another; try again`);
    }
    held.correctionDigest = Buffer.from(correction).toString("hex");
    held.state = "prepared";
  }

  publish(name: string): void {
    if (this.#held.get(name)?.state !== "published") this.#expect(name, "prepared", "publish").state = "published";
  }
  abort(name: string): boolean {
    return this.#held.get(name)?.state !== "published" && this.#held.delete(name);
  }
  remove(name: string): void {
    this.#expect(name, "published", "remove");
    this.#held.delete(name);
  }

  get(name: string): StoredDataset {
    const { meta, seeds, words, correctionDigest } = this.#expect(name, "published", "get");
    if (!meta.keepsCorrection) return { meta, stored: { seeds } };
    const correction = (offset: number, target: Uint8Array) =>
      target.set(words.subarray(offset * 8, offset * 8 + target.length));
    return { meta, stored: { seeds, correction }, correctionDigest };
  }
  list(): DatasetMeta[] {
    return this.#in("published");
  }
  prepared(): DatasetMeta[] {
    return this.#in("prepared");
  }
  uploads(): UploadInfo[] {
    return [...this.#held.values()]
      .filter((held) => held.state === "uploading")
      .map(({ meta, active }) => ({ name: meta.name, owner: meta.owner, idleMs: this.#now() - active }));
  }
  state(name: string): UploadState | undefined {
    const held = this.#held.get(name);
    return held && { state: held.state, digest: metaDigest(held.meta) };
  }

  #in(state: UploadState["state"]): DatasetMeta[] {
    return [...this.#held.values()]
      .filter((held) => held.state === state)
      .map((held) => held.meta)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  #expect(name: string, state: UploadState["state"], where: string): Held {
    const held = this.#held.get(name);
    if (held?.state !== state)
      throw new NameError(
        `dataset.${where}: expected the name of a dataset that is ${state}, got "${name}"; try dataset.list`,
      );
    return held;
  }
}
