/** The client's end of a WebSocket to a party, in Node: with a pinned key or the system's authorities. Not the messages. */
import type { TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { HandshakeError, InputError, UnavailableError } from "../errors.js";
import { keyFingerprint } from "./certificates.js";

export interface WebSocketHandlers {
  message(bytes: Uint8Array): void;
  /** Once. */
  closed(reason: string): void;
}
export interface OpenWebSocketOptions {
  /** Fingerprint of the party's public key (cluster file); without, the system's authorities vouch for the host. */
  readonly pin?: string | undefined;
  readonly timeoutMs?: number;
  /** Longest message that the other end may send. */
  readonly largestMessage: number;
}

/** A party's port is there or it is not; if it is, it may speak TLS or not, and with a certificate that is known or not. */
function adviceFor(url: string, cause: Error): string {
  const code = "code" in cause ? String(cause.code) : "";
  if (["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ETIMEDOUT"].includes(code))
    return "the address, or again once the party runs";
  if (url.startsWith("ws:")) return "https:// and without insecure, unless the party runs with --serve-insecure";
  if (/certificate|ALTNAME|UNABLE_TO|CERT_/i.test(`${code} ${cause.message}`))
    return "an invitation with the party's pin, or a certificate that this machine's authorities vouch for (--serve-cert)";
  return "again later; a party on this machine that runs with --serve-insecure wants insecure: true (secretgrad ask --insecure)";
}

/**
 * Opens ws:// or wss://. Rejects with UnavailableError if nobody answers, HandshakeError for another key than the pinned one:
 * then nothing but the request for the upgrade has been sent.
 */
export function openWebSocket(
  url: string,
  handlers: WebSocketHandlers,
  { pin, timeoutMs = 10_000, largestMessage }: OpenWebSocketOptions,
): Promise<{ send(message: Uint8Array): void; close(): void }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      reject(error);
      socket.terminate();
    };
    let socket: WebSocket;
    try {
      socket = new WebSocket(url, {
        perMessageDeflate: false,
        handshakeTimeout: timeoutMs,
        maxPayload: largestMessage,
        followRedirects: false,
        minVersion: "TLSv1.3",
        rejectUnauthorized: pin === undefined,
      });
    } catch (cause) {
      throw new InputError(`${url}: expected the address of a party, got another; try https://host:4000`, { cause });
    }
    let refused: HandshakeError | undefined;
    socket.once("upgrade", ({ socket: wire }) => {
      // An idle connection is no reason for a process to stay; whoever waits for something has a timer, which is.
      wire.unref();
      if (pin === undefined) return;
      const certificate = (wire as TLSSocket).getPeerX509Certificate?.();
      if (certificate && keyFingerprint(certificate) === pin) return;
      refused = new HandshakeError(`${url}: expected the key ${pin}, got another; try the address and the pin`);
      fail(refused);
    });
    let open = false;
    let reason = "a closed connection";
    socket.once("open", () => {
      if (refused) return;
      open = true;
      resolve({ send: (message) => socket.send(message), close: () => socket.close() });
    });
    socket.on("message", (data: Buffer, binary: boolean) => {
      handlers.message(binary ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array());
    });
    socket.on("error", (cause) => {
      reason = cause.message;
      if (!open && !refused)
        fail(
          new UnavailableError(
            `${url}: expected a connection, got ${cause.message}; try ${adviceFor(url, cause)}`,
            1000,
            {
              cause,
            },
          ),
        );
    });
    socket.once("close", () => {
      if (open) handlers.closed(reason);
    });
  });
}
