/** What every transport offers: one authenticated, ordered pipe of frames. The transports are memory.ts and tls.ts. */
import { FrameError, PeerLostError } from "../errors.js";
import { FrameDecoder, type FrameReceiver } from "./decoder.js";
import { encodeFrame, type FrameToSend, HEADER_BYTES, payloadBytes } from "./frame.js";

/** What a peer's key is pinned as. */
export type Role = "party" | "owner" | "driver";

export interface ConnectionHandlers extends FrameReceiver {
  /** Called once, also if the connection was lost before the handlers were set. No error: closed in good order. */
  close(error?: Error): void;
}

/** One authenticated, encrypted, ordered byte pipe that carries frames. */
export interface Connection {
  /** Authenticated name of the other end. */
  readonly peer: string;
  readonly role: Role;
  readonly encrypted: boolean;
  readonly closed: boolean;
  /** Frame bytes with headers, without what TLS and TCP add. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentFrames: number;
  /** Frame bytes in memory here, because the other end has not taken them yet. */
  readonly unsentBytes: number;
  /** Copies the parts and writes header and parts at once. Does nothing on a closed connection. */
  send(frame: FrameToSend): void;
  /** Sets who gets frames and the end. `undefined` holds everything back until there is somebody again. */
  receive(handlers: ConnectionHandlers | undefined): void;
  /** Sends what was handed to `send`, then closes. The own `close` handler gets the error at once. */
  close(error?: Error): void;
}

/** Frames, counters and closing; a transport adds how bytes are written. */
export abstract class FrameConnection implements Connection {
  sentBytes = 0;
  receivedBytes = 0;
  sentFrames = 0;
  abstract readonly encrypted: boolean;
  abstract readonly unsentBytes: number;
  protected readonly decoder: FrameDecoder;
  #handlers: ConnectionHandlers | undefined;
  #closed: { readonly error: Error | undefined } | undefined;
  #reported = false;

  constructor(
    readonly peer: string,
    readonly role: Role,
  ) {
    this.decoder = new FrameDecoder(peer);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  send(frame: FrameToSend): void {
    if (this.#closed) return;
    const bytes = HEADER_BYTES + payloadBytes(frame.parts);
    const buffer = this.allocate(bytes);
    encodeFrame(frame, buffer);
    this.sentFrames++;
    this.sentBytes += bytes;
    this.write(buffer);
  }

  receive(handlers: ConnectionHandlers | undefined): void {
    this.#handlers = handlers;
    this.decoder.receiver = handlers;
    if (handlers === undefined) {
      this.setReading(false);
      return;
    }
    if (this.#closed) {
      queueMicrotask(() => this.#report());
      return;
    }
    this.setReading(true);
    if (this.decoder.holding) queueMicrotask(() => this.#resume());
  }

  close(error?: Error): void {
    if (this.#closed) return;
    this.finish(error);
    this.flushAndClose();
  }

  /** The transport calls this with received bytes, which it may overwrite afterwards. */
  protected take(chunk: Uint8Array): void {
    this.receivedBytes += chunk.length;
    try {
      this.decoder.push(chunk);
    } catch (error) {
      this.#refused(error);
    }
  }

  /** The transport calls this when the pipe is gone. */
  protected lost(reason: string, cause?: Error): void {
    if (this.#closed) return;
    this.finish(
      new PeerLostError(
        `connection to ${this.peer}: expected it to stay open, got ${reason}; try a new session`,
        this.peer,
        { cause },
      ),
    );
    this.flushAndClose();
  }

  protected finish(error: Error | undefined): void {
    this.#closed = { error };
    this.decoder.stop();
    this.#report();
  }

  /** A buffer of exactly this length for one frame; `write` gets it back. */
  protected abstract allocate(bytes: number): Uint8Array;
  protected abstract write(buffer: Uint8Array): void;
  protected abstract setReading(on: boolean): void;
  protected abstract flushAndClose(): void;

  #report(): void {
    if (this.#reported || !this.#handlers || !this.#closed) return;
    this.#reported = true;
    this.#handlers.close(this.#closed.error);
  }

  #resume(): void {
    try {
      this.decoder.resume();
    } catch (error) {
      this.#refused(error);
    }
  }

  /** A frame that the receiver refuses ends the connection; the receiver learns it like every other end. */
  #refused(error: unknown): void {
    this.close(error instanceof Error ? error : new FrameError(`frame from ${this.peer}: refused`));
  }
}
