/** Typed views of a region of linear memory, made afresh for every call because growing detaches them. */
import type { LinearMemory, WordBytes } from "../kernels.js";

/** A memory as the kernels of one word size see it. */
export interface TwinMemory extends LinearMemory {
  readonly wordBytes: WordBytes;
}

/** Unsigned words. */
export interface Words extends Iterable<bigint> {
  readonly length: number;
  [index: number]: bigint;
  fill(value: bigint, start?: number, end?: number): unknown;
}

/** n words; storing into the array reduces modulo 2^64, or 2^32. */
export function words(memory: TwinMemory, ptr: number, n: number): Words {
  return memory.wordBytes === 8 ? u64s(memory, ptr, n) : narrowWords(u32s(memory, ptr, n));
}
/** All of memory as words; `ptr / wordBytes` is an index. */
export const allWords = (memory: TwinMemory): Words => words(memory, 0, memory.buffer.byteLength / memory.wordBytes);

export const u64s = (memory: LinearMemory, ptr: number, n: number) => new BigUint64Array(memory.buffer, ptr, n);
export const i32s = (memory: LinearMemory, ptr: number, n: number) => new Int32Array(memory.buffer, ptr, n);
export const u32s = (memory: LinearMemory, ptr: number, n: number) => new Uint32Array(memory.buffer, ptr, n);

function narrowWords(numbers: Uint32Array): Words {
  const fill = (value: bigint, start?: number, end?: number) =>
    numbers.fill(Number(BigInt.asUintN(32, value)), start, end);
  return new Proxy<Words>(Object.assign([], { fill }), {
    get(target, key) {
      if (key === "length") return numbers.length;
      const index = typeof key === "string" ? Number(key) : Number.NaN;
      return Number.isInteger(index) ? BigInt(numbers[index]!) : Reflect.get(target, key);
    },
    set(_, key, value: bigint) {
      numbers[Number(key as string)] = Number(BigInt.asUintN(32, value));
      return true;
    },
  });
}
