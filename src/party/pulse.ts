/**
 * Notices peers that vanished without closing their connection (power, cable) while nothing runs. Not needed in a run,
 * where the mesh times out every wait.
 */
import { PeerLostError } from "../errors.js";
import type { Core } from "./core.js";

export class Pulse {
  readonly #core: Core;
  readonly #beat: () => void;
  readonly #lost: (error: Error) => void;
  readonly #heard: number[];
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  constructor(core: Core, beat: () => void, lost: (error: Error) => void) {
    this.#core = core;
    this.#beat = beat;
    this.#lost = lost;
    this.#heard = core.names.map(() => 0);
    this.#intervalMs = Math.max(10, core.timeoutMs / 4);
  }

  start(): void {
    this.#last = performance.now();
    this.#heard.fill(this.#last);
    this.#timer = setInterval(() => this.#tick(), this.#intervalMs);
    this.#timer.unref();
  }
  heard(peer: number): void {
    this.#heard[peer] = performance.now();
  }
  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { names, self, timeoutMs } = this.#core;
    const now = performance.now();
    // When this process stood still, what came meanwhile has not been read yet.
    if (now - this.#last > 2 * this.#intervalMs) this.#heard.fill(now);
    this.#last = now;
    this.#beat();
    const silent = names.filter((_, party) => party !== self && now - this.#heard[party]! > timeoutMs).join(", ");
    if (silent !== "")
      this.#lost(
        new PeerLostError(`session: expected a sign of life of ${silent} within ${timeoutMs} ms, got none`, silent),
      );
  }
}
