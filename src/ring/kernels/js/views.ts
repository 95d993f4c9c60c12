/** Typed views of a region of linear memory, made afresh for every call because growing detaches them. */
import type { LinearMemory } from "../kernels.js";

/** n unsigned 64-bit words; storing into the array reduces modulo 2^64. */
export const words = (memory: LinearMemory, ptr: number, n: number) => new BigUint64Array(memory.buffer, ptr, n);
export const i32s = (memory: LinearMemory, ptr: number, n: number) => new Int32Array(memory.buffer, ptr, n);
export const u32s = (memory: LinearMemory, ptr: number, n: number) => new Uint32Array(memory.buffer, ptr, n);
