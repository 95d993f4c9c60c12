/**
 * The keys that jobs are sealed with: made by each party in memory, certified by its identity for one place in one group, renewed
 * long before they expire. Not the sealing, see seal.ts. No file holds them: who takes a party's disk opens no past job.
 */
import { sign, verify, X509Certificate } from "node:crypto";
import * as v from "valibot";
import { HandshakeError } from "../errors.js";
import { fingerprint, type Identity } from "../net/index.js";
import { PUBLIC_BYTES, type SealingPair, sealingPair } from "./seal.js";

/** Which party: the group by the pins of all, and its index in the protocol. */
export interface Place {
  readonly group: string;
  readonly party: number;
}
/** A key that a party certified. */
export interface CertifiedKey {
  readonly publicKey: Uint8Array;
  /** Milliseconds since 1970. */
  readonly until: number;
}

const HOUR_MS = 3_600_000;
/** A certificate can be shown by a broker that long. */
const VALID_MS = 24 * HOUR_MS;
const RENEW_MS = 8 * HOUR_MS;
/** Clocks differ. */
export const SKEW_MS = 10 * 60_000;
/** Queries whose jobs' ids are remembered, as long as the key is; then it is renewed. */
const QUERIES_PER_KEY = 50_000;
/** Not sooner: what was sealed for the key before this one would be lost. */
const SOONEST_MS = 60_000;
/** Until then; more are refused. */
export const MOST_QUERIES = 200_000;
const LONGEST = 8 * 1024;

const certificate = v.strictObject({
  key: v.pipe(v.string(), v.base64()),
  from: v.pipe(v.number(), v.safeInteger()),
  until: v.pipe(v.number(), v.safeInteger()),
  cert: v.string(),
  signature: v.pipe(v.string(), v.base64()),
});

const statement = ({ group, party }: Place, key: string, from: number, until: number): Buffer =>
  Buffer.from(`secretgrad/scale/1\nsealing key\n${group}\n${party}\n${key}\n${from}\n${until}\n`);

/** One of a party's keys, with the queries that came by it. */
export interface OwnKey extends SealingPair {
  readonly certificate: Uint8Array;
  /** Ids of their jobs, as hex: only of clients with a right token, so that nobody else can fill it. */
  readonly opened: Set<string>;
  readonly made: number;
}

/** A party's own keys: one that it hands out, and the one before. */
export class SealingKeys {
  readonly #identity: Identity;
  readonly #place: Place;
  readonly #now: () => number;
  #current: OwnKey;
  #previous: OwnKey | undefined;

  constructor(identity: Identity, place: Place, now: () => number = Date.now) {
    this.#identity = identity;
    this.#place = place;
    this.#now = now;
    this.#current = this.#make();
  }

  /** The one to hand out. */
  get current(): OwnKey {
    const { made, opened } = this.#current;
    if (this.#now() - made > (opened.size < QUERIES_PER_KEY ? RENEW_MS : SOONEST_MS)) {
      this.#previous = this.#current;
      this.#current = this.#make();
    }
    return this.#current;
  }

  /** The key whose public half begins like this; undefined if it has been replaced. */
  find(start: Uint8Array): OwnKey | undefined {
    const begins = ({ publicKey }: OwnKey) => Buffer.compare(publicKey.subarray(0, start.length), start) === 0;
    return [this.current, this.#previous].find((key) => key !== undefined && begins(key));
  }

  #make(): OwnKey {
    const pair = sealingPair();
    const made = this.#now();
    const [from, until] = [made - SKEW_MS, made + VALID_MS];
    const key = Buffer.from(pair.publicKey).toString("base64");
    const { certPem: cert, keyPem } = this.#identity;
    const signature = sign("sha256", statement(this.#place, key, from, until), keyPem).toString("base64");
    const text = JSON.stringify({ key, from, until, cert, signature });
    return { ...pair, certificate: Buffer.from(text), opened: new Set(), made };
  }
}

/**
 * The key in a certificate that came from a broker. Throws HandshakeError unless the identity with this pin signed it for this
 * place and time.
 */
export function checkSealingKey(bytes: Uint8Array, pin: string, place: Place, now: number): CertifiedKey {
  const fail = (got: string): never => {
    throw new HandshakeError(
      `sealing key: expected one that party ${place.party} of group ${place.group.slice(0, 8)} certified with its pinned key, got ${got}`,
    );
  };
  const parsed = bytes.length > LONGEST ? undefined : v.safeParse(certificate, jsonOf(bytes));
  if (!parsed?.success) return fail("something else");
  const { key, from, until, cert, signature } = parsed.output;
  const identity = identityOf(cert);
  if (identity?.pin !== pin) return fail("another party's");
  if (!verify("sha256", statement(place, key, from, until), identity.publicKey, Buffer.from(signature, "base64")))
    return fail("a wrong signature, or one for another place");
  if (now < from || now > until) return fail("one that is not valid now; try setting the clocks");
  const raw = Buffer.from(key, "base64");
  if (raw.length !== PUBLIC_BYTES) return fail(`${raw.length} bytes`);
  return { publicKey: raw, until };
}

function identityOf(cert: string): { pin: string; publicKey: X509Certificate["publicKey"] } | undefined {
  try {
    return { pin: fingerprint(cert), publicKey: new X509Certificate(cert).publicKey };
  } catch {
    return undefined;
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
