/** Reads a sealed file at any position, synchronously: batches are read in the middle of a run. Never writes. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { BoundError, StorageError } from "../../errors.js";
import type { ChunkCache } from "./cache.js";
import { readFully, shown, systemError } from "./durable.js";
import {
  ChunkSeal,
  fileKey,
  ID_BYTES,
  type Identity,
  LARGEST_HEADER,
  MAGIC,
  MAX_CHUNK,
  MIN_CHUNK,
  openHeader,
  PREAMBLE_BYTES,
  TAG_BYTES,
} from "./seal.js";
import type { HeaderRecord } from "./writer.js";

/** Cache keys are file number * 2^32 + chunk number. */
const CHUNKS_PER_FILE = 2 ** 32;
let files = 0;
/** Reads of at most this part of a chunk are short. */
const SHORT = 4;

export function damaged(path: string, got: string): StorageError {
  return new StorageError(
    `${shown(path)}: expected the file as it was written, got ${got}; try restoring it from a backup or creating it anew`,
    { cause: path },
  );
}

/** The sealed header of an open file and where it ends. Throws a StorageError unless it is authentic and of `identity`. */
export function readHead(
  fd: number,
  path: string,
  storageKey: Uint8Array,
  identity: Omit<Identity, "version">,
): { record: HeaderRecord; key: Uint8Array; end: number } {
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  if (!readFully(fd, preamble, 0)) throw damaged(path, "a truncated file");
  if (!preamble.subarray(0, MAGIC.length).equals(MAGIC))
    throw damaged(
      path,
      preamble.subarray(0, 7).equals(MAGIC.subarray(0, 7)) ? "a file of another version" : "a file of another format",
    );
  const id = preamble.subarray(MAGIC.length, MAGIC.length + ID_BYTES);
  const length = preamble.readUInt32LE(MAGIC.length + ID_BYTES);
  const end = PREAMBLE_BYTES + length;
  if (length < TAG_BYTES || length > LARGEST_HEADER) throw damaged(path, "a tampered header");
  if (end > fstatSync(fd).size) throw damaged(path, "a truncated file");
  const sealed = Buffer.alloc(length);
  if (!readFully(fd, sealed, PREAMBLE_BYTES)) throw damaged(path, "a truncated file");
  const key = fileKey(storageKey, id);
  const plain = openHeader(key, sealed);
  if (plain === undefined) throw damaged(path, "a header that fails authentication (tampered, or of another vault)");
  // Authentic, so it is ours and no hostile JSON.
  const record = JSON.parse(Buffer.from(plain).toString("utf8")) as HeaderRecord;
  if (record.kind !== identity.kind || record.name !== identity.name)
    throw damaged(path, `the contents of ${record.kind} "${record.name}" (renamed or swapped)`);
  return { record, key, end };
}

export class SealedFile {
  readonly path: string;
  readonly identity: Identity;
  /** What the creator of the file put there; authentic, but of whichever version wrote it: validate it. */
  readonly header: unknown;
  /** Plaintext bytes. */
  readonly length: number;
  readonly #chunkBytes: number;
  readonly #chunks: number;
  readonly #start: number;
  readonly #seal: ChunkSeal;
  readonly #cache: ChunkCache;
  readonly #cacheBase = files++ * CHUNKS_PER_FILE;
  readonly #sealed: Uint8Array;
  #recent: { readonly index: number; readonly plain: Uint8Array } | undefined;
  readonly #onClose: () => void;
  #fd: number | undefined;

  /** @internal Use Vault.open. */
  constructor(
    path: string,
    storageKey: Uint8Array,
    identity: Omit<Identity, "version">,
    cache: ChunkCache,
    onClose: () => void,
  ) {
    this.path = path;
    this.#onClose = onClose;
    this.#cache = cache;
    let fd: number | undefined;
    try {
      fd = openSync(path, "r");
      const { record, key, end } = readHead(fd, path, storageKey, identity);
      this.identity = { kind: record.kind, name: record.name, version: record.version };
      this.header = record.header;
      const chunkBytes = record.chunkBytes;
      if (!Number.isInteger(chunkBytes) || chunkBytes < MIN_CHUNK || chunkBytes > MAX_CHUNK)
        throw damaged(path, "a file of another kind");
      this.#chunkBytes = chunkBytes;
      this.#start = end;
      this.#seal = new ChunkSeal(key, record);
      this.#sealed = new Uint8Array(chunkBytes + TAG_BYTES);
      const body = fstatSync(fd).size - end;
      this.#chunks = Math.ceil(body / (chunkBytes + TAG_BYTES));
      const lastBytes = body - (this.#chunks - 1) * (chunkBytes + TAG_BYTES) - TAG_BYTES;
      if (this.#chunks < 1 || this.#chunks >= CHUNKS_PER_FILE || lastBytes < 0) throw damaged(path, "a truncated file");
      this.length = (this.#chunks - 1) * chunkBytes + lastBytes;
      this.#fd = fd;
      // Proves the length: only the chunk that was written last is sealed as the last.
      const index = this.#chunks - 1;
      this.#recent = { index, plain: this.#decrypt(fd, index) };
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      this.#fd = undefined;
      throw systemError(path, "read", error);
    }
  }

  /** Fills `target` with the plaintext from byte `offset`; `target` may lie on WebAssembly memory. */
  readAt(offset: number, target: Uint8Array): void {
    const fd = this.#fd;
    if (fd === undefined) throw new StorageError(`${shown(this.path)}: expected an open file, got one that was closed`);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > this.length)
      throw new BoundError(
        `${shown(this.path)}: expected a read inside ${this.length} bytes, got ${target.length} bytes from ${offset}`,
      );
    const chunkBytes = this.#chunkBytes;
    for (let at = 0; at < target.length; ) {
      const index = Math.floor((offset + at) / chunkBytes);
      const from = offset + at - index * chunkBytes;
      const count = Math.min(chunkBytes - from, target.length - at);
      const chunk = this.#chunk(fd, index, count);
      target.set(from === 0 && count === chunk.length ? chunk : chunk.subarray(from, from + count), at);
      at += count;
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    this.#recent = undefined;
    this.#cache.dropRange(this.#cacheBase, this.#cacheBase + CHUNKS_PER_FILE);
    this.#onClose();
  }

  /**
   * A chunk of which `count` bytes are wanted. The last one is kept for reads that go on behind each other. The cache is
   * for short rows (labels), of which many lie in a chunk: long ones would only drive these out, and chunks that die young
   * are cheap for the garbage collector.
   */
  #chunk(fd: number, index: number, count: number): Uint8Array {
    if (this.#recent?.index === index) return this.#recent.plain;
    const cached = this.#cache.get(this.#cacheBase + index);
    if (cached !== undefined) return cached;
    const plain = this.#decrypt(fd, index);
    if (count * SHORT <= plain.length) this.#cache.put(this.#cacheBase + index, plain);
    this.#recent = { index, plain };
    return plain;
  }

  #decrypt(fd: number, index: number): Uint8Array {
    const stride = this.#chunkBytes + TAG_BYTES;
    const last = index === this.#chunks - 1;
    const bytes = last ? this.length - index * this.#chunkBytes + TAG_BYTES : stride;
    const sealed = bytes === stride ? this.#sealed : this.#sealed.subarray(0, bytes);
    let complete: boolean;
    try {
      complete = readFully(fd, sealed, this.#start + index * stride);
    } catch (error) {
      throw systemError(this.path, "read", error);
    }
    if (!complete) throw damaged(this.path, "a truncated file");
    const plain = this.#seal.open(index, last, sealed);
    if (plain !== undefined) return plain;
    if (last && this.#seal.open(index, false, sealed) !== undefined)
      throw damaged(this.path, `a truncated file (the chunks after number ${index} are missing)`);
    throw damaged(this.path, `chunk ${index} failing authentication (tampered or truncated)`);
  }
}
