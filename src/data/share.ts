/**
 * Secret-shares rows at their owner and hands each party its part: the only place where an owner's numbers become shares.
 * Not the connection to the parties: an Uploader does the calls, so that this runs in memory too.
 *
 * Only one chunk of numbers is in memory at a time. A dataset becomes visible at all parties or at none: begin, append,
 * commit (prepare) everywhere, then publish.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { InputError, ScaleError, SecretgradError } from "../errors.js";
import type { ProtocolDefinition, Seeds } from "../protocol/protocol.js";
import { secureRandom } from "../random/index.js";
import { encode, firstBeyond } from "../ring/index.js";
import { type DatasetMeta, parseDatasetMeta, uploadDigest } from "./share-meta.js";
import { type RowSource, rowSize } from "./transforms.js";

/** One method per call to a party; `party` is its index. Rejects with what the party answered. */
export interface Uploader {
  begin(party: number, meta: DatasetMeta, seeds: readonly Uint8Array[]): Promise<void>;
  /** `words` may be read until the promise settles. */
  append(party: number, name: string, offsetWords: number, words: Uint8Array): Promise<void>;
  commit(party: number, name: string, digest: string): Promise<void>;
  publish(party: number, name: string): Promise<void>;
  abort(party: number, name: string): Promise<void>;
}

export interface ShareOptions {
  /** "owner/name" */
  readonly name: string;
  readonly definition: Pick<ProtocolDefinition, "name" | "parties" | "sharing">;
  /** Names of the parties by index. */
  readonly parties: readonly string[];
  /** "fixed" (default) shares real numbers, "integer" whole ones with scale 0. */
  readonly format?: "fixed" | "integer";
  /** Fraction bits; default 16, and 0 for integers. It must be the session's. */
  readonly scale?: number;
  /**
   * |word| < 2^bound, checked here for every number, because no party can. Default: scale + 15 (numbers below 32768);
   * integers 31. Public, so it is declared and not taken from the data.
   */
  readonly bound?: number;
  /** Bytes of an upload; default 1 MiB. */
  readonly chunkBytes?: number;
  /** For errors: what the rows are called, and what helps if numbers are too large. */
  readonly told?: { readonly where: string; readonly advice: string };
  readonly onProgress?: (progress: { readonly rows: number; readonly of: number }) => void;
  readonly signal?: AbortSignal;
}

const WORD = 8;
const DEFAULT_CHUNK = 1 << 20;

/** Shares all rows of `source`; resolves with the public meta when the dataset is usable. */
export async function shareDataset(source: RowSource, options: ShareOptions, upload: Uploader): Promise<DatasetMeta> {
  const { definition } = options;
  const { sharing } = definition;
  const meta = describe(source, options);
  const metas = sharing.keepsCorrection.map((keepsCorrection) => ({ ...meta, keepsCorrection }));
  const seeds = sharing.freshSeeds();
  const hash = createHash("sha256");
  const keepers = metas.flatMap((each, party) => (each.keepsCorrection ? [party] : []));

  const begun: number[] = [];
  // Double buffering: while one correction travels, the next is computed; then this waits for the travelling one.
  let travelling: Promise<unknown> = Promise.resolve();
  try {
    options.signal?.throwIfAborted();
    await atAll(metas, async (each, party) => {
      await upload.begin(party, each, seeds.byParty[party]!);
      begun.push(party);
    });
    for await (const { words, offset, rows } of corrections(source, meta, options, seeds)) {
      hash.update(words);
      await travelling;
      options.signal?.throwIfAborted();
      options.onProgress?.({ rows, of: meta.rows });
      travelling = atAll(keepers, (party) => appendPieces(upload, party, meta.name, offset, words, options));
      // The next await sees a failure; this only keeps it from counting as unhandled until then.
      travelling.catch(() => {});
    }
    await travelling;
    options.signal?.throwIfAborted();
    const [kept, none] = [hash.digest(), createHash("sha256").digest()];
    await atAll(metas, (each, party) =>
      upload.commit(party, meta.name, uploadDigest(each, seeds.byParty[party]!, each.keepsCorrection ? kept : none)),
    );
  } catch (error) {
    // No append may arrive after the abort.
    await travelling.catch(() => {});
    // Best effort: a party that cannot be reached drops what it has by itself.
    await Promise.allSettled(begun.map((party) => upload.abort(party, meta.name)));
    throw error;
  }
  await publish(upload, meta);
  options.onProgress?.({ rows: meta.rows, of: meta.rows });
  return meta;
}

/** The meta that parties get, from what the caller said; throws before anything is sent. */
function describe(source: RowSource, options: ShareOptions): DatasetMeta {
  const { definition, name } = options;
  if (options.parties.length !== definition.parties)
    throw new InputError(
      `shareDataset: expected ${definition.parties} parties for ${definition.name}, got ${options.parties.length}`,
    );
  if (source.rows === 0)
    throw new InputError(`shareDataset: expected one row or more of ${name}, got none; try another file or array`);
  const format = options.format ?? "fixed";
  const scale = options.scale ?? (format === "fixed" ? 16 : 0);
  const meta = {
    name,
    owner: name.split("/")[0],
    rows: source.rows,
    rowShape: [...source.rowShape],
    scale,
    bound: options.bound ?? (format === "fixed" ? Math.min(62, scale + 15) : 31),
    ring: 64,
    protocol: definition.name,
    parties: [...options.parties],
    format,
    keepsCorrection: definition.sharing.keepsCorrection.includes(true),
    uploadId: Buffer.from(secureRandom(16)).toString("hex"),
  };
  return parseDatasetMeta(meta, "shareDataset");
}

/** The corrections of all rows, chunk by chunk. `rows` counts what is done before this chunk. */
async function* corrections(
  source: RowSource,
  meta: DatasetMeta,
  options: ShareOptions,
  seeds: Seeds,
): AsyncGenerator<{ words: Uint8Array; offset: number; rows: number }> {
  const size = rowSize(meta.rowShape);
  const perChunk = Math.max(1, Math.floor(chunkBytes(options) / (size * WORD)));
  const numbers = new Float64Array(Math.min(perChunk, meta.rows) * size);
  const words = new BigInt64Array(numbers.length);
  try {
    for (let row = 0; row < meta.rows; row += perChunk) {
      const count = Math.min(perChunk, meta.rows - row);
      const part = numbers.subarray(0, count * size);
      // A source that fills less than it was asked for must not share the previous chunk twice.
      part.fill(Number.NaN);
      await source.read(row, count, part);
      checkNumbers(part, meta, row, options);
      const encoded = encode(part, meta.scale, words.subarray(0, part.length));
      const bytes = new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength);
      const offset = row * size;
      yield { words: options.definition.sharing.correction(seeds, offset, bytes), offset, rows: row };
    }
  } finally {
    numbers.fill(0);
    words.fill(0n);
  }
}

/** Refuses what the declared bound does not hold, NaN included: a shared NaN would be silent garbage for good. */
function checkNumbers(numbers: Float64Array, meta: DatasetMeta, firstRow: number, { told }: ShareOptions): void {
  const size = rowSize(meta.rowShape);
  const whole = meta.format === "integer";
  let at = firstBeyond(numbers, meta.scale, meta.bound);
  if (at < 0 && whole) at = numbers.findIndex((value) => !Number.isInteger(value));
  if (at < 0) return;
  const row = Math.floor(at / size);
  const kind = whole ? "whole numbers" : "finite numbers";
  throw new ScaleError(
    `${told?.where ?? "shareDataset"}: expected ${kind} of magnitude below 2^${meta.bound - meta.scale}, got another in row ${firstRow + row}, element ${at - row * size} (from 0); try ${told?.advice ?? "to scale the data or a larger bound"}`,
  );
}

/** A row may be larger than one upload should be. */
async function appendPieces(
  upload: Uploader,
  party: number,
  name: string,
  offset: number,
  words: Uint8Array,
  options: ShareOptions,
): Promise<void> {
  const most = chunkBytes(options);
  for (let at = 0; at < words.length; at += most)
    await upload.append(party, name, offset + at / WORD, words.subarray(at, at + most));
}

function chunkBytes(options: ShareOptions): number {
  const bytes = options.chunkBytes ?? DEFAULT_CHUNK;
  if (!Number.isSafeInteger(bytes) || bytes < WORD || bytes % WORD !== 0)
    throw new InputError(`shareDataset: expected chunks of a multiple of ${WORD} bytes, got ${bytes}`);
  return bytes;
}

/** All have prepared: from here on the dataset is complete, and aborting would lose it where it is published already. */
async function publish(upload: Uploader, meta: DatasetMeta): Promise<void> {
  const results = await Promise.allSettled(meta.parties.map((_, party) => upload.publish(party, meta.name)));
  const failed = results.flatMap((result, party) =>
    result.status === "rejected" ? [{ party, cause: result.reason }] : [],
  );
  if (failed.length === 0) return;
  const names = failed.map(({ party }) => meta.parties[party]).join(", ");
  throw new SecretgradError(
    `shareDataset: expected all parties to publish "${meta.name}", got no confirmation from ${names}; every party holds its part and they settle it when their next session starts: try dataset.list later`,
    { cause: failed[0]!.cause },
  );
}

/** In parallel; waits for all before it rejects with the first failure, so that nothing is under way afterwards. */
async function atAll<T>(items: readonly T[], action: (item: T, index: number) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(items.map(action));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
