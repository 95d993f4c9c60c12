/**
 * What a dealer writes ahead for one party and one plan: a file of segments, one for each run. Does no I/O; the account of
 * what was used is in account.ts.
 *
 *   magic (8) | length of the header (4) | header | SHA-256 of all that (32) | segment 0 | segment 1 | …
 *   segment: number (8) | SHA-256 of header digest, number and body (32) | body: round (4) | bytes (4) | bytes …
 *
 * A body is what the dealer would send the party in one run, round by round; most parties need none of it, because a key does
 * (protocol/additive/deal.ts). All segments of a file are of one length: it depends on the plan alone.
 *
 * The digests find damage, not forgery: whoever can write the file can also make a false one.
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { FrameError, StorageError } from "../../errors.js";
import { deriveKey } from "../../random/index.js";
import { identityName } from "../cluster.js";
import { byName, digestHex, idHex, mostScalars, planName, positive } from "../schemas.js";

export const MAGIC = Buffer.from("sgdealt1", "latin1");
/** Magic and the length of the header. */
export const PREAMBLE_BYTES = MAGIC.length + 4;
export const DIGEST_BYTES = 32;
export const SEGMENT_HEAD_BYTES = 8 + DIGEST_BYTES;
export const FRAME_HEAD_BYTES = 8;
const LARGEST_HEADER = 1 << 20;

const header = v.strictObject({
  format: v.literal(1),
  /** Of the cluster: "additive-2-dealt". */
  protocol: v.pipe(v.string(), v.maxLength(32)),
  /** Of the dealer: another release may draw its numbers in another order. */
  library: v.pipe(v.string(), v.maxLength(64)),
  /** Equal in the files of all parties, and in no other. */
  id: idHex,
  party: identityName,
  /** In the order of their indices. */
  parties: v.pipe(v.array(identityName), v.minLength(1), v.maxLength(16)),
  plan: digestHex,
  /** Mantissas of the run-time numbers that the correlations depend on, by slot. */
  scalars: byName(planName, v.pipe(v.number(), v.safeInteger()), mostScalars),
  /** Segments. */
  steps: v.pipe(positive, v.maxValue(2 ** 32)),
  /** Of each body. */
  bodyBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** 16 bytes in base64 that the dealer and this party alone have. */
  key: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{22}==$/, "16 bytes in base64")),
});
export type DealtHeader = v.InferOutput<typeof header>;

export function encodeHead(value: DealtHeader): Buffer {
  const text = Buffer.from(JSON.stringify(value), "utf8");
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const head = Buffer.concat([MAGIC, length, text]);
  return Buffer.concat([head, sha256(head)]);
}

/** The length of the rest of the head, or undefined if these are no files of ours. */
export function restOfHead(preamble: Buffer): number | undefined {
  const length = preamble.readUInt32LE(MAGIC.length);
  return preamble.subarray(0, MAGIC.length).equals(MAGIC) && length <= LARGEST_HEADER
    ? length + DIGEST_BYTES
    : undefined;
}

/** The header and its digest. `where` names the file in errors. */
export function decodeHead(head: Buffer, where: string): { header: DealtHeader; digest: Buffer } {
  const end = head.length - DIGEST_BYTES;
  const digest = head.subarray(end);
  if (!sha256(head.subarray(0, end)).equals(digest)) throw damaged(where, "a header that fails its digest");
  const result = v.safeParse(header, parse(head.subarray(PREAMBLE_BYTES, end)));
  if (!result.success) throw damaged(where, "a header of another version");
  return { header: result.output, digest };
}

export const damaged = (where: string, got: string): StorageError =>
  new StorageError(`${where}: expected correlations as the dealer wrote them, got ${got}; try moving the file again`);

/** The digest of a segment, fed with its body piece by piece. */
export function segmentHash(headDigest: Uint8Array, number: number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return createHash("sha256").update(headDigest).update(bytes);
}

/** A segment as it lies in the file. */
export function encodeSegment(headDigest: Uint8Array, number: number, body: Uint8Array): Buffer[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return [
    bytes,
    segmentHash(headDigest, number).update(body).digest(),
    Buffer.from(body.buffer, body.byteOffset, body.length),
  ];
}

export function encodeFrame(round: number, parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32LE(round);
  head.writeUInt32LE(
    parts.reduce((sum, part) => sum + part.length, 0),
    4,
  );
  return Buffer.concat([head, ...parts]);
}

/** Throws unless the next frame is that of this round and length: then dealer and party have not run the same. */
export function checkFrame(head: Buffer, round: number, bytes: number, where: string): void {
  const [frameRound, frameBytes] = [head.readUInt32LE(0), head.readUInt32LE(4)];
  if (frameRound !== round || frameBytes !== bytes)
    throw new FrameError(
      `${where}: expected ${bytes} bytes for round ${round}, got ${frameBytes} for round ${frameRound}; try correlations of the same release`,
    );
}

/** The key of one run between the dealer and a party. */
export const segmentKey = (key: Uint8Array, number: number, label: string): Uint8Array =>
  deriveKey([key], `dealt segment ${number} ${label}`);

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
