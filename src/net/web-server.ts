/**
 * HTTPS and WebSocket for clients that are no users of the cluster: browsers and programs that ask served models. Not the
 * parties' own port (tls.ts), whose callers show a pinned key, and not who may ask, which its handlers decide.
 *
 * Everything here is open to strangers, so everything is bounded: sockets, those that have not said who they are, how long a
 * handshake, a request or a first message may take, and the length of a message.
 */
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { InputError } from "../errors.js";
import type { Identity } from "./certificates.js";
import { isLoopback, isOwnHost } from "./loopback.js";
import type { Listener } from "./tls.js";

/** One connected client. */
export interface WebClient {
  /** Sends one binary message; what is sent to a closed client is lost. */
  send(message: Uint8Array): void;
  /** Bytes that wait because the client takes them too slowly. */
  readonly unsent: number;
  /** Lets what was sent leave, then closes. */
  close(): void;
}
export interface WebHandlers {
  /** Whether it has said who it is; one that does not in time is closed. */
  known(): boolean;
  message(bytes: Uint8Array): void;
  closed(): void;
}
export interface WebPage {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}
export interface WebServerOptions {
  readonly host: string;
  readonly port: number;
  /** Certificate and key; undefined: without TLS, which is possible on this machine's own addresses only. */
  readonly identity: Pick<Identity, "certPem" | "keyPem"> | undefined;
  /** Where WebSockets begin: "/v1". */
  readonly path: string;
  readonly limits?: Partial<WebLimits>;
  /** The longest message of a client at this moment. */
  largestMessage(): number;
  connected(client: WebClient): WebHandlers;
  /** Any other GET; undefined: there is no such page. `local`: the caller is on this machine, and no page of another site. */
  page(path: string, local: boolean): WebPage | undefined;
}
export interface WebLimits {
  /** Open sockets; one more is closed at once. */
  readonly sockets: number;
  /** Those of them that have not said who they are, from the first packet on; a new one takes the place of the oldest. */
  readonly strangers: number;
  /** For a TLS handshake, the head of a request, and the first message. */
  readonly patienceMs: number;
  /** Between two signs of life of a WebSocket. */
  readonly idleMs: number;
}
export const webLimits: WebLimits = { sockets: 4096, strangers: 1024, patienceMs: 10_000, idleMs: 60_000 };

const LARGEST_HEAD = 8 * 1024;
const CLOSE_MS = 2_000;
const STRANGER_BYTES = 4096;

/** Listens; resolves when clients can connect. Throws InputError for a port without TLS that others could reach. */
export async function serveWeb(options: WebServerOptions): Promise<Listener> {
  const { host, port, identity } = options;
  const limits = { ...webLimits, ...options.limits };
  if (!identity && host !== "localhost" && !isLoopback(host))
    throw new InputError(
      `serve: expected TLS, or an address of this machine alone, got ${host} without; try 127.0.0.1 or a certificate`,
    );
  const patience = {
    maxHeaderSize: LARGEST_HEAD,
    headersTimeout: limits.patienceMs,
    requestTimeout: limits.patienceMs,
    keepAliveTimeout: limits.patienceMs,
    connectionsCheckingInterval: 1000,
    noDelay: true,
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => respond(options, request, response);
  const server = identity
    ? createHttps(
        {
          ...patience,
          cert: identity.certPem,
          key: identity.keyPem,
          minVersion: "TLSv1.3",
          handshakeTimeout: limits.patienceMs,
        },
        answer,
      )
    : createHttp(patience, answer);
  server.maxConnections = limits.sockets;
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: true,
    skipUTF8Validation: true,
    maxPayload: 1,
  });
  // By both ends' address, the same for a TLS socket and the one under it. In the order in which they came.
  const strangers = new Map<string, Duplex>();
  server.prependListener("connection", (socket: Socket) => {
    const [oldest] = strangers.values();
    if (oldest && strangers.size >= limits.strangers) oldest.destroy();
    const place = placeOf(socket);
    strangers.set(place, socket);
    socket.once("close", () => {
      if (strangers.get(place) === socket) strangers.delete(place);
    });
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    if (pathOf(request) !== options.path) {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    // Read by ws when it takes the socket over; models may have come since.
    sockets.options.maxPayload = options.largestMessage();
    const place = placeOf(request.socket);
    sockets.handleUpgrade(request, socket, head, (web) => {
      accept(web, socket, options, limits, () => strangers.delete(place), quiet);
    });
  });
  server.on("clientError", (_, socket) => socket.destroy());
  server.on("tlsClientError", (_, socket) => socket.destroy());
  const quiet = new WeakSet<WebSocket>();
  const pulse = setInterval(() => {
    for (const web of sockets.clients) {
      if (quiet.has(web)) web.terminate();
      else {
        quiet.add(web);
        web.ping();
      }
    }
  }, limits.idleMs / 2).unref();
  const address = await listening(server, host, port);
  return {
    ...address,
    close: () =>
      new Promise((done) => {
        clearInterval(pulse);
        for (const web of sockets.clients) web.close(1001);
        server.close(() => done());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), CLOSE_MS).unref();
        setTimeout(() => {
          for (const web of sockets.clients) web.terminate();
        }, CLOSE_MS).unref();
      }),
  };
}

function accept(
  web: WebSocket,
  wire: Duplex,
  options: WebServerOptions,
  limits: WebLimits,
  introduced: () => void,
  quiet: WeakSet<WebSocket>,
): void {
  const patience = setTimeout(() => web.terminate(), limits.patienceMs);
  const handlers = options.connected({
    send: (message) => {
      if (web.readyState === web.OPEN) web.send(message, { binary: true });
    },
    get unsent() {
      return web.bufferedAmount;
    },
    close: () => {
      web.close(1000);
      setTimeout(() => web.terminate(), CLOSE_MS).unref();
    },
  });
  // A stranger's first message is short; only who is known may send inputs.
  let got = 0;
  const count = (piece: Uint8Array): void => {
    got += piece.length;
    if (handlers.known()) wire.off("data", count);
    else if (got > STRANGER_BYTES) web.terminate();
  };
  wire.on("data", count);
  web.on("message", (data: Buffer, binary: boolean) => {
    quiet.delete(web);
    // Text is not of our format.
    handlers.message(binary ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array());
    if (!handlers.known()) return;
    clearTimeout(patience);
    introduced();
  });
  web.on("pong", () => quiet.delete(web));
  // Closing follows; which rule was broken is nobody's business.
  web.on("error", () => web.terminate());
  web.once("close", () => {
    clearTimeout(patience);
    handlers.closed();
  });
}

function respond(options: WebServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(request);
  // Over TLS the certificate binds the name.
  const named = options.identity !== undefined || isOwnHost(request.headers.host);
  const local = named && isLoopback(request.socket.remoteAddress);
  const page = request.method === "GET" || request.method === "HEAD" ? options.page(path, local) : undefined;
  const { status, type, body } = page ?? { status: 404, type: "text/plain; charset=utf-8", body: "no such page\n" };
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // Nobody's request body is read.
    connection: "close",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

const placeOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
const pathOf = ({ url = "/" }: IncomingMessage): string => url.split("?", 1)[0]!;

function listening(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      server.on("error", () => {});
      const { address, port: bound } = server.address() as { address: string; port: number };
      resolve({ host: address, port: bound });
    });
  });
}
