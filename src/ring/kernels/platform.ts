/**
 * The few WebAssembly constructors that are used, with types of our own: TypeScript ships them only with the DOM
 * library, which a package for Node and browsers should not force on its users. Not a wrapper: the values are the
 * platform's.
 */
import type { LinearMemory } from "./kernels.js";

interface Platform {
  Memory: new (options: { initial: number; maximum?: number; shared?: boolean }) => LinearMemory;
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
}

export const wasm: Platform = (globalThis as unknown as { WebAssembly: Platform }).WebAssembly;

/** Bytes of one page of linear memory. */
export const PAGE = 65536;
