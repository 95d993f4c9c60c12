/**
 * Whether others slow this machine's cores down while something is timed: a short product on each of them, before and after. A
 * neighbour on the other hardware thread of a core makes everything on this one up to 1.7 times slower, for 50 ms or for minutes, and shows in
 * no load average. Not the timing itself, see measure.ts.
 */
import { availableParallelism } from "node:os";
import { Ring } from "../src/ring/index.js";

const SIZE = 128;
const CALLS = 3;
/** Slower probes than this part of the best one are disturbed; a neighbour leaves 0.6 of it. */
const ALIKE = 0.85;
/** Probes to begin with. */
const FIRST = 300;
/** Processes that compute one after the other, on one core, see nothing of the other one. */
const TRIES = 10;

/** A process's, with its times on the clock of the machine, in ms. */
export interface Probe {
  /** 10^9 multiply-adds a second of the fastest of a few calls, about a millisecond together. */
  readonly gmacs: number;
  readonly from: number;
  readonly to: number;
}

let call: (() => void) | undefined;
export function probe(): Probe {
  call ??= product();
  const clock = () => performance.timeOrigin + performance.now();
  const from = clock();
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < CALLS; i++) {
    const before = performance.now();
    call();
    fastest = Math.min(fastest, performance.now() - before);
  }
  return { gmacs: SIZE ** 3 / fastest / 1e6, from, to: clock() };
}

function product(): () => void {
  const ring = new Ring();
  const scope = ring.scope();
  const [c, a, b] = [0, 1, 2].map(() => scope.alloc(SIZE * SIZE).ptr) as [number, number, number];
  const multiply = () => ring.kernels.matmul(c, a, b, SIZE, SIZE, SIZE, 0);
  // Until V8 has optimised the kernel.
  for (let i = 0; i < 200; i++) multiply();
  return multiply;
}

/** What probes say in the course of a bench. `ask` has so many processes probe at once. */
export class Probes {
  #best = 0;

  constructor(
    private readonly ask: (processes: number) => Promise<readonly Probe[]>,
    private readonly processes: number = availableParallelism(),
  ) {}

  /** 10^9 multiply-adds a second: the best so far of the slowest core. */
  get best(): number {
    return this.#best;
  }

  /** The slowest core's speed, with a process computing on each; 0 if they would not compute at the same time. */
  async take(): Promise<number> {
    for (let i = 0; i < TRIES; i++) {
      const found = await this.ask(this.processes);
      if (Math.max(...found.map(({ from }) => from)) > Math.min(...found.map(({ to }) => to))) continue;
      const slowest = Math.min(...found.map(({ gmacs }) => gmacs));
      this.#best = Math.max(this.#best, slowest);
      return slowest;
    }
    return 0;
  }

  /** Looks for what this machine can do. */
  async begin(): Promise<void> {
    for (let i = 0; i < FIRST; i++) await this.take();
  }

  /** Whether that is what a core does when it is left alone, as far as is known. */
  undisturbed(speed: number): boolean {
    return speed >= ALIKE * this.#best;
  }
}
