/**
 * Which segments of a file were used: a small file beside it to which each use is appended, and is on the disk before anything
 * of the segment is opened. A segment that was begun counts as used, however its run ended.
 *
 *   magic (8) | id of the file in hex (32) | record | record | …
 *   record: number (8) | first 8 bytes of SHA-256 of id and number
 */
import { createHash } from "node:crypto";
import { closeSync, constants, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { StorageError } from "../../errors.js";
import { FILE_MODE, readFully, shown, syncDirectory, systemError, writeAll } from "../storage/durable.js";

const MAGIC = Buffer.from("sgusedA1", "latin1");
const HEAD_BYTES = MAGIC.length + 32;
const RECORD_BYTES = 16;

/** Beside the file itself. */
export const accountPath = (path: string): string => `${path}.used`;

/** Makes the account of a new file. Throws if there is one. */
export function createAccount(path: string, id: string): void {
  const fd = openSync(accountPath(path), "wx", FILE_MODE);
  try {
    writeAll(fd, Buffer.concat([MAGIC, Buffer.from(id, "latin1")]));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  syncDirectory(dirname(path));
}

export class Account {
  readonly #path: string;
  readonly #id: string;
  readonly #fd: number;
  #end = 0;
  #next = 0;
  #failed = false;

  /** Opens the account of the file at `path`. Throws StorageError if it is missing, tampered or of another file. */
  constructor(path: string, id: string) {
    this.#path = accountPath(path);
    this.#id = id;
    try {
      this.#fd = openSync(this.#path, constants.O_RDWR | constants.O_APPEND);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "an error";
      throw new StorageError(
        `${shown(this.#path)}: expected the account of what was used, got ${code}; try moving both files of the dealer, and never an older copy`,
        { cause: error },
      );
    }
    try {
      this.#end = this.#replay();
    } catch (error) {
      closeSync(this.#fd);
      throw systemError(this.#path, "read", error);
    }
  }

  /** All segments below count as used. */
  get next(): number {
    return this.#next;
  }

  /** When it returns, it is durable that `number`, and all before, are used. */
  use(number: number): void {
    this.#refuseOthers();
    try {
      writeAll(this.#fd, record(this.#id, number));
      fdatasyncSync(this.#fd);
    } catch (error) {
      // Nobody knows what is on the disk: nothing may be built on it.
      this.#failed = true;
      throw systemError(this.#path, "append to", error);
    }
    this.#end += RECORD_BYTES;
    // Of two processes that append at the same time, at least the later one sees both records.
    this.#refuseOthers();
    this.#next = Math.max(this.#next, number + 1);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #refuseOthers(): void {
    this.#failed ||= fstatSync(this.#fd).size !== this.#end;
    if (this.#failed)
      throw new StorageError(
        `${shown(this.#path)}: expected an account that only this process writes, got another or a failed write; try a restart`,
      );
  }

  #replay(): number {
    const { size } = fstatSync(this.#fd);
    const bytes = Buffer.alloc(size);
    const tampered = (what: string) =>
      new StorageError(
        `${shown(this.#path)}: expected the account of these correlations, got ${what}; try the one that was moved with them`,
      );
    if (!readFully(this.#fd, bytes, 0) || size < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
      throw tampered("another file");
    if (bytes.toString("latin1", MAGIC.length, HEAD_BYTES) !== this.#id) throw tampered("that of other ones");
    let at = HEAD_BYTES;
    for (; at + RECORD_BYTES <= size; at += RECORD_BYTES) {
      const number = bytes.subarray(at, at + 8);
      if (!tag(this.#id, number).equals(bytes.subarray(at + 8, at + RECORD_BYTES))) {
        if (at + RECORD_BYTES === size) break;
        throw tampered("a record that is none");
      }
      this.#next = Math.max(this.#next, Number(number.readBigUInt64LE()) + 1);
    }
    // A crash has cut the last record short: its use was never acknowledged, and is counted all the same.
    if (at < size) {
      ftruncateSync(this.#fd, at);
      fsyncSync(this.#fd);
      this.#end = at;
      this.use(this.#next);
      return this.#end;
    }
    return at;
  }
}

function record(id: string, number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return Buffer.concat([bytes, tag(id, bytes)]);
}
const tag = (id: string, number: Uint8Array): Buffer =>
  createHash("sha256").update(id).update(number).digest().subarray(0, 8);
