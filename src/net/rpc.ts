/** Calls over a connection, for drivers and owners: JSON parameters and a binary body there, the same back. Client end. */
import { BoundError, FrameError, PeerLostError, SecretgradError } from "../errors.js";
import { type Frame, FrameKind } from "./frame.js";
import { decodeCall, encodeCall, type Json } from "./rpc-codec.js";
import type { Connection } from "./transport.js";
import { errorFromWire } from "./wire-errors.js";

export interface RpcLimits {
  /** Largest body, in either direction. Default 256 MiB. */
  readonly bodyLimitBytes?: number;
  /** Largest JSON of a call. Default 1 MiB. */
  readonly jsonLimitBytes?: number;
  /** Largest JSON of an answer, which may list all that a party holds. Default 32 MiB. */
  readonly answerLimitBytes?: number;
}

export interface RpcResult {
  readonly result: Json;
  readonly body: Uint8Array;
}

export interface CallOptions {
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

export const BODY_LIMIT_BYTES = 256 * 2 ** 20;
export const JSON_LIMIT_BYTES = 2 ** 20;
export const ANSWER_LIMIT_BYTES = 32 * 2 ** 20;
const TIMEOUT_MS = 60_000;

interface Open {
  readonly method: string;
  readonly timer: NodeJS.Timeout;
  resolve(result: RpcResult): void;
  reject(error: Error): void;
}

/** The calling end. It owns the connection: it takes all frames, and `close` closes it. */
export class RpcClient {
  readonly #connection: Connection;
  readonly #bodyLimit: number;
  readonly #jsonLimit: number;
  readonly #answerLimit: number;
  readonly #open = new Map<number, Open>();
  #lastId = 0;
  #closed: Error | undefined;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<Error>;

  constructor(connection: Connection, limits: RpcLimits = {}) {
    this.#connection = connection;
    this.#bodyLimit = limits.bodyLimitBytes ?? BODY_LIMIT_BYTES;
    this.#jsonLimit = limits.jsonLimitBytes ?? JSON_LIMIT_BYTES;
    this.#answerLimit = limits.answerLimitBytes ?? ANSWER_LIMIT_BYTES;
    this.closed = new Promise((resolve) => {
      connection.receive({
        limitBytes: 4 + this.#answerLimit + this.#bodyLimit,
        keep: true,
        header: ({ kind, run }) => {
          if (kind !== FrameKind.response || run < 1 || run > this.#lastId)
            throw new FrameError(
              `call: expected an answer of ${connection.peer} to one of our calls, got another frame`,
            );
        },
        frame: (frame) => this.#answer(frame),
        close: (error) => {
          this.#closed = error ?? this.#lost("a closed connection");
          for (const { reject, timer } of this.#open.values()) {
            clearTimeout(timer);
            reject(this.#closed);
          }
          this.#open.clear();
          resolve(this.#closed);
        },
      });
    });
  }

  get peer(): string {
    return this.#connection.peer;
  }

  /** Calls a method of the other end. Errors of our classes that it throws there are thrown here. */
  call(method: string, params: Json = null, body?: Uint8Array, options: CallOptions = {}): Promise<RpcResult> {
    const where = `call ${method} of ${this.peer}`;
    if (this.#closed) return Promise.reject(this.#closed);
    const parts = encodeCall({ method, params }, body);
    if (parts[1]!.length > this.#jsonLimit || parts[2]!.length > this.#bodyLimit)
      return Promise.reject(
        new BoundError(
          `${where}: expected at most ${this.#jsonLimit} bytes of JSON and ${this.#bodyLimit} of body, got ${parts[1]!.length} and ${parts[2]!.length}; try smaller pieces`,
        ),
      );
    const id = ++this.#lastId;
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#open.delete(id); // a late answer is dropped
        reject(
          new PeerLostError(
            `${where}: expected an answer within ${timeoutMs} ms, got none; try a longer time-out`,
            this.peer,
          ),
        );
      }, timeoutMs);
      this.#open.set(id, { method, timer, resolve, reject });
      this.#connection.send({ kind: FrameKind.request, session: 0n, run: id, round: 0, parts });
    });
  }

  close(): void {
    this.#connection.close(
      new SecretgradError(`call: expected an open client of ${this.peer}, got one that was closed`),
    );
  }

  #answer({ run, payload }: Frame): void {
    const { head, body } = decodeCall(payload, this.#answerLimit, this.peer);
    const open = this.#open.get(run);
    if (!open) return;
    this.#open.delete(run);
    clearTimeout(open.timer);
    if (Object.hasOwn(head, "error")) open.reject(errorFromWire(head.error, `call ${open.method} of ${this.peer}`));
    else if (Object.hasOwn(head, "result")) open.resolve({ result: head.result as Json, body });
    else open.reject(new FrameError(`call ${open.method} of ${this.peer}: expected a result or an error, got neither`));
  }

  #lost(got: string): PeerLostError {
    return new PeerLostError(`call: expected ${this.peer} to stay connected, got ${got}`, this.peer);
  }
}
