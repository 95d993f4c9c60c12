/** One timer for all exchanges that wait; it moves only when it fires, so that a round costs no timer of its own. */

export class Watchdog {
  readonly #timeoutMs: number;
  readonly #check: (now: number) => number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting = 0;

  /** `check` ends what is overdue and returns the next deadline, if anything still waits. */
  constructor(timeoutMs: number, check: (now: number) => number | undefined) {
    this.#timeoutMs = timeoutMs;
    this.#check = check;
  }

  /** Something waits from now on. Returns its deadline. While anything waits, the timer keeps the process alive. */
  enter(): number {
    if (this.#waiting++ === 0) {
      if (this.#timer) this.#timer.ref();
      else this.#arm(this.#timeoutMs);
    }
    return performance.now() + this.#timeoutMs;
  }

  leave(): void {
    if (--this.#waiting === 0) this.#timer?.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      const next = this.#check(now);
      if (next !== undefined) this.#arm(next - now + 1);
    }, delayMs);
  }
}
