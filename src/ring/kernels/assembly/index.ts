// What the wasm module exports: the kernels of ../kernels.ts under the same names. No logic.
export {
  add, sub, neg, mul, mulAdd, addScalar, mulScalar, mulScalarAdd, fill, copy,
  shl, shr, sar, xor, and, or, not, andScalar, andXor, andLocal,
} from "./elementwise";
export { matmul } from "./matmul";
export { matmulIndexed } from "./indexed";
// Exported only to keep binaryen from inlining it into its driver, which makes V8 spill registers (5% slower).
export { microWinograd } from "./micro";
export { transpose, gatherRows, scatterAddRows, sumAxis } from "./layout";
export { gatherStrided, scatterAddStrided } from "./strided";
export { sumWindows, spreadWindows } from "./windows";
export { slice, unslice, funnel } from "./planes";
export { addFields, nonNegative } from "./fields";
export { octaves, waves, wavesAdd } from "./waves";
export { heapBase } from "./scratch";
export { dcfEvalStart, dcfEvalStep, dcfEvalEnd, dcfGenStart, dcfGenStep, dcfGenEnd } from "./trees";
