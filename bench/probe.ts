/**
 * Whether others slow this machine's cores down while something is timed: a short product on each of them, before and after. A
 * neighbour on the other hardware thread of a core makes everything on this one up to 1.7 times slower, for 50 ms or for minutes, and shows in
 * no load average. What is timed plays no part in it. Not the timing itself, see measure.ts.
 */
import { availableParallelism } from "node:os";
import { Ring } from "../src/ring/index.js";

const SIZE = 128;
const CALLS = 3;
/** Slower probes than this part of the best one are disturbed; a neighbour leaves 0.6 of it. */
const ALIKE = 0.85;

/** 10^9 multiply-adds a second of this thread in the fastest of a few calls, about a millisecond together. */
export const probe = (() => {
  let call: (() => void) | undefined;
  return (): number => {
    call ??= product();
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < CALLS; i++) {
      const before = performance.now();
      call();
      fastest = Math.min(fastest, performance.now() - before);
    }
    return SIZE ** 3 / fastest / 1e6;
  };
})();

function product(): () => void {
  const ring = new Ring();
  const scope = ring.scope();
  const [c, a, b] = [0, 1, 2].map(() => scope.alloc(SIZE * SIZE).ptr) as [number, number, number];
  const call = () => ring.kernels.matmul(c, a, b, SIZE, SIZE, SIZE, 0);
  // Until V8 has optimised the kernel.
  for (let i = 0; i < 200; i++) call();
  return call;
}

/** So many of `processes` probe at once: one a core. */
export const probing = (processes: number): number => Math.min(processes, availableParallelism());

/** Probes of this speed or more are undisturbed. */
export const undisturbedFrom = (best: number): number => ALIKE * best;
