// @ts-check
/**
 * The helping thread: computes pieces of products into memory that is its own, until it is terminated. It never writes where
 * the arena's blocks lie, so whatever happens to it harms nobody. Which pieces there are is said in split.ts.
 */
import { workerData } from "node:worker_threads";
import {
  ARGUMENTS,
  ARITY,
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

/** @type {import("./helper.js").Start} */
const { buffer, module, memory, kernels, results } = workerData;
const control = new Int32Array(buffer);
// Types of WebAssembly come only with the DOM library.
const { Instance } = /** @type {any} */ (globalThis).WebAssembly;
const { exports } = new Instance(module, { env: { memory } });
const list = kernels.map((name) => exports[name]);

/** Which of the two places takes the next result. */
let turn = 0;

/** Takes pieces of the product at hand until there are none left. */
function help() {
  for (;;) {
    const free = RESULTS + turn;
    for (let full = Atomics.load(control, free); full !== 0; full = Atomics.load(control, free))
      Atomics.wait(control, free, full);
    const left = Atomics.load(control, LEFT);
    if ((left & COUNT_MASK) === 0) return;
    const size = /** @type {number} */ (control[SIZE]);
    const total = /** @type {number} */ (control[TOTAL]);
    const piece = Math.ceil(total / size) - (left & COUNT_MASK);
    const kernel = list[/** @type {number} */ (control[KERNEL])];
    const given = Array.from(control.subarray(ARGUMENTS, ARGUMENTS + /** @type {number} */ (control[ARITY])));
    const steps = control.slice(STEPS, STEPS + given.length);
    const values = given.map((value, i) => value + piece * /** @type {number} */ (steps[i]));
    values[0] = results + turn * RESULT_BYTES;
    values[/** @type {number} */ (control[SIZED])] = Math.min(size, total - piece * size);
    // Only if the product is still the same was the description that of this piece.
    if (Atomics.compareExchange(control, LEFT, left, left - 1) !== left) continue;
    try {
      kernel(...values);
      Atomics.store(control, free, piece + 1);
    } catch (error) {
      Atomics.store(control, free, -1);
      throw error;
    } finally {
      Atomics.notify(control, free);
    }
    turn = 1 - turn;
  }
}

for (;;) {
  const product = Atomics.load(control, PRODUCT);
  help();
  Atomics.wait(control, PRODUCT, product);
}
