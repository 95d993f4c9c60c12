/** The browser's WebSocket as a channel to one party. Not the messages, which are serving/wire.ts. */
import { InputError, UnavailableError } from "../errors.js";
import type { Channel, ChannelHandlers } from "../serving/party-end.js";
import { LARGEST_PART } from "../serving/wire.js";

/** What is used of the platform's WebSocket; written out because the types of a browser are not those of Node. */
export interface Socket {
  binaryType: string;
  send(data: Uint8Array): void;
  close(): void;
  addEventListener(
    type: "open" | "message" | "error" | "close",
    listener: (event: { readonly data?: unknown; readonly code?: number }) => void,
  ): void;
}
export type SocketClass = new (url: string) => Socket;

/** Told the payload of each message. */
export type Meter = (direction: "sent" | "received", bytes: number) => void;

const OPEN_MS = 10_000;
const LARGEST_MESSAGE = LARGEST_PART + 1024;

/** Rejects with UnavailableError if there is no connection; browsers do not say why. */
export function openSocket(address: string, handlers: ChannelHandlers, meter: Meter): Promise<Channel> {
  const { WebSocket } = globalThis as { WebSocket?: SocketClass };
  if (!WebSocket) throw new InputError("model: expected WebSocket, got a platform without; try a browser, or Node 22");
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    let state: "opening" | "open" | "closed" = "opening";
    const advice = address.startsWith("ws:")
      ? "whether the party runs, with --serve-insecure"
      : "whether the party runs, and with a certificate that this browser accepts (secretgrad party --serve-cert), for its own is none; on one machine, secretgrad up --serve-insecure and insecure: true";
    const end = (reason: string): void => {
      if (state === "closed") return;
      const was = state;
      state = "closed";
      clearTimeout(timer);
      if (was === "open") handlers.closed(reason);
      else reject(new UnavailableError(`${address}: expected a connection, got ${reason}; try ${advice}`));
      socket.close();
    };
    const timer = setTimeout(() => end(`none within ${OPEN_MS} ms`), OPEN_MS);
    socket.addEventListener("open", () => {
      if (state !== "opening") return;
      state = "open";
      clearTimeout(timer);
      resolve({
        send(message) {
          meter("sent", message.length);
          socket.send(message);
        },
        close: () => socket.close(),
      });
    });
    socket.addEventListener("message", ({ data }) => {
      if (state !== "open") return;
      // A text is of no message's form; nor is what no party has reason to send.
      const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array();
      if (bytes.length > LARGEST_MESSAGE) return end(`a message of more than ${LARGEST_MESSAGE} bytes`);
      meter("received", bytes.length);
      handlers.message(bytes);
    });
    // Of errors, nothing but that there was one is told.
    socket.addEventListener("error", () => end("a failed connection"));
    socket.addEventListener("close", ({ code }) => end(`a closed connection (${code})`));
  });
}
