/** Calls over a connection (rpc.ts), serving end: looks up the method, limits what runs at once, hides internal errors. */
import { BoundError, FrameError, NameError, PeerLostError, SecretgradError } from "../errors.js";
import { type Frame, FrameKind } from "./frame.js";
import { ANSWER_LIMIT_BYTES, BODY_LIMIT_BYTES, JSON_LIMIT_BYTES, type RpcLimits } from "./rpc.js";
import { decodeCall, encodeCall, type Json } from "./rpc-codec.js";
import type { Connection, ConnectionHandlers } from "./transport.js";
import { errorToWire } from "./wire-errors.js";

export interface HandlerResult {
  readonly result?: Json;
  readonly body?: Uint8Array;
}

/** `params` is whatever the caller sent: validate it before use. The body may be kept. */
export type Handler = (
  params: unknown,
  body: Uint8Array,
  connection: Connection,
) => HandlerResult | Promise<HandlerResult>;
export type Handlers = Readonly<Record<string, Handler>>;

export interface ServeOptions extends RpcLimits {
  /** Calls of this connection that run at once; the next ones wait. Default 8. */
  readonly concurrency?: number;
  /** Calls that wait; one more is refused. Default 64. */
  readonly queue?: number;
  /** A caller that takes nothing of answers beyond the body limit for so long is cut off. Default 60 s. */
  readonly stallMs?: number;
  /** Learns what is hidden from the caller: errors that are not of our classes, and the end of the connection. */
  readonly onError?: (error: unknown, method: string) => void;
  readonly onClose?: (error?: Error) => void;
}

const STALL_MS = 60_000;
/** How often a caller whose answers pile up is looked at. */
const LOOK_MS = 20;

/** Answers the calls of this connection until it closes. */
export function serve(connection: Connection, handlers: Handlers, options: ServeOptions = {}): void {
  const bodyLimit = options.bodyLimitBytes ?? BODY_LIMIT_BYTES;
  const jsonLimit = options.jsonLimitBytes ?? JSON_LIMIT_BYTES;
  const answerLimit = options.answerLimitBytes ?? ANSWER_LIMIT_BYTES;
  const concurrency = options.concurrency ?? 8;
  const longest = options.queue ?? 64;
  const stallMs = options.stallMs ?? STALL_MS;
  const waiting: Frame[] = [];
  let running = 0;
  let lastId = 0;
  /** Payload bytes of the calls that run or wait; above the limit nothing more is read from the connection. */
  let heldBytes = 0;
  let paused = false;
  /** Answers that the caller has taken when it last took some; of interest while it takes them too slowly. */
  let taken = -1;
  let takenAt = 0;
  let look: NodeJS.Timeout | undefined;
  const answer = (id: number, parts: Uint8Array[]) =>
    connection.send({ kind: FrameKind.response, session: 0n, run: id, round: 0, parts });

  const perform = async ({ run, payload }: Frame): Promise<void> => {
    let method = "?";
    try {
      const { head, body } = decodeCall(payload, jsonLimit, connection.peer);
      method = typeof head.method === "string" ? head.method.slice(0, 100) : "?";
      const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
      if (typeof handler !== "function")
        throw new NameError(`call: expected a method of this party, got ${JSON.stringify(method)}`);
      const { result = null, body: back } = await handler(head.params, body, connection);
      if (back && back.length > bodyLimit)
        throw new BoundError(`call ${method}: expected an answer of at most ${bodyLimit} bytes, got ${back.length}`);
      const parts = encodeCall({ result }, back);
      const json = parts[1]!.length;
      if (json > answerLimit)
        throw new BoundError(
          `call ${method}: expected an answer of at most ${answerLimit} bytes of JSON, got ${json}; try removing some of what it lists`,
        );
      answer(run, parts);
    } catch (error) {
      const wire = errorToWire(error, `call ${method}`);
      if (!(error instanceof SecretgradError)) options.onError?.(error, method);
      answer(run, encodeCall({ error: wire }));
      // A caller that cannot speak the format is not listened to any more.
      if (error instanceof FrameError && method === "?") connection.close(error);
    }
  };
  const start = (frame: Frame) => {
    running++;
    void perform(frame).finally(() => {
      running--;
      heldBytes -= frame.payload.length;
      next();
    });
  };
  /** Starts calls and reads more of them, as long as neither they nor answers that nobody takes fill the memory. */
  const next = () => {
    const choked = !connection.closed && connection.unsentBytes > bodyLimit;
    if (choked) {
      if (!look) look = setTimeout(lookAgain, LOOK_MS).unref();
    } else {
      taken = -1;
      while (running < concurrency && waiting.length > 0) start(waiting.shift()!);
    }
    const full = choked || heldBytes > bodyLimit;
    if (full === paused) return;
    paused = full;
    connection.receive(full ? undefined : receiver);
  };
  const lookAgain = () => {
    look = undefined;
    const now = performance.now();
    const sum = connection.sentBytes - connection.unsentBytes;
    if (sum !== taken) [taken, takenAt] = [sum, now];
    else if (now - takenAt > stallMs)
      connection.close(
        new PeerLostError(
          `call from ${connection.peer}: expected it to take its answers, got no reading for ${stallMs} ms`,
          connection.peer,
        ),
      );
    next();
  };

  const receiver: ConnectionHandlers = {
    limitBytes: 4 + jsonLimit + bodyLimit,
    keep: true,
    header({ kind, run }) {
      if (kind !== FrameKind.request || run <= lastId)
        throw new FrameError(
          `call from ${connection.peer}: expected a request above ${lastId}, got kind ${kind}, ${run}`,
        );
    },
    frame(frame) {
      lastId = frame.run;
      if (running >= concurrency && waiting.length >= longest) {
        const busy = new BoundError(`call: expected at most ${longest} waiting calls, got one more; try again later`);
        answer(frame.run, encodeCall({ error: errorToWire(busy, "call") }));
        return;
      }
      waiting.push(frame);
      heldBytes += frame.payload.length;
      next();
    },
    close(error) {
      waiting.length = 0;
      options.onClose?.(error);
    },
  };
  connection.receive(receiver);
}
