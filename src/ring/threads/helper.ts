/**
 * A second thread of this process that computes pieces of products while the first one computes others. Its results are taken over
 * by the first thread only, piece by piece: a helper that dies, hangs or is slow costs time, never a wrong word. Not the
 * choice of pieces (split.ts), nor whether there should be a helper (party/threads.ts).
 */
import { Worker } from "node:worker_threads";
import type { LinearMemory } from "../kernels/kernels.js";
import {
  ARGUMENTS,
  ARITY,
  CONTROL_WORDS,
  COUNT_BITS,
  COUNT_MASK,
  KERNEL,
  LEFT,
  PRODUCT,
  RESULT_BYTES,
  RESULTS,
  SIZE,
  SIZED,
  STEPS,
  TOTAL,
} from "./control.js";

/** What the worker begins with. */
export interface Start {
  readonly buffer: SharedArrayBuffer;
  readonly module: object;
  readonly memory: LinearMemory;
  /** Names of exports. */
  readonly kernels: readonly string[];
  /** Address of the first of two results. */
  readonly results: number;
}

/** A product in pieces. Piece 0 is the first thread's, the others are anybody's. */
export interface Pieces {
  /** Index into Start.kernels. */
  readonly kernel: number;
  /** The kernel's arguments for piece 0, the size of a piece among them; the first, where the result goes, is put in. */
  readonly given: readonly number[];
  /** What is added to them for each further piece; missing ones are 0. */
  readonly steps: Readonly<Record<number, number>>;
  /** Which argument is the size. */
  readonly sized: number;
  readonly total: number;
  /** Computes a piece where it belongs. */
  readonly compute: (piece: number, size: number) => void;
  /** Takes over a piece that was computed elsewhere: its result begins at `from`. */
  readonly merge: (piece: number, size: number, from: number) => void;
}

export interface HelperOptions {
  /** Longest wait for a piece that the helper has taken. Default 5 s, a hundred times what a large one takes. */
  readonly timeoutMs?: number;
  /** Told once why there is no helper any more. */
  readonly onLost?: (reason: string) => void;
  /** Another program than worker.js, for tests. */
  readonly program?: URL;
}

const TIMEOUT_MS = 5000;
/** More pieces than these do not fit the count. */
export const MOST_PIECES = COUNT_MASK;

export class Helper {
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
  readonly #worker: Worker;
  readonly #results: number;
  readonly #timeoutMs: number;
  readonly #onLost: (reason: string) => void;
  #alive = true;
  #product = 0;
  #merged = 0;
  /** Which of the two results comes next. */
  #turn = 0;

  /** Throws where threads, shared memory or waiting for them are not to be had. */
  constructor(start: Omit<Start, "buffer">, options: HelperOptions = {}) {
    const { timeoutMs = TIMEOUT_MS, onLost = () => {}, program = new URL("./worker.js", import.meta.url) } = options;
    this.#results = start.results;
    this.#timeoutMs = timeoutMs;
    this.#onLost = onLost;
    // Some threads must not wait, such as those of windows; returns at once where this one may, since the word is 0.
    Atomics.wait(this.#control, RESULTS, 1);
    const workerData: Start = { ...start, buffer: this.#control.buffer as SharedArrayBuffer };
    // Neither the options nor the environment of this process are of use to it.
    this.#worker = new Worker(program, { workerData, execArgv: [], env: {} });
    this.#worker.unref();
    this.#worker.on("error", (error) => this.#lose(`it failed: ${error.message}`));
    this.#worker.on("exit", () => this.#lose("it has ended"));
  }

  /** False once it was closed or lost: `run` must not be called any more. */
  get alive(): boolean {
    return this.#alive;
  }

  /** How many pieces it has computed so far. */
  get merged(): number {
    return this.#merged;
  }

  /** Resolves when the thread has begun; for tests and measurements. Keeps the process alive until then. */
  async started(): Promise<void> {
    this.#worker.ref();
    await new Promise((resolve) => this.#worker.once("online", resolve));
    this.#worker.unref();
  }

  async close(): Promise<void> {
    this.#alive = false;
    await this.#worker.terminate();
  }

  /** Computes all pieces; returns when that is done. There must be 2 to MOST_PIECES of them. */
  run({ kernel, given, steps, sized, total, compute, merge }: Pieces): void {
    const control = this.#control;
    const size = given[sized]!;
    const count = Math.ceil(total / size);
    const sizeOf = (piece: number) => Math.min(size, total - piece * size);
    control[KERNEL] = kernel;
    control[SIZED] = sized;
    control[SIZE] = size;
    control[TOTAL] = total;
    control[ARITY] = given.length;
    for (let i = 0; i < given.length; i++) {
      control[ARGUMENTS + i] = given[i]!;
      control[STEPS + i] = steps[i] ?? 0;
    }
    this.#product++;
    Atomics.store(control, LEFT, (this.#product << COUNT_BITS) | (count - 1));
    Atomics.store(control, PRODUCT, this.#product);
    Atomics.notify(control, PRODUCT);
    compute(0, size);
    /** Pieces that are not where they belong yet. */
    const open = new Set(Array.from({ length: count - 1 }, (_, i) => i + 1));
    for (;;) {
      while (this.#collect(merge, sizeOf, open));
      const piece = this.#take(count);
      if (piece === undefined) break;
      compute(piece, sizeOf(piece));
      open.delete(piece);
    }
    while (open.size > 0 && this.#alive) {
      if (this.#collect(merge, sizeOf, open)) continue;
      const place = RESULTS + this.#turn;
      if (Atomics.load(control, place) < 0) this.#lose("it could not compute a product");
      else if (Atomics.wait(control, place, 0, this.#timeoutMs) === "timed-out")
        this.#lose(`it did not answer within ${this.#timeoutMs} ms`);
    }
    for (const piece of open) compute(piece, sizeOf(piece));
  }

  /** Takes a piece for the first thread, if there is one left. */
  #take(count: number): number | undefined {
    for (;;) {
      const left = Atomics.load(this.#control, LEFT);
      if ((left & COUNT_MASK) === 0) return undefined;
      if (Atomics.compareExchange(this.#control, LEFT, left, left - 1) === left) return count - (left & COUNT_MASK);
    }
  }

  /** Takes over the next result, if it is there. */
  #collect(merge: Pieces["merge"], sizeOf: (piece: number) => number, open: Set<number>): boolean {
    const place = RESULTS + this.#turn;
    const piece = Atomics.load(this.#control, place) - 1;
    if (piece < 0) return false;
    merge(piece, sizeOf(piece), this.#results + this.#turn * RESULT_BYTES);
    open.delete(piece);
    this.#merged++;
    this.#turn = 1 - this.#turn;
    Atomics.store(this.#control, place, 0);
    Atomics.notify(this.#control, place);
    return true;
  }

  #lose(reason: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    void this.#worker.terminate();
    this.#onLost(reason);
  }
}
