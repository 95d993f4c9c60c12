/** Cuts a byte stream into frames and puts each payload into its final place; it knows no sockets and no sessions. */
import { FrameError } from "../errors.js";
import { type DecodedHeader, decodeHeader, type Frame, HEADER_BYTES } from "./frame.js";

/** Takes a payload in pieces, in order; `at` is where the piece begins. The view is valid during the call only. */
export type Place = (piece: Uint8Array, at: number) => void;

export interface FrameReceiver {
  /** Largest payload; a longer one is refused before memory is allocated. */
  readonly limitBytes: number;
  /** Payloads stay valid after `frame` returns (then no buffer is used twice). */
  readonly keep?: boolean;
  /** Sees the header before memory for the payload is allocated; throws to refuse the frame. */
  header?(header: DecodedHeader): void;
  /**
   * Asked after `header`: where the payload goes as it arrives. Such a frame is over with its last piece, and `frame` does
   * not get it; an empty payload is one empty piece. Undefined: the payload is put together for `frame`.
   */
  place?(header: DecodedHeader): Place | undefined;
  frame(frame: Frame): void;
}

/** A reassembly buffer up to this size is kept for the next frame. */
const LARGEST_KEPT = 16 * 2 ** 20;
const EMPTY = new Uint8Array(0);
/** A true copy: the `slice` of a Buffer would be a view. */
const copy = (bytes: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(bytes);

/** Feed it with `push`; it calls the receiver for each frame. While there is no receiver, it holds bytes back. */
export class FrameDecoder {
  readonly #from: string;
  #receiver: FrameReceiver | undefined;
  readonly #head = new Uint8Array(HEADER_BYTES);
  readonly #headView = new DataView(this.#head.buffer);
  #headFilled = 0;
  #header: DecodedHeader | undefined;
  /** Where the payload of this frame goes, if its receiver said so. */
  #place: Place | undefined;
  #payload: Uint8Array = EMPTY;
  #filled = 0;
  /** A buffer that the last frames no longer use. */
  #spare: Uint8Array = EMPTY;
  #held: Uint8Array[] = [];
  /** The receiver changed in the middle of a frame: the new one must see the header. */
  #recheck = false;
  #running = false;
  #stopped = false;

  /** `from` names the sender in errors. */
  constructor(from: string) {
    this.#from = from;
  }

  /** Whether bytes wait for a receiver. */
  get holding(): boolean {
    return this.#held.length > 0;
  }

  /** Sets who gets the next frames. Held bytes are delivered by `resume`. */
  set receiver(receiver: FrameReceiver | undefined) {
    this.#receiver = receiver;
    this.#recheck = this.#header !== undefined;
  }

  /** Drops everything that comes from now on. */
  stop(): void {
    this.#stopped = true;
    this.#held = [];
    this.#payload = this.#spare = EMPTY;
    this.#place = undefined;
  }

  /** Delivers held bytes, as far as there is a receiver. */
  resume(): void {
    if (this.#running) return; // the loop below goes on by itself
    while (this.#receiver && this.#held.length > 0 && !this.#stopped) this.#consume(this.#held.shift()!);
  }

  /** Takes the next bytes; the caller may overwrite them afterwards. */
  push(chunk: Uint8Array): void {
    if (this.#stopped || chunk.length === 0) return;
    if (this.#held.length > 0 || !this.#receiver || this.#running) this.#held.push(copy(chunk));
    else this.#consume(chunk);
    if (this.#held.length > 0) this.resume();
  }

  #consume(chunk: Uint8Array): void {
    this.#running = true;
    try {
      let at = 0;
      while (at < chunk.length) {
        if (this.#stopped) return;
        if (!this.#receiver) {
          this.#held.unshift(copy(chunk.subarray(at)));
          return;
        }
        at = this.#header === undefined ? this.#takeHeader(chunk, at) : this.#takePayload(chunk, at, this.#header);
      }
    } finally {
      this.#running = false;
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const receiver = this.#receiver!;
    // Byte by byte into memory that has a view already: making a view costs more than these 32 copies.
    const head = this.#head;
    let filled = this.#headFilled;
    while (filled < HEADER_BYTES && at < chunk.length) head[filled++] = chunk[at++]!;
    this.#headFilled = filled < HEADER_BYTES ? filled : 0;
    if (filled < HEADER_BYTES) return at;
    const header = decodeHeader(this.#headView, this.#from);
    this.#admit(receiver, header);
    const { length } = header;
    const place = receiver.place?.(header);
    if (chunk.length - at >= length) {
      // The whole payload is here: hand out a view of the chunk.
      const view = chunk.subarray(at, at + length);
      if (place) place(view, 0);
      else this.#deliver(receiver, header, receiver.keep ? copy(view) : view);
      return at + length;
    }
    this.#header = header;
    this.#filled = 0;
    this.#place = place;
    if (!place) this.#payload = this.#buffer(receiver, length);
    return at;
  }

  /** Where a payload is put together. */
  #buffer(receiver: FrameReceiver, bytes: number): Uint8Array {
    if (!receiver.keep && this.#spare.length >= bytes) return this.#spare.subarray(0, bytes);
    const buffer = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    if (!receiver.keep && bytes <= LARGEST_KEPT) this.#spare = buffer;
    return buffer;
  }

  #takePayload(chunk: Uint8Array, at: number, header: DecodedHeader): number {
    if (this.#recheck) {
      this.#recheck = false;
      if (this.#place) throw new FrameError(`frame from ${this.#from}: expected its receiver to stay, got another one`);
      this.#admit(this.#receiver!, header);
      if (this.#receiver!.keep) this.#spare = EMPTY;
    }
    const take = Math.min(header.length - this.#filled, chunk.length - at);
    const piece = take === chunk.length ? chunk : chunk.subarray(at, at + take);
    const from = this.#filled;
    this.#filled += take;
    const whole = this.#filled === header.length;
    const place = this.#place;
    if (place) {
      if (whole) this.#header = this.#place = undefined;
      place(piece, from);
      return at + take;
    }
    this.#payload.set(piece, from);
    if (whole) {
      const payload = this.#payload;
      this.#header = undefined;
      this.#payload = EMPTY;
      this.#deliver(this.#receiver!, header, payload);
    }
    return at + take;
  }

  #admit(receiver: FrameReceiver, header: DecodedHeader): void {
    if (header.length > receiver.limitBytes)
      throw new FrameError(
        `frame from ${this.#from}: expected at most ${receiver.limitBytes} bytes of payload, got ${header.length}; try a higher limit at both ends`,
      );
    receiver.header?.(header);
  }

  #deliver(receiver: FrameReceiver, header: DecodedHeader, payload: Uint8Array): void {
    const { kind, session, run, round } = header;
    receiver.frame({ kind, session, run, round, payload });
  }
}
