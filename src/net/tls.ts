/**
 * Connections over TLS 1.3 with pinned keys at both ends; not the session handshake of the parties (handshake.ts).
 *
 * There is no certificate authority and no host name check: an end is whom its public key is pinned as, and TLS proves
 * that it holds the private key. Certificate dates are ignored, sessions are never resumed.
 */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { type ConnectionOptions, connect, createServer, type TLSSocket } from "node:tls";
import { HandshakeError, PeerLostError } from "../errors.js";
import { fingerprint, type Identity, keyFingerprint } from "./certificates.js";
import { FrameKind } from "./frame.js";
import { TlsConnection } from "./tls-connection.js";
import type { Connection, Role } from "./transport.js";

/** Whom a public key stands for. */
export interface Pin {
  readonly name: string;
  readonly role: Role;
  /** Index of a party. */
  readonly index?: number;
}
/** From the fingerprint of a public key (certificates.ts) to whom it stands for. Read at every connection. */
export type Pins = ReadonlyMap<string, Pin>;

export interface ListenOptions {
  readonly handshakeTimeoutMs?: number;
  /** Sockets open at once that have not shown a pinned key yet; one more is closed at once. Default 64. */
  readonly maxHandshakes?: number;
  /** Learns of refused connections: wrong key, no TLS, time-out. */
  readonly onRefused?: (error: HandshakeError) => void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; connections that were handed out stay open. */
  close(): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MOST_HANDSHAKES = 64;
const READ_BUFFER = 65536;
const PROTOCOL = "secretgrad/1";

/** Options that both ends share. */
function common(identity: Identity) {
  return {
    key: identity.keyPem,
    cert: identity.certPem,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    // AES-128 as everywhere in this package; the others for ends that lack it.
    ciphers: "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
    ALPNProtocols: [PROTOCOL],
    // No authority is trusted; the key is compared with the pins after the handshake instead.
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}

function peerFingerprint(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate && keyFingerprint(certificate);
}

/** Accepts peers, drivers and owners on one port; `onConnection` gets those whose key is pinned. */
export function listen(
  host: string,
  port: number,
  identity: Identity,
  pins: Pins,
  onConnection: (connection: Connection, pin: Pin) => void,
  options: ListenOptions = {},
): Promise<Listener> {
  const refuse = (socket: Socket, message: string, cause?: Error) => {
    socket.destroy();
    options.onRefused?.(new HandshakeError(message, { cause }));
  };
  const where = (socket: Socket) => `listen: connection from ${socket.remoteAddress ?? "a vanished address"}`;
  const server = createServer({
    ...common(identity),
    requestCert: true,
    noDelay: true,
    keepAlive: true,
    handshakeTimeout: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
  });
  // Those that are authenticated are limited by who they are (party/daemon.ts), so that nobody else takes their places.
  const handshakes = new Set<string>();
  const placeOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
  server.prependListener("connection", (socket) => {
    if (handshakes.size >= (options.maxHandshakes ?? MOST_HANDSHAKES)) {
      socket.destroy();
      return;
    }
    const place = placeOf(socket);
    handshakes.add(place);
    socket.once("close", () => handshakes.delete(place));
  });
  server.on("tlsClientError", (error, socket) => refuse(socket, `${where(socket)}: expected TLS 1.3`, error));
  server.on("secureConnection", (socket) => {
    socket.on("error", () => socket.destroy());
    if (socket.isSessionReused())
      return refuse(socket, `${where(socket)}: expected a full handshake, got a resumption`);
    const got = peerFingerprint(socket);
    const pin = got === undefined ? undefined : pins.get(got);
    if (pin === undefined)
      return refuse(socket, `${where(socket)}: expected a pinned key, got ${got ?? "no certificate"}; try to pin it`);
    handshakes.delete(placeOf(socket));
    const connection = new TlsConnection(socket, pin.name, pin.role);
    connection.send({ kind: FrameKind.welcome, session: 0n, run: 0, round: 0, parts: [] });
    onConnection(connection, pin);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      server.on("error", () => {});
      const address = server.address();
      if (address === null || typeof address === "string") throw new HandshakeError("listen: expected a TCP address");
      resolve({
        host: address.address,
        port: address.port,
        close: () => new Promise((done) => server.close(() => done())),
      });
    });
  });
}

/** Whom `dial` expects at the other end. */
export interface Expected extends Pin {
  /** Fingerprint of the public key. */
  readonly fingerprint: string;
}

/**
 * Connects and checks the key of the other end. Resolves when the other end has also accepted ours.
 * Rejects with HandshakeError for a wrong key and PeerLostError when nobody answers.
 */
export function dial(
  host: string,
  port: number,
  identity: Identity,
  expected: Expected,
  timeoutMs: number = HANDSHAKE_TIMEOUT_MS,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const where = `dial ${expected.name} at ${host}:${port}`;
    let connection: TlsConnection | undefined;
    // Reading into one buffer costs a third less than data events. Node offers it only to the end that dials.
    const onread = {
      buffer: new Uint8Array(READ_BUFFER),
      callback(bytes: number, buffer: Uint8Array) {
        connection?.received(buffer.subarray(0, bytes));
        return true;
      },
    };
    const options = { ...common(identity), host, port, checkServerIdentity: () => undefined, onread };
    const socket = connect(options as ConnectionOptions); // the types lack the documented onread
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () =>
        fail(
          new PeerLostError(
            `${where}: expected an answer within ${timeoutMs} ms, got none; try its log: it may be busy or stopped`,
            expected.name,
          ),
        ),
      timeoutMs,
    );
    const onError = (cause: Error) => {
      const message = `${where}: expected a connection, got ${cause.message}; try to start ${expected.name} first`;
      fail(new PeerLostError(message, expected.name, { cause }));
    };
    socket.on("error", onError);
    socket.once("secureConnect", () => {
      const got = peerFingerprint(socket);
      if (got !== expected.fingerprint || socket.isSessionReused() || socket.alpnProtocol !== PROTOCOL) {
        const wanted = `the key ${expected.fingerprint} and ${PROTOCOL}`;
        const found = `${got ?? "no certificate"} and ${socket.alpnProtocol || "no protocol"}`;
        return fail(new HandshakeError(`${where}: expected ${wanted}, got ${found}; try the right host or pin`));
      }
      socket.setNoDelay(true);
      socket.setKeepAlive(true);
      const dialled = new TlsConnection(socket, expected.name, expected.role, true);
      connection = dialled;
      socket.removeListener("error", onError);
      dialled.receive({
        limitBytes: 0,
        frame: ({ kind }) => {
          clearTimeout(timer);
          dialled.receive(undefined);
          if (kind === FrameKind.welcome) resolve(dialled);
          else fail(new HandshakeError(`${where}: expected a welcome, got another frame`));
        },
        close: (cause) =>
          fail(
            new HandshakeError(
              `${where}: expected a welcome, got a closed connection; try to pin our key ${fingerprint(identity.certPem)} there`,
              { cause },
            ),
          ),
      });
    });
  });
}
