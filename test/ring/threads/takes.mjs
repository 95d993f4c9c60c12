/** For helpers that go wrong: waits for a product and takes a piece of it, as worker.js does. Not a helper itself. */
import { workerData } from "node:worker_threads";
import { COUNT_MASK, LEFT } from "../../../src/ring/threads/control.js";

export const control = new Int32Array(workerData.buffer);

/** Returns the number of pieces that were left with this one. */
export function take() {
  for (;;) {
    const left = Atomics.load(control, LEFT);
    if ((left & COUNT_MASK) > 0 && Atomics.compareExchange(control, LEFT, left, left - 1) === left)
      return left & COUNT_MASK;
    Atomics.wait(control, LEFT, left, 1);
  }
}
