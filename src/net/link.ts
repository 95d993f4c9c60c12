/** A slow line around any connection, for tests and benchmarks: latency and bandwidth of what this end sends. */
import { type FrameToSend, HEADER_BYTES, payloadBytes } from "./frame.js";
import type { Connection, ConnectionHandlers, Role } from "./transport.js";

export interface LinkModel {
  /** One way. */
  readonly latencyMs: number;
  /** Bytes per second in one direction. Default: without limit. */
  readonly bytesPerSecond?: number;
}

/** Timers are late by up to this; the rest of a wait is spent in turns of the event loop. */
const TIMER_SLACK_MS = 1.5;

/** Frames leave one after the other at the given rate and each arrives `latencyMs` after its last byte has left. */
export class LinkedConnection implements Connection {
  readonly #inner: Connection;
  readonly #model: LinkModel;
  /** When the line has taken everything handed to it. */
  #free = 0;
  #queue: { at: number; act: () => void }[] = [];
  #armed = false;
  #queuedBytes = 0;
  #closing = false;
  sentFrames = 0;
  sentBytes = 0;
  #handlers: ConnectionHandlers | undefined;

  constructor(inner: Connection, model: LinkModel) {
    this.#inner = inner;
    this.#model = model;
  }

  get peer(): string {
    return this.#inner.peer;
  }
  get role(): Role {
    return this.#inner.role;
  }
  get encrypted(): boolean {
    return this.#inner.encrypted;
  }
  get closed(): boolean {
    return this.#closing || this.#inner.closed;
  }
  get unsentBytes(): number {
    return this.#queuedBytes + this.#inner.unsentBytes;
  }
  get receivedBytes(): number {
    return this.#inner.receivedBytes;
  }

  send(frame: FrameToSend): void {
    if (this.closed) return;
    const bytes = HEADER_BYTES + payloadBytes(frame.parts);
    this.sentFrames++;
    this.sentBytes += bytes;
    this.#queuedBytes += bytes;
    const copy = { ...frame, parts: frame.parts.map((part) => new Uint8Array(part)) };
    const { bytesPerSecond = Number.POSITIVE_INFINITY, latencyMs } = this.#model;
    this.#free = Math.max(this.#free, performance.now()) + (bytes / bytesPerSecond) * 1000;
    this.#schedule(this.#free + latencyMs, () => {
      this.#queuedBytes -= bytes;
      this.#inner.send(copy);
    });
  }

  receive(handlers: ConnectionHandlers | undefined): void {
    this.#handlers = handlers;
    this.#inner.receive(
      handlers && {
        ...handlers,
        limitBytes: handlers.limitBytes,
        close: (error) => {
          if (!this.#closing) handlers.close(error);
        },
      },
    );
  }

  close(error?: Error): void {
    if (this.closed) return;
    this.#closing = true;
    this.#handlers?.close(error);
    this.#schedule(Math.max(this.#free, performance.now()) + this.#model.latencyMs, () => this.#inner.close(error));
  }

  #schedule(at: number, act: () => void): void {
    this.#queue.push({ at, act });
    if (!this.#armed) this.#arm();
  }

  #arm(): void {
    const next = this.#queue[0];
    this.#armed = next !== undefined;
    if (!next) return;
    const wait = next.at - performance.now();
    if (wait > TIMER_SLACK_MS) setTimeout(() => this.#run(), Math.floor(wait - TIMER_SLACK_MS) || 1);
    else setImmediate(() => this.#run());
  }

  #run(): void {
    const now = performance.now();
    while (this.#queue.length > 0 && this.#queue[0]!.at <= now) this.#queue.shift()!.act();
    this.#arm();
  }
}
