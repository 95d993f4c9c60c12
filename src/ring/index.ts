/**
 * The rings Z_2^64 and Z_2^32: arrays of words in wasm memory, the kernels that compute on them, fixed-point numbers and
 * shapes. Knows nothing of parties, secrets or protocols: what a word means is the caller's business.
 *
 * ```ts
 * const ring = new Ring();
 * const scope = ring.scope();
 * try {
 *   const a = scope.alloc(4);
 *   encode([1, 2, 3, 4], 16, ring.i64(a));
 *   ring.kernels.add(a.ptr, a.ptr, a.ptr, 4);
 *   decode(ring.i64(a), 16); // 2, 4, 6, 8
 * } finally {
 *   scope.close();
 * }
 * ```
 */
export { Block, Scope } from "./arena.js";
export { decode, encode, encodeScalar, firstBeyond } from "./fixed.js";
export { createJsKernels } from "./kernels/js/index.js";
export type { KernelSets, Kernels, LinearMemory, WordBytes } from "./kernels/kernels.js";
export { createKernels, kernelHash } from "./kernels/wasm.js";
export { Ring, type RingOptions } from "./ring.js";
export {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  formatShape,
  normalizeAxis,
  type Shape,
  sameShape,
  size,
  strides,
} from "./shape.js";
