/**
 * Keeps a dealer from running too far ahead of the parties, which have to hold what they do not need yet: they tell what they
 * have taken, and the dealer waits. Not a limit on what a run may send, which its plan sets.
 */
import { FrameError } from "../errors.js";

/** What may be on its way to, or wait at, one party. A single round may exceed it. */
export const AHEAD_BYTES = 32 * 2 ** 20;
export const AHEAD_FRAMES = 8192;

export interface Taken {
  readonly bytes: number;
  readonly frames: number;
}

/** At a party: counts what it has taken of the dealer's and tells in quarters of what may be ahead. */
export class Taking {
  #bytes = 0;
  #frames = 0;
  constructor(private readonly tell: (taken: Taken) => void) {}

  took(bytes: number): void {
    this.#bytes += bytes;
    this.#frames++;
    if (4 * this.#bytes < AHEAD_BYTES && 4 * this.#frames < AHEAD_FRAMES) return;
    this.tell({ bytes: this.#bytes, frames: this.#frames });
    this.#bytes = this.#frames = 0;
  }
}

/** At the dealer. */
export class Pace {
  readonly #ahead: { bytes: number; frames: number }[];
  #held: (() => void) | undefined;
  #ended = false;

  constructor(private readonly names: readonly string[]) {
    this.#ahead = names.map(() => ({ bytes: 0, frames: 0 }));
  }

  /** What a party tells. Throws FrameError when it claims more than it was sent. */
  told(peer: number, { bytes, frames }: Taken): void {
    const ahead = this.#ahead[peer]!;
    if (bytes > ahead.bytes || frames > ahead.frames)
      throw new FrameError(
        `dealer: expected ${this.names[peer]} to take at most ${ahead.bytes} bytes in ${ahead.frames} frames, got ${bytes} in ${frames}`,
      );
    ahead.bytes -= bytes;
    ahead.frames -= frames;
    if (this.#clear) this.#release();
  }

  /** Counts what is sent now and calls `go`: at once, or when everybody has caught up. */
  send(sent: readonly { readonly peer: number; readonly bytes: number }[], go: () => void): void {
    const sendNow = () => {
      for (const { peer, bytes } of sent) {
        this.#ahead[peer]!.bytes += bytes;
        this.#ahead[peer]!.frames++;
      }
      go();
    };
    if (this.#clear) sendNow();
    else this.#held = sendNow;
  }

  /** The session has ended: whoever waits, or comes to wait, goes on and finds that out. */
  end(): void {
    this.#ended = true;
    this.#release();
  }

  get #clear(): boolean {
    return this.#ended || this.#ahead.every(({ bytes, frames }) => bytes < AHEAD_BYTES && frames < AHEAD_FRAMES);
  }
  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }
}
