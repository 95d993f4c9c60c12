/**
 * What clients and parties say to each other through a broker: subjects, the bytes around what is sealed, their strict reading.
 * Not the sealing, see seal.ts, and inside of it the messages are those of serving/wire.ts.
 *
 *   secretgrad.1.offer.MODEL     any group answers with its id (MODEL: base64url), picked by the queue group
 *   secretgrad.1.GROUP.PARTY.key this party's certified sealing key (sealing-key.ts)
 *   secretgrad.1.GROUP.PARTY.job
 *     job     version (1, now 1), id (16), start of the sealing key (8), when it expires (8: ms since 1970), length of the
 *             model's name (1), name, sealed: length of the hello (2), hello, query (nothing: only the welcome is wanted)
 *     answer  version (1), 0, sealed: SHA-256 of the welcome (32; zeros: none), an answer or refusal - or the welcome
 *             version (1), why it was not opened (`unopened`)
 *
 * Numbers are little-endian. A job's id is its own and says nothing of the query's, which is sealed and the same at all parties.
 * A job is bound to its id, model, group, party and expiry, and to the key that opens its answer; so is the answer. What is not
 * sealed says whatever the broker likes: the client takes it as a reason to ask again, never as an answer.
 */
import { FrameError } from "../errors.js";
import { ID_BYTES } from "../serving/wire.js";
import type { Place } from "./sealing-key.js";

const VERSION = 1;
const KEY_START_BYTES = 8;
const EXPIRY_BYTES = 8;
const HEAD = 1 + ID_BYTES + KEY_START_BYTES + EXPIRY_BYTES + 1;
/** A job that is valid longer is refused: clocks differ, but not that much. */
export const LONGEST_VALID_MS = 3_600_000;
/** More than is around a part in a job or an answer, a model's name included. */
export const AROUND = 400;
const DIGEST_BYTES = 32;
export const NO_WELCOME = new Uint8Array(DIGEST_BYTES);

/** Why a party did not open a job. */
export const unopened = {
  /** Sealed with a key that the party has replaced, or never had. */
  stale: 1,
  /** Changed on its way, or sealed for another place. */
  changed: 2,
  /** Its id was here before, with a query. */
  repeated: 3,
  /** Too many jobs. */
  busy: 4,
  /** Too late, or by a clock that is far off. */
  expired: 5,
} as const;
export type Unopened = keyof typeof unopened;
const reasonOf = new Map(Object.entries(unopened).map(([reason, code]) => [code as number, reason as Unopened]));

const PREFIX = `secretgrad.${VERSION}`;
export const offerSubject = (model: string): string => `${PREFIX}.offer.${Buffer.from(model).toString("base64url")}`;
export const keySubject = ({ group, party }: Place): string => `${PREFIX}.${group}.${party}.key`;
export const jobSubject = ({ group, party }: Place): string => `${PREFIX}.${group}.${party}.job`;
/** Of groups that serve one model, one gets each offer. */
export const QUEUE = "groups";

export interface Job {
  readonly id: Uint8Array;
  readonly model: string;
  /** Which of the party's keys it is sealed with. */
  readonly keyStart: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly sealed: Uint8Array;
}

/** What a job is bound to; no two different ones give the same bytes. */
export function contextOf(
  { id, model, expires }: Omit<Job, "keyStart" | "sealed">,
  { group, party }: Place,
): Uint8Array {
  const name = Buffer.from(model);
  return Buffer.concat([id, Buffer.from(group, "hex"), timeOf(expires), Uint8Array.of(party, name.length), name]);
}

function timeOf(ms: number): Buffer {
  const bytes = Buffer.alloc(EXPIRY_BYTES);
  bytes.writeBigUInt64LE(BigInt(ms));
  return bytes;
}

export const keyStartOf = (publicKey: Uint8Array): Uint8Array => publicKey.subarray(0, KEY_START_BYTES);

export function encodeJob({ id, model, keyStart, expires, sealed }: Job): Uint8Array {
  const name = Buffer.from(model);
  return Buffer.concat([
    Uint8Array.of(VERSION),
    id,
    keyStart,
    timeOf(expires),
    Uint8Array.of(name.length),
    name,
    sealed,
  ]);
}

/** Throws FrameError. */
export function decodeJob(bytes: Uint8Array): Job {
  const names = bytes[HEAD - 1] ?? 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const expires = bytes.length < HEAD ? Number.NaN : Number(view.getBigUint64(HEAD - 1 - EXPIRY_BYTES, true));
  if (bytes[0] !== VERSION || names === 0 || bytes.length < HEAD + names || !Number.isSafeInteger(expires))
    throw new FrameError(`job: expected version ${VERSION} with an id, an expiry and a model, got something else`);
  const id = bytes.slice(1, 1 + ID_BYTES);
  const keyStart = bytes.slice(1 + ID_BYTES, 1 + ID_BYTES + KEY_START_BYTES);
  const model = Buffer.from(bytes.subarray(HEAD, HEAD + names)).toString("utf8");
  return { id, keyStart, expires, model, sealed: bytes.subarray(HEAD + names) };
}

/** What is sealed in a job. */
export function encodeQuestion(hello: Uint8Array, query: Uint8Array | undefined): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(hello.length);
  return Buffer.concat([length, hello, query ?? new Uint8Array()]);
}

/** Throws FrameError. */
export function decodeQuestion(bytes: Uint8Array): { hello: Uint8Array; query: Uint8Array | undefined } {
  const length = bytes.length < 2 ? 0 : bytes[0]! + 256 * bytes[1]!;
  if (length === 0 || bytes.length < 2 + length)
    throw new FrameError("job: expected a hello and a query, got something else");
  const query = bytes.subarray(2 + length);
  return { hello: bytes.subarray(2, 2 + length), query: query.length === 0 ? undefined : query };
}

export const encodeSealedAnswer = (sealed: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(VERSION, 0), sealed]);
export const encodeUnopened = (reason: Unopened): Uint8Array => Uint8Array.of(VERSION, unopened[reason]);

/** A sealed answer, or why there is none. Throws FrameError. */
export function decodeAnswer(bytes: Uint8Array): Uint8Array | Unopened {
  const reason = reasonOf.get(bytes[1] ?? 0);
  if (bytes[0] !== VERSION || bytes.length < 2 || (bytes[1] !== 0 && !reason))
    throw new FrameError(`answer: expected version ${VERSION}, got something else; try the same release`);
  return reason ?? bytes.subarray(2);
}

/** What is sealed in the answer to a query. */
export const encodeReply = (welcome: Uint8Array, message: Uint8Array): Uint8Array => Buffer.concat([welcome, message]);
/** Throws FrameError. */
export function decodeReply(bytes: Uint8Array): { welcome: Uint8Array; message: Uint8Array } {
  if (bytes.length < DIGEST_BYTES) throw new FrameError(`answer: expected a reply, got ${bytes.length} bytes`);
  return { welcome: bytes.subarray(0, DIGEST_BYTES), message: bytes.subarray(DIGEST_BYTES) };
}
