/**
 * One party's parts of shared datasets: seeds and, where the protocol says so, the correction, on disk. Not the agreement
 * between parties (two phases, `commit` then `publish`) and not who may do what: those are the party's business.
 *
 * uploading (a temporary file) → commit → prepared (durable, not visible) → publish → published.
 */
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { type DatasetMeta, metaDigest, parseDatasetMeta, rowWords, UploadDigest } from "../../data/share-meta.js";
import { BoundError, InputError, NameError, PolicyError, SecretgradError, StorageError } from "../../errors.js";
import type { SeededShare } from "../../protocol/protocol.js";
import { shown } from "./durable.js";
import type { SealedFile } from "./file.js";
import type { UploadState } from "./resolution.js";
import type { Stage, Vault } from "./vault.js";
import type { SealedWriter } from "./writer.js";

const KIND = "dataset";
const WORD = 8;
const SEED_BYTES = 16;
/** The SHA-256 of the correction stands behind it in the file. */
const DIGEST_BYTES = 32;
/**
 * A batch of shuffled rows touches a chunk or two per row. Reading 128 rows of 6 KiB takes half the time with chunks of
 * 16 KiB as with 64 KiB; smaller ones gain nothing, because a cipher call then costs more than its bytes.
 */
const CHUNK_BYTES = 16 << 10;

const storedHeader = v.strictObject({
  meta: v.unknown(),
  seeds: v.pipe(v.array(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{22}==$/, "16 bytes in base64"))), v.maxLength(16)),
});

/** A published dataset as this party holds it. */
export interface StoredDataset {
  readonly meta: DatasetMeta;
  readonly stored: SeededShare;
  /** SHA-256 in hex of the correction, equal at all parties that keep it; absent if this party keeps seeds only. */
  readonly correctionDigest?: string;
}
/** An upload under way. */
export interface UploadInfo {
  readonly name: string;
  readonly owner: string;
  /** Milliseconds since the last `begin` or `append`. */
  readonly idleMs: number;
}
export interface DatasetStoreOptions {
  /** Uploads at one time. Default 8; each holds some 300 KiB of memory. */
  readonly maxUploads?: number;
  /** Bytes of one dataset's correction. Default 2^40. */
  readonly maxBytes?: number;
  /** Milliseconds; for tests. */
  readonly clock?: () => number;
}

interface Upload {
  readonly meta: DatasetMeta;
  readonly writer: SealedWriter;
  readonly digest: UploadDigest;
  readonly bytes: number;
  active: number;
  committing: boolean;
}
interface Entry {
  readonly dataset: StoredDataset;
  readonly file: SealedFile;
}

export class DatasetStore {
  /** Datasets on disk that cannot be opened, and why; the others work. */
  readonly damaged: ReadonlyMap<string, StorageError>;
  readonly #vault: Vault;
  readonly #maxUploads: number;
  readonly #maxBytes: number;
  readonly #clock: () => number;
  readonly #uploads = new Map<string, Upload>();
  readonly #prepared = new Map<string, DatasetMeta>();
  readonly #published = new Map<string, Entry>();
  readonly #damaged = new Map<string, StorageError>();

  /** Opens what is there. Uploads of a dead process are gone: the vault removes temporary files. */
  constructor(vault: Vault, options: DatasetStoreOptions = {}) {
    this.#vault = vault;
    this.#maxUploads = options.maxUploads ?? 8;
    this.#maxBytes = options.maxBytes ?? 2 ** 40;
    this.#clock = options.clock ?? Date.now;
    this.damaged = this.#damaged;
    for (const name of vault.names(KIND))
      this.#inspect(name, () => this.#published.set(name, this.#load(name, "sealed")));
    for (const name of vault.names(KIND, "staged"))
      this.#inspect(name, () => {
        const { dataset, file } = this.#load(name, "staged");
        file.close();
        this.#prepared.set(name, dataset.meta);
      });
  }

  /** Starts an upload; `owner` is the authenticated caller. */
  begin(value: unknown, owner: string, seeds: readonly Uint8Array[]): void {
    const meta = parseDatasetMeta(value, "dataset.begin");
    if (meta.owner !== owner)
      throw new PolicyError(
        `dataset.begin: expected a dataset of the caller ${owner}, got "${meta.name}"; try "${owner}/…"`,
      );
    if (this.state(meta.name) !== undefined || this.#damaged.has(meta.name))
      throw new NameError(
        `dataset.begin: expected a new name, got "${meta.name}", which exists or is being uploaded; try another name or remove it first`,
      );
    for (const seed of seeds)
      if (seed.length !== SEED_BYTES)
        throw new InputError(`dataset.begin: expected seeds of ${SEED_BYTES} bytes, got one of ${seed.length}`);
    // A dealer keeps neither seeds nor the correction; how many seeds a party gets is the caller's check.
    if (seeds.length > 16) throw new InputError(`dataset.begin: expected at most 16 seeds, got ${seeds.length}`);
    const bytes = meta.keepsCorrection ? meta.rows * rowWords(meta) * WORD : 0;
    if (bytes > this.#maxBytes)
      throw new InputError(
        `dataset.begin: expected at most ${this.#maxBytes} bytes, got ${bytes}; try fewer rows or a larger limit at the party`,
      );
    if (this.#uploads.size >= this.#maxUploads)
      throw new PolicyError(
        `dataset.begin: expected at most ${this.#maxUploads} uploads at a time, got one more; try later`,
      );
    const header = { meta, seeds: seeds.map((seed) => Buffer.from(seed).toString("base64")) };
    const writer = this.#vault.create(KIND, meta.name, meta.uploadId, {
      chunkBytes: CHUNK_BYTES,
      staged: true,
      header,
    });
    const digest = new UploadDigest(meta, seeds);
    this.#uploads.set(meta.name, { meta, writer, digest, bytes, active: this.#clock(), committing: false });
  }

  /** The next words of the correction; they must follow what is there. */
  append(name: string, offsetWords: number, bytes: Uint8Array): void {
    const upload = this.#upload(name, "append");
    const at = upload.writer.length;
    if (offsetWords !== at / WORD)
      throw new InputError(`dataset.append: expected word ${at / WORD} of "${name}" next, got ${offsetWords}`);
    if (bytes.length % WORD !== 0 || at + bytes.length > upload.bytes)
      throw new InputError(
        `dataset.append: expected whole words and at most ${upload.bytes - at} bytes, got ${bytes.length}; try the shape in the meta`,
      );
    try {
      upload.writer.write(bytes);
    } catch (error) {
      this.#uploads.delete(name);
      throw error;
    }
    upload.digest.update(bytes);
    upload.active = this.#clock();
  }

  /**
   * Ends the upload: when the promise resolves, the dataset is prepared and survives a crash, but is not yet visible.
   * `digest` (UploadDigest) must be that of what arrived; if it is not, the upload is dropped.
   */
  async commit(name: string, digest: string): Promise<void> {
    const upload = this.#upload(name, "commit");
    const got = upload.writer.length;
    if (got !== upload.bytes)
      throw new InputError(
        `dataset.commit: expected ${upload.bytes} bytes of "${name}", got ${got}; try to append the rest`,
      );
    const { hex, correction } = upload.digest.end();
    if (hex !== digest) {
      this.#drop(name);
      throw new InputError(
        `dataset.commit: expected "${name}" with the digest that the owner states, got other bytes; try the upload again`,
      );
    }
    upload.committing = true;
    try {
      if (upload.meta.keepsCorrection) upload.writer.write(correction);
      await upload.writer.commit();
    } finally {
      this.#uploads.delete(name);
    }
    this.#prepared.set(name, upload.meta);
  }

  /** Makes a prepared dataset visible, durably. Doing it twice is fine: the uploader may not have seen the answer. */
  publish(name: string): void {
    if (this.#published.has(name)) return;
    if (!this.#prepared.has(name))
      throw new NameError(`dataset.publish: expected a prepared dataset "${name}", got none; try dataset.commit first`);
    this.#vault.publish(KIND, name);
    this.#prepared.delete(name);
    this.#published.set(name, this.#load(name, "sealed"));
  }

  /** Drops an upload or a prepared dataset; false if there is none. A published one stays. */
  abort(name: string): boolean {
    const upload = this.#uploads.get(name);
    if (upload?.committing)
      throw new NameError(`dataset.abort: expected an upload that is not being committed, got "${name}"; try again`);
    if (upload !== undefined) return this.#drop(name);
    if (!this.#prepared.delete(name)) return false;
    return this.#vault.remove(KIND, name, "staged");
  }

  /** A published dataset. Its correction stays on disk; `stored.correction` reads words of it. */
  get(name: string): StoredDataset {
    const error = this.#damaged.get(name);
    if (error !== undefined) throw error;
    const entry = this.#published.get(name);
    if (entry === undefined)
      throw new NameError(`dataset: expected the name of a published dataset, got "${name}"; try dataset.list`);
    return entry.dataset;
  }

  /** The published datasets, by name. */
  list(): DatasetMeta[] {
    return [...this.#published.values()].map((entry) => entry.dataset.meta).sort(byName);
  }

  /** Prepared datasets: after a crash their fate is asked of the peers (resolveUpload). */
  prepared(): DatasetMeta[] {
    return [...this.#prepared.values()].sort(byName);
  }

  uploads(): UploadInfo[] {
    const now = this.#clock();
    return [...this.#uploads.values()].map(({ meta, active }) => ({
      name: meta.name,
      owner: meta.owner,
      idleMs: now - active,
    }));
  }

  /** What to tell the peers of this name; undefined if there is nothing. */
  state(name: string): UploadState | undefined {
    const published = this.#published.get(name)?.dataset.meta;
    if (published !== undefined) return { state: "published", digest: metaDigest(published) };
    const prepared = this.#prepared.get(name);
    if (prepared !== undefined) return { state: "prepared", digest: metaDigest(prepared) };
    const upload = this.#uploads.get(name);
    return upload && { state: "uploading", digest: metaDigest(upload.meta) };
  }

  /** Removes a published or damaged dataset for good. */
  remove(name: string): void {
    const entry = this.#published.get(name);
    if (entry === undefined && !this.#damaged.has(name))
      throw new NameError(`dataset.remove: expected the name of a published dataset, got "${name}"; try dataset.list`);
    entry?.file.close();
    this.#published.delete(name);
    this.#damaged.delete(name);
    this.#vault.remove(KIND, name);
    if (!this.#prepared.has(name)) this.#vault.remove(KIND, name, "staged");
  }

  #inspect(name: string, look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!(error instanceof SecretgradError)) throw error;
      this.#damaged.set(
        name,
        error instanceof StorageError ? error : new StorageError(error.message, { cause: error }),
      );
    }
  }

  #load(name: string, stage: Stage): Entry {
    const file = this.#vault.open(KIND, name, stage);
    try {
      const header = v.safeParse(storedHeader, file.header);
      if (!header.success)
        throw new StorageError(`${shown(file.path)}: expected seeds and meta, got a file of another version`);
      const meta = parseDatasetMeta(header.output.meta, shown(file.path));
      const words = rowWords(meta) * meta.rows;
      const bytes = meta.keepsCorrection ? words * WORD + DIGEST_BYTES : 0;
      if (meta.name !== name || meta.uploadId !== file.identity.version || file.length !== bytes)
        throw new StorageError(
          `${shown(file.path)}: expected ${bytes} bytes of "${name}", got a file that contradicts itself`,
        );
      const seeds = header.output.seeds.map((seed) => new Uint8Array(Buffer.from(seed, "base64")));
      if (!meta.keepsCorrection) return { dataset: { meta, stored: { seeds } }, file };
      const digest = new Uint8Array(DIGEST_BYTES);
      file.readAt(words * WORD, digest);
      const correction = (offset: number, target: Uint8Array): void => {
        if (offset * WORD + target.length > words * WORD)
          throw new BoundError(`dataset "${name}": expected a read inside ${words} words, got one from word ${offset}`);
        file.readAt(offset * WORD, target);
      };
      const correctionDigest = Buffer.from(digest).toString("hex");
      return { dataset: { meta, stored: { seeds, correction }, correctionDigest }, file };
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #upload(name: string, where: string): Upload {
    const upload = this.#uploads.get(name);
    if (upload === undefined || upload.committing)
      throw new NameError(
        `dataset.${where}: expected an upload under way, got "${name}", which has none; try dataset.begin`,
      );
    return upload;
  }

  #drop(name: string): boolean {
    this.#uploads.get(name)?.writer.abort();
    return this.#uploads.delete(name);
  }
}

function byName(a: DatasetMeta, b: DatasetMeta): number {
  return a.name < b.name ? -1 : 1;
}
