/** The runs of a session: which are open, which came early, which are over. No I/O, no clock. */
import { BoundError, FrameError } from "../errors.js";
import { LARGEST_RUN } from "./frame.js";
import { EARLY_FRAME_BYTES, RunInbox } from "./run-inbox.js";

/** Runs that peers may start before us. */
const EARLY_RUNS = 8;

export class RunTable {
  readonly #names: readonly string[];
  readonly #earlyLimit: number;
  readonly #runs = new Map<number, RunInbox>();
  /** Everything up to here was opened or can never be. */
  #highest = -1;
  /** By peer: what its frames for runs that are not open yet cost. */
  readonly #earlyBytes: number[];

  constructor(names: readonly string[], earlyLimitBytes: number) {
    this.#names = names;
    this.#earlyLimit = earlyLimitBytes;
    this.#earlyBytes = names.map(() => 0);
  }

  /** The run, if it is open. */
  get(run: number): RunInbox | undefined {
    const inbox = this.#runs.get(run);
    return inbox?.isOpen ? inbox : undefined;
  }

  values(): Iterable<RunInbox> {
    return this.#runs.values();
  }

  clear(): void {
    this.#runs.clear();
  }

  /** BoundError is a mistake of our own, FrameError one of a peer that sent too much too early. */
  open(run: number, limitBytes: number): void {
    if (!Number.isSafeInteger(run) || run <= this.#highest || run > LARGEST_RUN)
      throw new BoundError(`openRun: expected a run above ${this.#highest} and below 2^48, got ${run}`);
    if (!Number.isSafeInteger(limitBytes) || limitBytes < 0)
      throw new BoundError(`openRun: expected a limit in bytes, got ${limitBytes}`);
    this.#highest = run;
    const inbox = this.#runs.get(run) ?? new RunInbox(run, this.#names);
    this.#runs.set(run, inbox);
    for (let peer = 0; peer < this.#names.length; peer++) this.#earlyBytes[peer]! -= inbox.earlyBytes(peer);
    // What peers sent to a run that is skipped here is as wrong as a frame of a closed run.
    for (const other of this.#runs.values()) if (other.run < run && !other.isOpen) other.close();
    inbox.open(limitBytes);
  }

  /** Throws FrameError when a frame came that nobody asked for. */
  close(run: number): void {
    const inbox = this.get(run);
    if (!inbox) return;
    if (inbox.pending) throw new BoundError(`closeRun: expected no exchange under way in run ${run}, got one`);
    this.#runs.delete(run);
    inbox.close();
  }

  /** Throws FrameError unless this frame may come now. Changes nothing. */
  check(peer: number, run: number, round: number, length: number): void {
    const inbox = this.#runs.get(run);
    if (!inbox?.isOpen) this.#checkEarly(peer, run, inbox, length);
    inbox?.check(peer, round, length);
  }

  /** The run, if its exchange awaits this checked data frame. */
  awaiting(peer: number, run: number): RunInbox | undefined {
    const inbox = this.#runs.get(run);
    return inbox?.awaits(peer) ? inbox : undefined;
  }

  /** Takes a whole checked frame. Returns the run if its exchange is complete now. */
  accept(peer: number, run: number, round: number, payload: Uint8Array): RunInbox | undefined {
    let inbox = this.#runs.get(run);
    if (!inbox) {
      inbox = new RunInbox(run, this.#names);
      this.#runs.set(run, inbox);
    }
    if (!inbox.isOpen) this.#earlyBytes[peer]! += payload.length + EARLY_FRAME_BYTES;
    return inbox.accept(peer, round, payload) ? inbox : undefined;
  }

  /** A frame of a run that is not open here: allowed if the run can still be opened and the limits hold. */
  #checkEarly(peer: number, run: number, inbox: RunInbox | undefined, length: number): void {
    const refuse = (expected: string, got: string): never => {
      throw new FrameError(`run ${run}, frame from ${this.#names[peer]}: expected ${expected}, got ${got}`);
    };
    if (run <= this.#highest) refuse("an open run", "one that is over or was skipped");
    let runs = 0;
    for (const other of this.#runs.values()) if (!other.isOpen) runs++;
    if (!inbox && runs >= EARLY_RUNS) refuse(`at most ${EARLY_RUNS} runs ahead of us`, "one more");
    const bytes = this.#earlyBytes[peer]! + length + EARLY_FRAME_BYTES;
    if (bytes > this.#earlyLimit) refuse(`at most ${this.#earlyLimit} bytes ahead of us`, `${bytes}`);
  }
}
