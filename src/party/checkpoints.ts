/**
 * When the variables go to disk, and when all parties have them there. Not the files, see storage/, and not the versions
 * in memory, see variables.ts.
 */
import { PeerLostError } from "../errors.js";
import type { Mesh } from "../net/index.js";
import type { Message } from "./control.js";
import type { Core } from "./core.js";

export interface CheckpointsOptions {
  readonly core: Core;
  readonly mesh: Mesh;
  broadcast(message: Message): void;
  /** The newest checkpoint that all parties had when the session began. */
  readonly common: number;
}

interface Waiting {
  readonly run: number;
  resolve(run: number): void;
  reject(error: Error): void;
}

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  /** The newest checkpoint of this session by party. All parties write the same ones in the same order. */
  readonly #newest: number[];
  #waiting: Waiting[] = [];
  #saving: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #ended: Error | undefined;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
    this.#newest = options.core.names.map(() => options.common);
  }

  /** All parties have the variables after this run, or after a later one, on disk. */
  get common(): number {
    return Math.min(...this.#newest);
  }
  /** Resolves when nothing is being written. */
  get idle(): Promise<void> {
    return this.#saving;
  }

  /** Starts writing the present variables; waits for the disk only as far as the checkpoint before needs it. */
  async begin(): Promise<void> {
    await this.#saving;
    if (!this.#ended) this.#saving = this.#save();
  }

  async #save(): Promise<void> {
    const { core, mesh, broadcast } = this.#options;
    try {
      const run = await core.variables.checkpoint();
      if (this.#ended) return;
      broadcast({ type: "saved", run });
      this.#note(core.self, run);
      this.#await();
    } catch (error) {
      core.log.error("checkpoint failed", { reason: (error as Error).name });
      mesh.end(error as Error);
    }
  }

  onSaved(peer: number, run: number): void {
    this.#note(peer, run);
  }

  /** Resolves with the newest common checkpoint as soon as it is `run` or later. */
  reached(run: number): Promise<number> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.common >= run) return Promise.resolve(this.common);
    return new Promise((resolve, reject) => this.#waiting.push({ run, resolve, reject }));
  }

  end(error: Error): void {
    this.#ended = error;
    clearTimeout(this.#timer);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #note(party: number, run: number): void {
    const { core } = this.#options;
    const before = this.common;
    this.#newest[party] = Math.max(this.#newest[party]!, run);
    const { common } = this;
    if (this.#newest.every((each) => each === common)) clearTimeout(this.#timer);
    if (common === before) return;
    core.variables.prune(common);
    const reached = this.#waiting.filter((each) => each.run <= common);
    this.#waiting = this.#waiting.filter((each) => each.run > common);
    for (const { resolve } of reached) resolve(common);
  }

  /** Disks may be slow, but not for ever. */
  #await(): void {
    const { core, mesh } = this.#options;
    clearTimeout(this.#timer);
    if (this.#newest.every((run) => run >= this.#newest[core.self]!)) return;
    const timeoutMs = 4 * core.timeoutMs;
    this.#timer = setTimeout(() => {
      const slow = core.names.filter((_, party) => this.#newest[party]! < this.#newest[core.self]!).join(", ");
      mesh.end(
        new PeerLostError(
          `checkpoint: expected it on disk at ${slow} within ${timeoutMs} ms; try a look at its disk`,
          slow,
        ),
      );
    }, timeoutMs);
    this.#timer.unref();
  }
}
