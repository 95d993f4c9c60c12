/**
 * Binds the AssemblyScript build to the kernel interface: one module per process, one instance and one linear memory
 * per call. Not the kernels themselves (assembly/).
 */
import type { KernelSets, Kernels, LinearMemory } from "./kernels.js";
import { wasm } from "./platform.js";
import { kernelHash, sharedFlag, wasmBase64 } from "./wasm-bytes.gen.js";

export { kernelHash };

/** What the module exports: the kernels of both word sizes (see assembly/index.ts), and globals. */
interface Exports {
  readonly heapBase: { value: number };
  readonly [kernel: string]: unknown;
}
/** Ends the names of kernels for words of 32 bits. */
const NARROW = /32$/;
/** What the module expects at least, and may grow to: see scripts/build-kernels.mjs. */
const PAGES = { initial: 64, maximum: 65536 };

let compiled: object | undefined;
let compiledShared: object | undefined;

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
export const moduleOf = (base64: string): object => new wasm.Module(bytesOf(base64));

/** New kernels over a linear memory of their own. Words of one are of no use to the kernels of another. */
export function createKernels(): KernelSets {
  compiled ??= moduleOf(wasmBase64);
  return kernelsOver(compiled, new wasm.Memory(PAGES));
}

/** The same over a memory that another thread can have, too. Throws where memory cannot be shared. */
export function createSharedKernels(): KernelSets {
  compiledShared ??= new wasm.Module(bytesOf(wasmBase64).with(sharedFlag, 3));
  return kernelsOver(compiledShared, new wasm.Memory({ ...PAGES, shared: true }));
}

function kernelsOver(module: object, memory: LinearMemory): KernelSets {
  const exports = new wasm.Instance(module, { env: { memory } }).exports as Exports;
  // Plain objects: their functions are the exports themselves, so a call costs no more than a call into wasm.
  const set = (narrow: boolean) =>
    Object.fromEntries(
      Object.entries(exports)
        .filter(([name, value]) => typeof value === "function" && NARROW.test(name) === narrow)
        .map(([name, value]) => [name.replace(NARROW, ""), value]),
    );
  const all = { memory, heapBase: exports.heapBase.value };
  const narrow = { ...set(true), ...all, wordBytes: 4, wordBits: 32 } as unknown as Kernels;
  return { ...set(false), ...all, wordBytes: 8, wordBits: 64, narrow } as unknown as KernelSets;
}
