/** Writes one sealed file from front to back; nobody sees it before `commit`. Not for changing a file: that never happens. */
import { closeSync, openSync, rmSync } from "node:fs";
import { InputError, StorageError } from "../../errors.js";
import { FILE_MODE, renameDurably, shown, syncFile, systemError, writeAll } from "./durable.js";
import { ChunkSeal, fileKey, type Identity, LARGEST_HEADER, newFileId, sealHead, TAG_BYTES } from "./seal.js";

/** Sealed bytes per system call. */
const GATHER = 256 << 10;

/** What a file's sealed header holds besides the caller's own part. */
export interface HeaderRecord extends Identity {
  readonly chunkBytes: number;
  readonly header: unknown;
}

export class SealedWriter {
  /** Plaintext bytes so far. */
  length = 0;
  readonly #temporary: string;
  readonly #path: string;
  readonly #seal: ChunkSeal;
  /** The chunk that may turn out to be the last. */
  readonly #pending: Uint8Array;
  #pendingBytes = 0;
  #chunks = 0;
  readonly #gathered: Uint8Array;
  #gatheredBytes = 0;
  readonly #onEnd: () => void;
  #fd: number | undefined;

  /** @internal Use Vault.create. */
  constructor(temporary: string, path: string, storageKey: Uint8Array, record: HeaderRecord, onEnd: () => void) {
    const header = Buffer.from(JSON.stringify(record), "utf8");
    // Longer ones would be refused when the file is read, and it would be lost.
    if (header.length + TAG_BYTES > LARGEST_HEADER)
      throw new InputError(
        `${shown(path)}: expected a header of at most ${LARGEST_HEADER - TAG_BYTES} bytes, got ${header.length}; try fewer variables`,
      );
    const id = newFileId();
    const key = fileKey(storageKey, id);
    this.#temporary = temporary;
    this.#path = path;
    this.#onEnd = onEnd;
    this.#seal = new ChunkSeal(key, record);
    this.#pending = new Uint8Array(record.chunkBytes);
    this.#gathered = new Uint8Array(Math.max(GATHER, record.chunkBytes + TAG_BYTES));
    try {
      this.#fd = openSync(temporary, "wx", FILE_MODE);
      writeAll(this.#fd, sealHead(key, id, header));
    } catch (error) {
      this.abort();
      throw systemError(temporary, "write", error);
    }
  }

  /** Appends plaintext; `bytes` may be reused afterwards. A failure drops the whole file. */
  write(bytes: Uint8Array): void {
    const fd = this.#open();
    try {
      for (let at = 0; at < bytes.length; ) {
        const left = bytes.length - at;
        // A full chunk is sealed only when more follows: the last one is marked as such.
        if (this.#pendingBytes === this.#pending.length) {
          this.#put(fd, false, this.#pending);
          this.#pendingBytes = 0;
        }
        if (this.#pendingBytes === 0 && left > this.#pending.length) {
          this.#put(fd, false, bytes.subarray(at, at + this.#pending.length));
          at += this.#pending.length;
        } else {
          const count = Math.min(left, this.#pending.length - this.#pendingBytes);
          this.#pending.set(bytes.subarray(at, at + count), this.#pendingBytes);
          this.#pendingBytes += count;
          at += count;
        }
      }
      this.length += bytes.length;
    } catch (error) {
      this.abort();
      throw systemError(this.#temporary, "write", error);
    }
  }

  /** Makes the file durable and visible: when the promise resolves it survives a crash. */
  async commit(): Promise<void> {
    const fd = this.#open();
    this.#fd = undefined;
    try {
      try {
        this.#put(fd, true, this.#pending.subarray(0, this.#pendingBytes));
        this.#flush(fd);
        await syncFile(fd);
      } finally {
        closeSync(fd);
      }
      renameDurably(this.#temporary, this.#path);
    } catch (error) {
      rmSync(this.#temporary, { force: true });
      throw systemError(this.#temporary, "write", error);
    } finally {
      this.#end();
    }
  }

  /** Drops what was written; harmless after `commit` or another `abort`. */
  abort(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    this.#end();
    rmSync(this.#temporary, { force: true });
  }

  #open(): number {
    if (this.#fd === undefined)
      throw new StorageError(`${shown(this.#path)}: expected an open file, got one that was committed or aborted`);
    return this.#fd;
  }

  #put(fd: number, last: boolean, plain: Uint8Array): void {
    const sealed = this.#seal.seal(this.#chunks++, last, plain);
    if (this.#gatheredBytes + sealed.length > this.#gathered.length) this.#flush(fd);
    this.#gathered.set(sealed, this.#gatheredBytes);
    this.#gatheredBytes += sealed.length;
  }

  #flush(fd: number): void {
    writeAll(fd, this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gatheredBytes = 0;
  }

  #end(): void {
    this.#pending.fill(0);
    this.#onEnd();
  }
}
