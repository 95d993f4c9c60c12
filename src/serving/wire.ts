/**
 * What clients of a served model and its parties say to each other, and how errors travel: the bytes and their strict reading.
 * Not the connections, and not what parties allow. No Node imports, so that browsers speak it with this very file.
 *
 * A client opens a WebSocket (path /v1, no subprotocol) to every party that computes; a dealer is no party here. Each message
 * is one binary WebSocket message: version (1 byte, now 1), kind (1 byte), then by kind, numbers being little-endian:
 *
 *   client → party   1 hello     length of the name (1), model name, credential (32)
 *                    2 query     request id (16), this party's part of the input (`partBytes`)
 *   party → client   129 welcome facts of the model, as JSON (`ModelFacts`)
 *                    130 answer  request id (16), this party's part of the answer (`output.bits` a number)
 *                    131 refusal request id (16; zeros: of the connection), reason (1), milliseconds (4; at most 60,000), text (UTF-8)
 *
 * 1. The client says hello first, within 10 s. The credential differs by party (`credentialOf`), so that no party can pose as the
 *    client to another one. The party welcomes or refuses and closes. A client goes on only if the facts are equal at all parties.
 * 2. For each query the client draws 16 fresh random bytes as request id, the same for all parties, encodes the input as words
 *    (round(x * 2^fraction) in Z_2^64, row-major), splits them, and sends each party its part under that id:
 *
 *      rep3         seeds a, b (16 random bytes each), correction c = x - E(a) - E(b):  p0: a b    p1: b c    p2: a c
 *      additive-N   seeds s_0 … s_{N-2}, c = x - E(s_0) - …:                            p_i: s_i   the last one: c
 *
 *    E(s) is as long as x: AES-128-CTR of zeros, the initial counter block being 16 zero bytes and all of it counting, under the
 *    key HKDF-SHA256(ikm = 00 00 00 10 ‖ s, salt = "secretgrad/random/v1", info = "dataset expansion", 16 bytes), read as
 *    64-bit words. Sums and differences are word by word, modulo 2^64.
 * 3. Each party answers the query or refuses it; answers of different queries come in any order. The sum of all parties' parts
 *    is the answer, in words of `output.bits`: numbers at `output.scale` fraction bits, two's complement. A refusal by one party is the end of the query at
 *    all. What is `retryable` may be asked again after the milliseconds given, under a fresh id: one id is taken once.
 *
 * At most `inFlight` queries of a connection may be unanswered. Anything that is not as said here ends the connection.
 */
import {
  FrameError,
  InputError,
  NameError,
  PolicyError,
  type SecretgradError,
  ShapeError,
  UnavailableError,
} from "../errors.js";

export const WIRE_VERSION = 1;
export const ID_BYTES = 16;
export const CREDENTIAL_BYTES = 32;
/** Of one party's part of an input or an answer. */
export const LARGEST_PART = 16 * 2 ** 20;
const LARGEST_FACTS = 2 ** 18;
const LONGEST_TEXT = 500;
/** Of a refusal: allowances are by the minute. */
export const LONGEST_PAUSE_MS = 60_000;
const HEAD = 2;

enum Kind {
  hello = 1,
  query = 2,
  welcome = 129,
  answer = 130,
  refusal = 131,
}

/** Why a query, or a connection (then with an id of zeros), is refused. */
export const reasons = {
  /** Not a message of this format, or not in its turn. */
  malformed: 1,
  /** No such model for this credential, or it has expired, or the model was withdrawn. */
  unauthorized: 2,
  /** All queries that the model's owner allowed are used. */
  quota: 3,
  /** More queries a minute than allowed. */
  rate: 4,
  /** Too many queries wait. */
  busy: 5,
  /** The parties are not in session, or a run failed, or a party shuts down. */
  unavailable: 6,
  /** The request id was used before. */
  repeated: 7,
  /** A part of another length than the model's input takes. */
  shape: 8,
  /** The parts that the parties got do not belong together. */
  inconsistent: 9,
  /** Some party did not get its part in time. */
  incomplete: 10,
  /** A part or an answer is longer than the broker between them carries. */
  large: 11,
} as const;
export type Reason = keyof typeof reasons;
const retryable: ReadonlySet<Reason> = new Set(["rate", "busy", "unavailable", "incomplete"]);
const reasonOf = new Map(Object.entries(reasons).map(([name, code]) => [code as number, name as Reason]));

/** Public facts of a served model, as each party states them. Equal at all parties but for `party`. */
export interface ModelFacts {
  readonly model: string;
  /** Changes with every deployment. */
  readonly version: number;
  /** Which party says so. */
  readonly party: number;
  /** The parties that get parts, in order. */
  readonly parties: readonly string[];
  /** "rep3", "additive-2", …: how the input is split. */
  readonly protocol: string;
  /** Bits of a word of the input. */
  readonly ring: 64;
  /** Fraction bits of the input. */
  readonly fraction: number;
  /** The shape of one input. */
  readonly input: readonly number[];
  readonly output: {
    /** scores: the model's output. class: the position of the largest one, and nothing else. */
    readonly kind: "scores" | "class";
    readonly shape: readonly number[];
    /** Fraction bits. */
    readonly scale: number;
    /** Of a word: parties may compute in a smaller ring. */
    readonly bits: 32 | 64;
  };
  /** Names of the classes, by position. */
  readonly classes?: readonly string[];
  /** Bytes of this party's part of an input. */
  readonly partBytes: number;
  readonly inFlight: number;
}

export interface Hello {
  readonly model: string;
  readonly credential: Uint8Array;
}
export interface Query {
  readonly id: Uint8Array;
  /** A view of the message. */
  readonly part: Uint8Array;
}
export interface Refusal {
  /** Undefined: of the connection. */
  readonly id?: Uint8Array;
  readonly reason: Reason;
  readonly retryAfterMs: number;
  readonly text: string;
}
export type FromClient = ({ readonly type: "hello" } & Hello) | ({ readonly type: "query" } & Query);
export type FromParty =
  | { readonly type: "welcome"; readonly facts: ModelFacts }
  | ({ readonly type: "answer" } & Query)
  | ({ readonly type: "refusal" } & Refusal);

const utf8 = new TextEncoder();

/** What a client shows party `party`: SHA-256 of "secretgrad/serving/1 PARTY\nTOKEN". Parties store its SHA-256. */
export async function credentialOf(token: string, party: number): Promise<Uint8Array> {
  const text = utf8.encode(`secretgrad/serving/${WIRE_VERSION} ${party}\n${token}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", text));
}

// -- writing --

export function encodeHello({ model, credential }: Hello): Uint8Array {
  const name = utf8.encode(model);
  return message(Kind.hello, Uint8Array.of(name.length), name, credential);
}
export const encodeQuery = ({ id, part }: Query): Uint8Array => message(Kind.query, id, part);
export const encodeWelcome = (facts: ModelFacts): Uint8Array =>
  message(Kind.welcome, utf8.encode(JSON.stringify(facts)));
export const encodeAnswer = ({ id, part }: Query): Uint8Array => message(Kind.answer, id, part);
export function encodeRefusal({ id, reason, retryAfterMs, text }: Refusal): Uint8Array {
  const numbers = new Uint8Array(5);
  numbers[0] = reasons[reason];
  new DataView(numbers.buffer).setUint32(1, Math.min(Math.max(0, Math.ceil(retryAfterMs)), LONGEST_PAUSE_MS), true);
  return message(Kind.refusal, id ?? new Uint8Array(ID_BYTES), numbers, utf8.encode(text).subarray(0, LONGEST_TEXT));
}

function message(kind: Kind, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, HEAD));
  bytes[0] = WIRE_VERSION;
  bytes[1] = kind;
  let at = HEAD;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

// -- reading: every byte comes from somebody who may be hostile --

/** Reads what a client sent. Throws FrameError for anything but a hello or a query of this version. */
export function decodeFromClient(bytes: Uint8Array): FromClient {
  const kind = kindOf(bytes, "client");
  const body = bytes.subarray(HEAD);
  if (kind === Kind.hello) {
    const [length = 0] = body;
    if (length === 0 || body.length !== 1 + length + CREDENTIAL_BYTES)
      throw malformed("client", "a hello of a name and a credential", `${bytes.length} bytes`);
    return { type: "hello", model: text(body.subarray(1, 1 + length), "client"), credential: body.slice(1 + length) };
  }
  if (kind === Kind.query) {
    if (body.length < ID_BYTES) throw malformed("client", "a query with an id", `${bytes.length} bytes`);
    return { type: "query", id: body.slice(0, ID_BYTES), part: body.subarray(ID_BYTES) };
  }
  throw malformed("client", "a hello or a query", `kind ${kind}`);
}

/** Reads what a party sent; `from` names it in errors. Throws FrameError for anything else. */
export function decodeFromParty(bytes: Uint8Array, from: string): FromParty {
  const kind = kindOf(bytes, from);
  const body = bytes.subarray(HEAD);
  if (kind === Kind.welcome) {
    if (body.length > LARGEST_FACTS) throw malformed(from, `at most ${LARGEST_FACTS} bytes of facts`, "more");
    return { type: "welcome", facts: readFacts(body, from) };
  }
  if (kind === Kind.answer) {
    if (body.length < ID_BYTES || (body.length - ID_BYTES) % 4 !== 0)
      throw malformed(from, "an answer of whole words", `${bytes.length} bytes`);
    return { type: "answer", id: body.slice(0, ID_BYTES), part: body.subarray(ID_BYTES) };
  }
  if (kind === Kind.refusal) {
    const reason = reasonOf.get(body[ID_BYTES] ?? 0);
    if (body.length < ID_BYTES + 5 || body.length > ID_BYTES + 5 + LONGEST_TEXT || !reason)
      throw malformed(from, "a refusal with a known reason", `${bytes.length} bytes`);
    const id = body.slice(0, ID_BYTES);
    const retryAfterMs = new DataView(body.buffer, body.byteOffset).getUint32(ID_BYTES + 1, true);
    if (retryAfterMs > LONGEST_PAUSE_MS)
      throw malformed(from, `a pause of at most ${LONGEST_PAUSE_MS} ms`, `${retryAfterMs} ms`);
    const of = id.some((byte) => byte !== 0) ? { id } : {};
    // A long text may have been cut inside of a character.
    const said = new TextDecoder().decode(body.subarray(ID_BYTES + 5));
    return { type: "refusal", ...of, reason, retryAfterMs, text: said };
  }
  throw malformed(from, "a welcome, an answer or a refusal", `kind ${kind}`);
}

/** Whether a message of a party, which comes from this process, is a welcome. */
export const isWelcome = (bytes: Uint8Array): boolean => bytes[1] === Kind.welcome;

function kindOf(bytes: Uint8Array, from: string): number {
  if (bytes.length < HEAD || bytes[0] !== WIRE_VERSION)
    throw malformed(from, `version ${WIRE_VERSION}`, bytes.length < HEAD ? "too few bytes" : `${bytes[0]}`);
  return bytes[1]!;
}

function text(bytes: Uint8Array, from: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformed(from, "UTF-8", "other bytes");
  }
}

function readFacts(bytes: Uint8Array, from: string): ModelFacts {
  let json: unknown;
  try {
    json = JSON.parse(text(bytes, from));
  } catch {
    throw malformed(from, "facts in JSON", "other bytes");
  }
  const problem = factsProblem(json);
  if (problem) throw malformed(from, `facts with ${problem}`, "others");
  return json as ModelFacts;
}

const isNatural = (value: unknown, most: number): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most;
const isText = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= 200;
const isShape = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= 6 && value.every((length) => isNatural(length, 2 ** 31 - 1) && length > 0);
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** What is wrong with the facts, as what was expected. Members that this version does not know are ignored. */
function factsProblem(facts: unknown): string | undefined {
  if (!isRecord(facts)) return "members";
  const { model, version, party, parties, protocol, ring, fraction, input, output, classes, partBytes, inFlight } =
    facts;
  if (!isText(model) || !isNatural(version, 2 ** 48)) return "a model and its version";
  if (!Array.isArray(parties) || parties.length < 1 || parties.length > 16 || !parties.every(isText)) return "parties";
  if (!isNatural(party, parties.length - 1)) return "the number of the party";
  if (!isText(protocol) || ring !== 64 || !isNatural(fraction, 24)) return "a protocol, its ring and fraction bits";
  if (!isShape(input)) return "the shape of an input";
  if (!isRecord(output) || (output.kind !== "scores" && output.kind !== "class")) return "the kind of an output";
  if (!isShape(output.shape) || !isNatural(output.scale, 61) || (output.bits !== 32 && output.bits !== 64))
    return "the shape, scale and bits of an output";
  if (classes !== undefined && (!Array.isArray(classes) || classes.length > 100_000 || !classes.every(isText)))
    return "class names";
  if (!isNatural(partBytes, LARGEST_PART) || !isNatural(inFlight, 65_536) || inFlight === 0) return "sizes";
  return undefined;
}

const malformed = (from: string, expected: string, got: string): FrameError =>
  new FrameError(`message of ${from}: expected ${expected}, got ${got}; try the same release`);

// -- errors --

/** A refusal as the error that a caller of the client gets. */
export function refusalError({ reason, retryAfterMs, text }: Refusal, from: string): SecretgradError {
  const said = `${from}: ${text}`;
  if (retryable.has(reason)) return new UnavailableError(said, retryAfterMs);
  switch (reason) {
    case "unauthorized":
    case "quota":
      return new PolicyError(said);
    case "shape":
      return new ShapeError(said);
    case "repeated":
      return new NameError(said);
    case "inconsistent":
    case "large":
      return new InputError(said);
    default:
      return new FrameError(said);
  }
}
