/**
 * A directory of sealed files under one storage key, used by one process at a time. Knows nothing of what is inside.
 *
 * Layout: DIR/lock, DIR/vault.sealed (proves the key), DIR/KIND/NAME.sealed; NAME.staged is durable but not yet visible,
 * NAME.tmp was being written. The key is given by the operator and never lies in DIR.
 *
 * Whoever can write DIR can also put an old copy of a file back; that shows only in the version, which peers compare.
 */
import { mkdirSync, readdirSync, rmSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { InputError, NameError, StorageError } from "../../errors.js";
import { secureRandom } from "../../random/index.js";
import { ChunkCache } from "./cache.js";
import { DIRECTORY_MODE, renameDurably, replaceDurably, syncDirectory, systemError } from "./durable.js";
import { SealedFile } from "./file.js";
import { lockDirectory } from "./lock.js";
import { decodeName, encodeName } from "./names.js";
import { ChunkSeal, fileKey, MAX_CHUNK, MIN_CHUNK, newFileId, sealHead } from "./seal.js";
import { type HeaderRecord, SealedWriter } from "./writer.js";

/** Plaintext bytes of a chunk, unless the creator of a file knows better. */
export const CHUNK_BYTES = 64 << 10;
export const KEY_BYTES = 32;

export interface VaultOptions {
  /** Decrypted chunks kept in memory, over all files. Default 4 MiB. */
  readonly cacheBytes?: number;
}
export interface CreateOptions {
  /** A power of two, 4 KiB to 1 MiB. Random reads cost one whole chunk each. */
  readonly chunkBytes?: number;
  /** Commit to the staged state: durable, but `open` and `names` do not see it before `publish`. */
  readonly staged?: boolean;
  /** The JSON part of the file's sealed header. */
  readonly header?: unknown;
}
/** Where a file stands. */
export type Stage = "sealed" | "staged";

export class Vault {
  readonly directory: string;
  readonly #key: Uint8Array;
  readonly #cache: ChunkCache;
  readonly #open = new Set<() => void>();
  #unlock: (() => void) | undefined;

  constructor(directory: string, key: Uint8Array, options: VaultOptions = {}) {
    if (key.length !== KEY_BYTES)
      throw new InputError(
        `Vault: expected a storage key of ${KEY_BYTES} bytes, got ${key.length}; try \`openssl rand -out FILE ${KEY_BYTES}\``,
      );
    this.directory = directory;
    this.#key = key.slice();
    this.#cache = new ChunkCache(options.cacheBytes ?? 4 << 20);
    try {
      mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
      this.#unlock = lockDirectory(directory);
      this.#checkKey();
      this.#removeLeftovers();
    } catch (error) {
      this.#unlock?.();
      throw systemError(directory, "open", error);
    }
  }

  /** Begins a new file; what has this name is replaced at the commit. */
  create(kind: string, name: string, version: string, options: CreateOptions = {}): SealedWriter {
    const chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    if (chunkBytes < MIN_CHUNK || chunkBytes > MAX_CHUNK || (chunkBytes & (chunkBytes - 1)) !== 0)
      throw new InputError(
        `Vault.create: expected chunks of a power of two from ${MIN_CHUNK} to ${MAX_CHUNK} bytes, got ${chunkBytes}`,
      );
    this.makeKind(kind);
    const record: HeaderRecord = { kind, name, version, chunkBytes, header: options.header ?? null };
    const target = this.path(kind, name, options.staged ? "staged" : "sealed");
    let forget: (() => void) | undefined;
    const writer = new SealedWriter(this.path(kind, name, "tmp"), target, this.#key, record, () => forget?.());
    forget = this.track(() => writer.abort());
    return writer;
  }

  open(kind: string, name: string, stage: Stage = "sealed"): SealedFile {
    const path = this.path(kind, name, stage);
    if (!exists(path)) throw new NameError(`Vault: expected a stored ${kind} "${name}", got none`);
    let forget: (() => void) | undefined;
    const file = new SealedFile(path, this.#key, { kind, name }, this.#cache, () => forget?.());
    forget = this.track(() => file.close());
    return file;
  }

  has(kind: string, name: string, stage: Stage = "sealed"): boolean {
    return exists(this.path(kind, name, stage));
  }

  /** The names stored under `kind`, sorted; files that are not ours are passed over. */
  names(kind: string, stage: Stage = "sealed"): string[] {
    const names: string[] = [];
    for (const entry of entries(join(this.#checked(), encodeName(kind)))) {
      if (!entry.endsWith(`.${stage}`)) continue;
      const name = decodeName(entry.slice(0, -stage.length - 1));
      if (name !== undefined) names.push(name);
    }
    return names.sort();
  }

  /** Makes a staged file visible, durably. */
  publish(kind: string, name: string): void {
    const from = this.path(kind, name, "staged");
    if (!exists(from)) throw new NameError(`Vault: expected a staged ${kind} "${name}", got none`);
    try {
      renameDurably(from, this.path(kind, name, "sealed"));
    } catch (error) {
      throw systemError(from, "publish", error);
    }
  }

  /** Removes a file, durably; false if there is none. */
  remove(kind: string, name: string, stage: Stage = "sealed"): boolean {
    const path = this.path(kind, name, stage);
    if (!exists(path)) return false;
    try {
      unlinkSync(path);
      syncDirectory(join(this.directory, encodeName(kind)));
    } catch (error) {
      throw systemError(path, "remove", error);
    }
    return true;
  }

  /** Closes all files, drops what was not committed, and gives the directory free. */
  close(): void {
    for (const close of [...this.#open]) close();
    this.#cache.clear();
    this.#unlock?.();
    this.#unlock = undefined;
    this.#key.fill(0);
  }

  /** @internal The path of a file, for stores that write their own format. */
  path(kind: string, name: string, suffix: Stage | "tmp" | "journal"): string {
    return join(this.#checked(), encodeName(kind), `${encodeName(name)}.${suffix}`);
  }

  /** @internal The storage key, for stores that write their own format. */
  get storageKey(): Uint8Array {
    this.#checked();
    return this.#key;
  }

  /** @internal Calls `close` when the vault closes; returns how to forget it. */
  track(close: () => void): () => void {
    this.#open.add(close);
    return () => this.#open.delete(close);
  }

  /** @internal Makes the folder of a kind. */
  makeKind(kind: string): void {
    const directory = join(this.#checked(), encodeName(kind));
    if (exists(directory)) return;
    try {
      mkdirSync(directory, { mode: DIRECTORY_MODE });
      syncDirectory(this.directory);
    } catch (error) {
      throw systemError(directory, "create", error);
    }
  }

  #checked(): string {
    if (this.#unlock === undefined)
      throw new StorageError("Vault: expected an open data directory, got a closed one; try a restart of the party");
    return this.directory;
  }

  /** The first use of a directory leaves a file that only the same key opens. */
  #checkKey(): void {
    const path = join(this.directory, "vault.sealed");
    if (!exists(path)) {
      const others = entries(this.directory).filter((entry) => !/^(?:lock|vault\.sealed\.tmp)/.test(entry));
      if (others.length > 0)
        throw new StorageError(
          `${this.directory}: expected an empty directory or a vault, got other files; try another directory`,
        );
      const id = newFileId();
      const key = fileKey(this.#key, id);
      const version = Buffer.from(secureRandom(16)).toString("hex");
      const record: HeaderRecord = { kind: "vault", name: "vault", version, chunkBytes: MIN_CHUNK, header: null };
      const head = sealHead(key, id, Buffer.from(JSON.stringify(record), "utf8"));
      const body = new ChunkSeal(key, record).seal(0, true, new Uint8Array(0));
      replaceDurably(`${path}.tmp`, path, Buffer.concat([head, body]));
      return;
    }
    try {
      new SealedFile(path, this.#key, { kind: "vault", name: "vault" }, new ChunkCache(0), () => {}).close();
    } catch (error) {
      throw new StorageError(
        `${path}: expected the storage key of this directory, got another key or a tampered file; try the --storage-key that was used to create it`,
        { cause: error },
      );
    }
  }

  /** A temporary file at the start belongs to a writer that died. */
  #removeLeftovers(): void {
    for (const kind of entries(this.directory)) {
      const directory = join(this.directory, kind);
      if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) continue;
      let removed = false;
      for (const entry of entries(directory)) {
        if (!entry.endsWith(".tmp")) continue;
        rmSync(join(directory, entry), { force: true });
        removed = true;
      }
      if (removed) syncDirectory(directory);
    }
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function entries(directory: string): string[] {
  return exists(directory) ? readdirSync(directory) : [];
}
