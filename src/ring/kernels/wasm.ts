/**
 * Binds the AssemblyScript build to the kernel interface: one module per process, one instance and one linear memory
 * per call. Not the kernels themselves (assembly/).
 */
import type { KernelSets, Kernels, LinearMemory } from "./kernels.js";
import { wasm } from "./platform.js";
import { kernelHash, wasmBase64 } from "./wasm-bytes.gen.js";

export { kernelHash };

/** What the module exports: the kernels of both word sizes (see assembly/index.ts), and globals. */
interface Exports {
  readonly memory: LinearMemory;
  readonly heapBase: { value: number };
  readonly [kernel: string]: unknown;
}
/** Ends the names of kernels for words of 32 bits. */
const NARROW = /32$/;

let compiled: object | undefined;

/** New kernels over a linear memory of their own. Words of one are of no use to the kernels of another. */
export function createKernels(): KernelSets {
  compiled ??= new wasm.Module(Uint8Array.from(atob(wasmBase64), (char) => char.charCodeAt(0)));
  const exports = new wasm.Instance(compiled, {}).exports as Exports;
  const { memory, heapBase } = exports;
  // Plain objects: their functions are the exports themselves, so a call costs no more than a call into wasm.
  const set = (narrow: boolean) =>
    Object.fromEntries(
      Object.entries(exports)
        .filter(([name, value]) => typeof value === "function" && NARROW.test(name) === narrow)
        .map(([name, value]) => [name.replace(NARROW, ""), value]),
    );
  const all = { memory, heapBase: heapBase.value };
  const narrow = { ...set(true), ...all, wordBytes: 4, wordBits: 32 } as unknown as Kernels;
  return { ...set(false), ...all, wordBytes: 8, wordBits: 64, narrow } as unknown as KernelSets;
}
