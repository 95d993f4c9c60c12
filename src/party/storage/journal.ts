/**
 * An append-only file of small sealed JSON records: grants, spent grants, run counters. Each is on the disk before
 * `append` returns. Not a database: everything is replayed at the start, and `rewrite` is how it gets shorter.
 *
 *   head as in seal.ts | record 0 | record 1 | …      record: length (4) | nonce (12) | mac (16) | ciphertext | tag (16)
 *
 * The mac covers length, nonce and number, so that a broken length is never taken for a record that a crash cut short.
 * Nonces are random, because the record after a torn one has its number and must not share its keystream.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { closeSync, existsSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync } from "node:fs";
import * as v from "valibot";
import { InputError, StorageError } from "../../errors.js";
import { deriveKey, secureRandom } from "../../random/index.js";
import { readFully, replaceDurably, shown, systemError, writeAllAt } from "./durable.js";
import { damaged, readHead } from "./file.js";
import { bindTexts, fileKey, newFileId, openBytes, sealBytes, sealHead, TAG_BYTES } from "./seal.js";
import type { Vault } from "./vault.js";
import type { HeaderRecord } from "./writer.js";

const KIND = "journal";
const NONCE_BYTES = 12;
const MAC_BYTES = 16;
const HEAD_BYTES = 4 + NONCE_BYTES + MAC_BYTES;
const LARGEST_RECORD = 1 << 20;

/** Seals and opens the records of one file. */
class RecordSeal {
  readonly #key: Uint8Array;
  readonly #macKey: Uint8Array;
  readonly #aad: Buffer;

  constructor(key: Uint8Array, name: string) {
    this.#key = key;
    this.#macKey = deriveKey([key], "journal record heads", 32);
    this.#aad = Buffer.concat([bindTexts("secretgrad journal record", name), Buffer.alloc(6)]);
  }

  seal(index: number, plain: Uint8Array): Buffer {
    const head = Buffer.alloc(4 + NONCE_BYTES);
    head.writeUInt32LE(plain.length + TAG_BYTES);
    head.set(secureRandom(NONCE_BYTES), 4);
    return Buffer.concat([
      head,
      this.#mac(index, head),
      sealBytes(this.#key, head.subarray(4), this.#bind(index), plain),
    ]);
  }

  /** Length of ciphertext and tag, or undefined if the head is not authentic. */
  length(index: number, head: Buffer): number | undefined {
    const authentic = timingSafeEqual(
      this.#mac(index, head.subarray(0, 4 + NONCE_BYTES)),
      head.subarray(4 + NONCE_BYTES),
    );
    return authentic ? head.readUInt32LE() : undefined;
  }

  open(index: number, head: Buffer, body: Uint8Array): Uint8Array | undefined {
    return openBytes(this.#key, head.subarray(4, 4 + NONCE_BYTES), this.#bind(index), body);
  }

  #bind(index: number): Buffer {
    this.#aad.writeUIntLE(index, this.#aad.length - 6, 6);
    return this.#aad;
  }

  #mac(index: number, head: Buffer): Buffer {
    return createHmac("sha256", this.#macKey).update(this.#bind(index)).update(head).digest().subarray(0, MAC_BYTES);
  }
}

export class Journal<T> {
  /** Whether a crash had cut the last record short when the journal was opened; that record was never acknowledged. */
  readonly droppedTorn: boolean;
  readonly #vault: Vault;
  readonly #name: string;
  readonly #path: string;
  readonly #schema: v.GenericSchema<unknown, T>;
  readonly #forget: () => void;
  #seal!: RecordSeal;
  #fd: number | undefined;
  #start = 0;
  #end = 0;
  #count = 0;
  #failed: unknown;

  /** Opens or creates it. `schema` validates what is appended and what is replayed. */
  constructor(vault: Vault, name: string, schema: v.GenericSchema<unknown, T>) {
    this.#vault = vault;
    this.#name = name;
    this.#schema = schema;
    this.#path = vault.path(KIND, name, "journal");
    vault.makeKind(KIND);
    this.#forget = vault.track(() => this.close());
    try {
      if (!existsSync(this.#path)) this.#create([]);
      this.#attach();
      const size = fstatSync(this.#opened()).size;
      this.#end = size;
      this.#replay();
      this.droppedTorn = this.#end < size;
      if (this.droppedTorn) {
        ftruncateSync(this.#opened(), this.#end);
        fsyncSync(this.#opened());
      }
    } catch (error) {
      this.close();
      throw systemError(this.#path, "open", error);
    }
  }

  /** How many records there are. */
  get length(): number {
    return this.#count;
  }

  /** All records in the order in which they were appended, read from the file. */
  records(): T[] {
    this.#opened();
    const end = this.#end;
    const records = this.#replay();
    if (this.#end !== end) throw damaged(this.#path, "acknowledged records missing");
    return records;
  }

  /** Adds a record; when it returns, the record survives a crash. */
  append(record: T): void {
    const fd = this.#opened();
    if (this.#failed !== undefined)
      throw new StorageError(
        `${shown(this.#path)}: expected a journal in order, got one whose last write failed; try a restart`,
        {
          cause: this.#failed,
        },
      );
    const sealed = this.#seal.seal(this.#count, this.#encode(record));
    try {
      writeAllAt(fd, sealed, this.#end);
      fdatasyncSync(fd);
    } catch (error) {
      // After a failed sync nobody knows what is on the disk: nothing may be built on it.
      this.#failed = error;
      try {
        ftruncateSync(fd, this.#end);
      } catch {
        // The replay drops the torn record.
      }
      throw systemError(this.#path, "append to", error);
    }
    this.#end += sealed.length;
    this.#count++;
  }

  /** Puts these records in the place of all others; after a crash either the old or the new ones are there. */
  rewrite(records: readonly T[]): void {
    this.#opened();
    try {
      this.#create(records);
      closeSync(this.#opened());
      this.#fd = undefined;
      this.#attach();
      this.#end = fstatSync(this.#opened()).size;
      this.#count = records.length;
      this.#failed = undefined;
    } catch (error) {
      this.#failed = error;
      throw systemError(this.#path, "rewrite", error);
    }
  }

  close(): void {
    this.#forget();
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #opened(): number {
    if (this.#fd === undefined)
      throw new StorageError(`${shown(this.#path)}: expected an open journal, got a closed one`);
    return this.#fd;
  }

  /** A new file under a new key: numbers start again, keystreams do not. */
  #create(records: readonly T[]): void {
    const id = newFileId();
    const key = fileKey(this.#vault.storageKey, id);
    const record: HeaderRecord = { kind: KIND, name: this.#name, version: "", chunkBytes: 0, header: null };
    const seal = new RecordSeal(key, this.#name);
    const parts = [sealHead(key, id, Buffer.from(JSON.stringify(record), "utf8"))];
    for (const [index, each] of records.entries()) parts.push(seal.seal(index, this.#encode(each)));
    replaceDurably(this.#vault.path(KIND, this.#name, "tmp"), this.#path, Buffer.concat(parts));
  }

  #attach(): void {
    this.#fd = openSync(this.#path, "r+");
    const { key, end } = readHead(this.#fd, this.#path, this.#vault.storageKey, { kind: KIND, name: this.#name });
    this.#seal = new RecordSeal(key, this.#name);
    this.#start = end;
  }

  #encode(record: T): Buffer {
    const result = v.safeParse(this.#schema, record);
    if (!result.success) {
      const issue = result.issues[0];
      throw new InputError(
        `Journal ${this.#name}: expected ${issue.expected ?? issue.message} at ${v.getDotPath(issue) ?? "the top"}, got something else`,
      );
    }
    const plain = Buffer.from(JSON.stringify(record), "utf8");
    if (plain.length > LARGEST_RECORD)
      throw new InputError(
        `Journal ${this.#name}: expected a record of at most ${LARGEST_RECORD} bytes, got ${plain.length}; try several`,
      );
    return plain;
  }

  /** Reads up to `#end`, and moves `#end` in front of a record that a crash cut short. */
  #replay(): T[] {
    const bytes = Buffer.alloc(this.#end - this.#start);
    if (!readFully(this.#opened(), bytes, this.#start))
      throw damaged(this.#path, "a file that shrinks while it is open");
    const records: T[] = [];
    let at = 0;
    while (at < bytes.length) {
      const index = records.length;
      const tampered = () => damaged(this.#path, `record ${index} failing authentication (tampered)`);
      if (bytes.length - at < HEAD_BYTES) break;
      const head = bytes.subarray(at, at + HEAD_BYTES);
      const length = this.#seal.length(index, head);
      if (length === undefined) {
        if (isZero(bytes.subarray(at))) break;
        throw tampered();
      }
      const body = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
      if (body.length < length) break;
      const plain = this.#seal.open(index, head, body);
      if (plain === undefined) {
        // A file system may have kept the new length of the file, but not the last blocks.
        if (at + HEAD_BYTES + length === bytes.length && isZero(body.subarray(-TAG_BYTES))) break;
        throw tampered();
      }
      const record = v.safeParse(this.#schema, JSON.parse(Buffer.from(plain).toString("utf8")));
      if (!record.success) throw damaged(this.#path, `record ${index} of another version`);
      records.push(record.output);
      at += HEAD_BYTES + length;
    }
    this.#end = this.#start + at;
    this.#count = records.length;
    return records;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
