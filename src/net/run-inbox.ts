/** Which data frames of one run may come from whom, and those that came before they were awaited. No I/O, no clock. */
import { FrameError } from "../errors.js";
import type { Incoming } from "./mesh.js";

/** Frames of one run that wait here for one peer; the payload is bounded separately. */
const LARGEST_QUEUE = 65536;
/** Each early frame counts this much besides its payload. */
export const EARLY_FRAME_BYTES = 256;

/** The exchange that a run waits for. */
export interface Pending {
  readonly round: number;
  readonly deadline: number;
  /** By peer; undefined where nothing is awaited (any more). */
  readonly awaited: (Incoming | undefined)[];
  missing: number;
  readonly done: (error?: Error) => void;
}

interface EarlyFrame {
  readonly round: number;
  readonly payload: Uint8Array;
}

export class RunInbox {
  /** Payload bytes allowed from each peer; undefined while the run is not open here. */
  #limitBytes: number | undefined;
  pending: Pending | undefined;
  /** The last round that was exchanged. */
  round = -1;
  readonly #receivedBytes: number[];
  readonly #lastRound: number[];
  readonly #early: EarlyFrame[][];
  /** Frames in `#early`. */
  #waiting = 0;

  constructor(
    readonly run: number,
    readonly names: readonly string[],
  ) {
    this.#receivedBytes = names.map(() => 0);
    this.#lastRound = names.map(() => -1);
    this.#early = names.map(() => []);
  }

  get isOpen(): boolean {
    return this.#limitBytes !== undefined;
  }

  /** What the frames cost that wait here, while the run is not open yet. */
  earlyBytes(peer: number): number {
    return this.#receivedBytes[peer]! + this.#early[peer]!.length * EARLY_FRAME_BYTES;
  }

  /** Opens the run; what came early must fit the limit, too. */
  open(limitBytes: number): void {
    this.#limitBytes = limitBytes;
    for (let peer = 0; peer < this.names.length; peer++) this.#checkLimit(peer, 0);
  }

  /** Throws FrameError unless this frame may come now. Changes nothing. */
  check(peer: number, round: number, length: number): void {
    if (round <= this.#lastRound[peer]!)
      this.#refuse(peer, `round > ${this.#lastRound[peer]}`, `round ${round} (again or out of order)`);
    this.#checkLimit(peer, length);
    const { pending } = this;
    const awaited = pending?.awaited[peer];
    if (pending && awaited) {
      if (round !== pending.round) this.#refuse(peer, `round ${pending.round}`, `round ${round}`);
      if (length !== awaited.bytes) this.#refuse(peer, `${awaited.bytes} bytes in round ${round}`, `${length} bytes`);
    } else {
      if (round <= this.round) this.#refuse(peer, `no frame in round ${round}`, `${length} bytes`);
      if (this.#early[peer]!.length >= LARGEST_QUEUE)
        this.#refuse(peer, `at most ${LARGEST_QUEUE} early frames`, "more");
    }
  }

  /** Whether a checked data frame of this peer belongs to the pending exchange, so that `place` may take its payload. */
  awaits(peer: number): boolean {
    return this.pending?.awaited[peer] !== undefined;
  }

  /** Hands over the next piece of an awaited, checked frame. True: the exchange is complete. */
  place(peer: number, piece: Uint8Array, at: number): boolean {
    const pending = this.pending!;
    const incoming = pending.awaited[peer]!;
    incoming.deliver(piece, at);
    if (at + piece.length < incoming.bytes) return false;
    this.#lastRound[peer] = pending.round;
    this.#receivedBytes[peer]! += incoming.bytes;
    pending.awaited[peer] = undefined;
    return --pending.missing === 0;
  }

  /** Takes a whole checked frame: hands it to the pending exchange or keeps a copy. True: the exchange is complete. */
  accept(peer: number, round: number, payload: Uint8Array): boolean {
    // It was early when it began; meanwhile it may be awaited.
    if (this.awaits(peer)) return this.place(peer, payload, 0);
    this.#lastRound[peer] = round;
    this.#receivedBytes[peer]! += payload.length;
    this.#early[peer]!.push({ round, payload: Uint8Array.prototype.slice.call(payload) });
    this.#waiting++;
    return false;
  }

  /** Whether frames wait that `pending` awaits. */
  get ready(): boolean {
    if (this.#waiting === 0) return false;
    const awaited = this.pending?.awaited;
    return awaited !== undefined && this.#early.some((queue, peer) => queue.length > 0 && awaited[peer]);
  }

  /** Hands early frames to the pending exchange. True: it is complete. */
  deliverEarly(): boolean {
    const { pending } = this;
    if (!pending) return false;
    for (let peer = 0; peer < this.names.length && this.pending === pending; peer++) {
      const awaited = pending.awaited[peer];
      const frame = awaited && this.#early[peer]!.shift();
      if (!frame) continue;
      this.#waiting--;
      if (frame.round !== pending.round) this.#refuse(peer, `round ${pending.round}`, `round ${frame.round}`);
      if (frame.payload.length !== awaited.bytes)
        this.#refuse(peer, `${awaited.bytes} bytes in round ${frame.round}`, `${frame.payload.length} bytes`);
      awaited.deliver(frame.payload, 0);
      pending.awaited[peer] = undefined;
      pending.missing--;
    }
    return pending.missing === 0;
  }

  /** Throws when a frame came that nobody asked for. */
  close(): void {
    this.#early.forEach((queue, peer) => {
      if (queue.length > 0) this.#refuse(peer, "no more frames", `${queue.length} at the end of the run`);
    });
  }

  #checkLimit(peer: number, length: number): void {
    if (this.#limitBytes !== undefined && this.#receivedBytes[peer]! + length > this.#limitBytes)
      this.#refuse(peer, `at most ${this.#limitBytes} bytes in all`, `${this.#receivedBytes[peer]! + length}`);
  }

  #refuse(peer: number, expected: string, got: string): never {
    throw new FrameError(`run ${this.run}, frame from ${this.names[peer]}: expected ${expected}, got ${got}`);
  }
}
