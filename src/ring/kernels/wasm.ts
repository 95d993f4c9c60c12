/**
 * Binds the AssemblyScript build to the kernel interface: one module per process, one instance and one linear memory
 * per call. Not the kernels themselves (assembly/).
 */
import type { Kernels, LinearMemory } from "./kernels.js";
import { wasm } from "./platform.js";
import { kernelHash, wasmBase64 } from "./wasm-bytes.gen.js";

export { kernelHash };

/** What the module exports: the interface, but for the global that holds the address. */
type Exports = Omit<Kernels, "heapBase"> & { readonly memory: LinearMemory; readonly heapBase: { value: number } };

let compiled: object | undefined;

/** New kernels over a linear memory of their own. Words of one are of no use to the kernels of another. */
export function createKernels(): Kernels {
  compiled ??= new wasm.Module(Uint8Array.from(atob(wasmBase64), (char) => char.charCodeAt(0)));
  const exports = new wasm.Instance(compiled, {}).exports as Exports;
  // A plain object: its functions are the exports themselves, so a call costs no more than a call into wasm.
  return { ...exports, heapBase: exports.heapBase.value };
}
