/** A frame connection on an authenticated TLS socket; whom the socket belongs to was checked in tls.ts. */
import type { TLSSocket } from "node:tls";
import { BufferPool } from "./buffer-pool.js";
import { FrameConnection, type Role } from "./transport.js";

/** After closing, the socket goes when nothing more has been sent for so long, whatever still comes in. */
const LINGER_MS = 3000;
/**
 * Larger frames are written in pieces, one after the other: OpenSSL's and the socket's buffers then stay in the cache
 * instead of being mapped anew (twice the throughput for 8 MiB frames). Not a power of two: with the 22 bytes that each record of
 * TLS adds, these fill seven of the 16 KiB buffers that Node keeps between OpenSSL and the socket; a little more starts an eighth.
 */
const PIECE = 7 * 16 * 1024 - 512;
/** Up to here frames go to the socket at once; the pool does not take them back, so it may keep them. */
const SMALL = 16 * 1024;

export class TlsConnection extends FrameConnection {
  readonly encrypted = true;
  readonly #socket: TLSSocket;
  /** Frames that wait for the socket, the first one written up to `#at`. */
  readonly #queue: Uint8Array[] = [];
  #at = 0;
  #queuedBytes = 0;
  readonly #pool = new BufferPool();
  #ending = false;

  /** A socket that was created with `onread` gives its bytes to `received`; of others the data event is used. */
  constructor(socket: TLSSocket, peer: string, role: Role, onread = false) {
    super(peer, role);
    this.#socket = socket;
    if (!onread) socket.on("data", (chunk: Buffer) => this.take(chunk));
    socket.pause();
    socket.on("error", (error) => this.lost(error.message, error));
    socket.on("end", () => this.lost("the other end closed"));
    socket.on("close", () => this.lost("the socket closed"));
  }

  get unsentBytes(): number {
    return this.#queuedBytes - this.#at + this.#socket.writableLength;
  }

  /** Bytes from the socket; the buffer may be used again afterwards. */
  received(chunk: Uint8Array): void {
    this.take(chunk);
  }

  protected allocate(bytes: number): Uint8Array {
    return this.#pool.take(bytes);
  }

  protected write(buffer: Uint8Array): void {
    if (buffer.length <= SMALL && this.#queue.length === 0) {
      this.#socket.write(buffer);
      return;
    }
    this.#queue.push(buffer);
    this.#queuedBytes += buffer.length;
    if (this.#queue.length === 1) this.#writeNext();
  }

  /** Writes one piece; its callback writes the next one. */
  #writeNext = (): void => {
    let first = this.#queue[0]!;
    if (this.#at === first.length) {
      this.#at = 0;
      this.#queue.shift();
      this.#queuedBytes -= first.length;
      this.#pool.give(first);
      const next = this.#queue[0];
      if (!next) {
        if (this.#ending) this.#socket.end();
        return;
      }
      first = next;
    }
    const end = Math.min(first.length, this.#at + PIECE);
    const piece = first.subarray(this.#at, end);
    this.#at = end;
    this.#socket.write(piece, this.#writeNext);
  };

  protected setReading(on: boolean): void {
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  protected flushAndClose(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    // Reading on (the decoder drops it) avoids a reset that would destroy what the other end has not read yet.
    socket.resume();
    this.#ending = true;
    if (this.#queue.length === 0) socket.end();
    // Not the socket's own time-out: an end that goes on sending would keep the socket open for ever.
    let before = 0;
    const linger = setInterval(() => {
      const left = this.unsentBytes;
      if (left === before) socket.destroy();
      before = left;
    }, LINGER_MS).unref();
    socket.once("close", () => clearInterval(linger));
  }
}
