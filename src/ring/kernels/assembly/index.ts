// What the wasm module exports: the kernels of ../kernels.ts under the same names, with 32 behind them those for words of 32 bits. No
// logic.
export {
  add, sub, neg, mul, mulAdd, addScalar, mulScalar, mulScalarAdd, fill, copy,
  shl, shr, sar, xor, and, or, not, andScalar, andXor, andLocal,
} from "./elementwise";
export { matmul } from "./matmul";
export { matmulIndexed, putIndexed, putIndexed32 } from "./indexed";
// Exported only to keep binaryen from inlining it into its driver, which makes V8 spill registers (5% slower).
export { microWinograd } from "./micro";
export { transpose, gatherRows, scatterAddRows, sumAxis, prefixSums, reduce } from "./layout";
export { gatherStrided, scatterAddStrided } from "./strided";
export { sumWindows, spreadWindows } from "./windows";
export { slice, unslice, funnel } from "./planes";
// Planes of bits are the same for words of either size.
export { copyBits, gatherBits, copyBits as copyBits32, gatherBits as gatherBits32 } from "./bitmoves";
export { addFields, nonNegative } from "./fields";
export { octaves, waves, wavesAdd } from "./waves";
export { powers, powersAdd } from "./powers";
export { heapBase } from "./scratch";
export { dcfEvalStart, dcfEvalStep, dcfEvalEnd, dcfGenStart, dcfGenStep, dcfGenEnd } from "./trees";

export {
  add32, sub32, neg32, mul32, mulAdd32, addScalar32, mulScalar32, mulScalarAdd32, fill32, copy32,
  shl32, shr32, sar32, xor32, and32, or32, not32, andScalar32, andXor32, andLocal32,
} from "./elementwise32";
export { matmul32 } from "./matmul32";
export { matmulIndexed32 } from "./indexed32";
export { transpose32, gatherRows32, scatterAddRows32, sumAxis32, prefixSums32, reduce32 } from "./layout32";
export { gatherStrided32, scatterAddStrided32 } from "./strided";
export { sumWindows32, spreadWindows32 } from "./windows";
export { slice32, unslice32, funnel32, nonNegative32, addFields32 } from "./planes32";
export {
  dcfEvalStart32, dcfEvalStep32, dcfEvalEnd32, dcfGenStart32, dcfGenStep32, dcfGenEnd32,
} from "./trees32";
