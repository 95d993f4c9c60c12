/**
 * How the parties of a session make sure that they mean the same session, and agree on its id and keys.
 * Who is at the other end was already proved by the transport; this binds it to a party index.
 *
 * Three steps, each one frame to every peer: (1) hello: everything that must be equal, fresh bytes for the pair key, a
 * commitment to a nonce; (2) open: the nonce; (3) confirm: a hash over all that was agreed. The commitment keeps the
 * last party to speak from steering the common coins.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { FrameError, HandshakeError, PeerLostError } from "../errors.js";
import { secureRandom } from "../random/index.js";
import { checkName } from "./certificates.js";
import { decodeFields, encodeFields } from "./fields.js";
import { FrameKind } from "./frame.js";
import type { SessionSecrets } from "./session-keys.js";
import type { Connection } from "./transport.js";

/** Everything that must be equal at all parties, and which of them we are. */
export interface Agreement {
  /** Version of this library. */
  readonly library: string;
  /** Hash of the kernels. */
  readonly kernels: string;
  /** Protocol and its parameters, for example "rep3/64". */
  readonly protocol: string;
  /** Which session this is, for example the name of the cluster. */
  readonly label: string;
  /** Names of all parties, by index. */
  readonly names: readonly string[];
  readonly self: number;
}

const LIMIT_BYTES = 16384;
const NONCE_BYTES = 32;
const DOMAIN = "secretgrad/handshake/v1";
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const hash = (fields: readonly Uint8Array[]): Uint8Array => createHash("sha256").update(encodeFields(fields)).digest();
/** For messages: what a peer claims, shortened and escaped. */
const quote = (bytes: Uint8Array): string => JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 200)));

/** The fields that must be equal, with the words for the error. */
function shared(agreement: Agreement): [what: string, value: Uint8Array][] {
  return [
    ["domain", utf8(DOMAIN)],
    ["library version", utf8(agreement.library)],
    ["kernel hash", utf8(agreement.kernels)],
    ["protocol", utf8(agreement.protocol)],
    ["session label", utf8(agreement.label)],
    ["party list", utf8(agreement.names.join(","))],
  ];
}

export function checkAgreement({ names, self }: Agreement): void {
  for (const name of names) checkName(name);
  if (new Set(names).size !== names.length || names.length > 255)
    throw new HandshakeError(`handshake: expected at most 255 distinct names, got ${names.join(",")}`);
  if (!Number.isInteger(self) || self < 0 || self >= names.length)
    throw new HandshakeError(`handshake: expected an own index below ${names.length}, got ${self}`);
}

/** Fresh session secrets for parties in one process, where nobody needs to be convinced of anything. */
export function localSecrets(agreement: Omit<Agreement, "self">): SessionSecrets[] {
  const { names } = agreement;
  const nonces = names.map(() => secureRandom(NONCE_BYTES));
  const pairs = names.map((): Uint8Array[][] => names.map(() => []));
  for (let i = 0; i < names.length; i++)
    for (let j = i + 1; j < names.length; j++)
      pairs[i]![j] = pairs[j]![i] = [secureRandom(NONCE_BYTES), secureRandom(NONCE_BYTES)];
  const sessionId = idOf(sessionDigest({ ...agreement, self: 0 }, nonces));
  // Copies, because each party erases its own at the end.
  const copy = (list: readonly Uint8Array[]) => list.map((bytes) => new Uint8Array(bytes));
  return pairs.map((own) => ({ sessionId, nonces: copy(nonces), pairs: own.map(copy) }));
}

/** Runs the handshake with all peers at once. `links` has a connection at every index but the own. */
export async function handshake(
  links: readonly (Connection | undefined)[],
  agreement: Agreement,
  timeoutMs: number,
): Promise<SessionSecrets> {
  checkAgreement(agreement);
  const { names, self } = agreement;
  const peers = names.map((_, index) => index).filter((index) => index !== self);
  const late = new Set<number>();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const missing = [...late].map((index) => names[index]).join(", ");
      reject(new PeerLostError(`handshake: expected ${missing} to answer within ${timeoutMs} ms`, missing));
    }, timeoutMs);
  });
  /** Sends one frame to every peer and waits for one of the same kind from each. */
  const step = (kind: FrameKind, payload: (peer: number) => Uint8Array): Promise<Uint8Array[]> => {
    for (const peer of peers) links[peer]!.send({ kind, session: 0n, run: 0, round: 0, parts: [payload(peer)] });
    const answers = names.map((_, peer) => {
      if (peer === self) return Promise.resolve(new Uint8Array(0));
      late.add(peer);
      return nextFrame(links[peer]!, kind).finally(() => late.delete(peer));
    });
    return Promise.race([Promise.all(answers), timeout]);
  };
  try {
    for (const peer of peers)
      if (links[peer]?.peer !== names[peer] || links[peer]?.role !== "party")
        throw new HandshakeError(
          `handshake: expected a connection to ${names[peer]}, got ${links[peer]?.peer ?? "none"}`,
        );
    return await agree(agreement, step);
  } catch (error) {
    for (const peer of peers) links[peer]?.close(error as Error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function agree(
  agreement: Agreement,
  step: (kind: FrameKind, payload: (peer: number) => Uint8Array) => Promise<Uint8Array[]>,
): Promise<SessionSecrets> {
  const { names, self } = agreement;
  const equal = shared(agreement);
  const nonce = secureRandom(NONCE_BYTES);
  const own = names.map(() => secureRandom(NONCE_BYTES));
  const commit = (index: number, value: Uint8Array) => hash([utf8(DOMAIN), utf8("commitment"), byte(index), value]);

  const hellos = await step(FrameKind.hello, (peer) =>
    encodeFields([...equal.map(([, value]) => value), byte(self), own[peer]!, commit(self, nonce)]),
  );
  const claims = hellos.map((hello, peer) => (peer === self ? undefined : checkHello(hello, agreement, equal, peer)));

  const nonces = await step(FrameKind.open, () => nonce);
  nonces[self] = nonce;
  claims.forEach((claim, peer) => {
    if (
      claim &&
      (nonces[peer]!.length !== NONCE_BYTES || !timingSafeEqual(commit(peer, nonces[peer]!), claim.commitment))
    )
      throw new HandshakeError(`handshake with ${names[peer]}: expected the nonce it committed to, got another`);
  });

  const digest = sessionDigest(agreement, nonces);
  const confirms = await step(FrameKind.confirm, () => digest);
  confirms.forEach((confirm, peer) => {
    if (peer !== self && (confirm.length !== digest.length || !timingSafeEqual(confirm, digest)))
      throw new HandshakeError(
        `handshake with ${names[peer]}: expected the same session at all parties, got different nonces`,
      );
  });
  const pairs = claims.map((claim, peer) => {
    if (!claim) return [];
    return peer < self ? [claim.secret, own[peer]!] : [own[peer]!, claim.secret];
  });
  return { sessionId: idOf(digest), nonces, pairs };
}

/** Compares what must be equal, and the claimed index with the one that the certificate's name has. */
function checkHello(
  hello: Uint8Array,
  { names }: Agreement,
  equal: readonly [string, Uint8Array][],
  peer: number,
): { secret: Uint8Array; commitment: Uint8Array } {
  const where = `handshake with ${names[peer]}`;
  const fields = decodeFields(hello, where);
  equal.forEach(([what, value], i) => {
    if (!fields[i] || Buffer.compare(fields[i], value) !== 0)
      throw new HandshakeError(
        `${where}: expected ${what} ${quote(value)}, got ${fields[i] ? quote(fields[i]) : "nothing"}; try the same configuration at all parties`,
      );
  });
  const [index, secret, commitment] = fields.slice(equal.length);
  if (
    fields.length !== equal.length + 3 ||
    index?.length !== 1 ||
    secret?.length !== NONCE_BYTES ||
    commitment?.length !== 32
  )
    throw new HandshakeError(`${where}: expected a hello of this version, got another layout`);
  if (index[0] !== peer)
    throw new HandshakeError(
      `${where}: expected party index ${peer} for this certificate, got ${index[0]}; try the same party list`,
    );
  return { secret, commitment };
}

function sessionDigest(agreement: Agreement, nonces: readonly Uint8Array[]): Uint8Array {
  return hash([utf8("session"), ...shared(agreement).map(([, value]) => value), ...nonces]);
}

const idOf = (digest: Uint8Array): bigint => Buffer.from(digest).readBigUInt64BE(0);
const byte = (value: number): Uint8Array => Uint8Array.of(value);

/** The payload of the next frame, which must have this kind. What follows it waits in the connection. */
function nextFrame(connection: Connection, kind: FrameKind): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    connection.receive({
      limitBytes: LIMIT_BYTES,
      header(header) {
        if (header.kind !== kind || header.session !== 0n)
          throw new HandshakeError(
            `handshake with ${connection.peer}: expected frame kind ${kind}, got ${header.kind}`,
          );
      },
      frame({ payload }) {
        connection.receive(undefined);
        resolve(Uint8Array.prototype.slice.call(payload));
      },
      close(cause) {
        reject(
          cause instanceof HandshakeError || cause instanceof FrameError
            ? cause
            : new PeerLostError(
                `handshake with ${connection.peer}: expected an answer, got ${cause?.message ?? "the end"}; try to read its log`,
                connection.peer,
                { cause },
              ),
        );
      },
    });
  });
}
