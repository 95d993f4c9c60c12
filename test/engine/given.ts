/** Numbers for the sample plans of test/plan/sample.ts. */
import type { Given } from "./run.js";

/** Deterministic numbers in [-limit, limit]. */
export const numbers = (n: number, limit = 1, seed = 1): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => limit * Math.sin(seed * 12.9898 + i * 78.233));

export const stepGiven: Given = {
  datasets: { "alice/images": numbers(60), "bob/labels": numbers(36, 1, 2) },
  variables: { w0: numbers(35, 0.5, 3), b0: numbers(7, 0.5, 4), w1: numbers(21, 0.5, 5), b1: numbers(3, 0.5, 6) },
  scalars: { epoch: 0, position: 4, lr: 655 },
};
export const everythingGiven: Given = {
  datasets: { "a/x": numbers(54, 2) },
  variables: { w: numbers(12), filters: numbers(8, 1, 9) },
  inputs: { mine: numbers(6, 3, 7) },
  scalars: { epoch: 0, position: 4, rate: 300 },
};
