/**
 * The readable twin of the wasm kernels: same interface, same results, plain BigInt. It is the test oracle and the
 * definition of what each kernel means; it is not fast, and BigInt arithmetic does not run in constant time, so it is
 * not for secrets.
 */
import type { KernelSets, Kernels, LinearMemory, WordBytes } from "../kernels.js";
import { wasm } from "../platform.js";
import { bits } from "./bits.js";
import { elementwise } from "./elementwise.js";
import { layout } from "./layout.js";
import { matmul } from "./matmul.js";
import type { TwinMemory } from "./views.js";
import { waves } from "./waves.js";
import { windows } from "./windows.js";

/** Kernels over a new linear memory of one page. */
export function createJsKernels(): KernelSets {
  const memory = new wasm.Memory({ initial: 1, maximum: 65536 });
  return { ...kernelsOver(memory, 8), ...waves(memory), narrow: kernelsOver(memory, 4) };
}

function kernelsOver(memory: LinearMemory, wordBytes: WordBytes): Kernels {
  const twin: TwinMemory = {
    wordBytes,
    get buffer() {
      return memory.buffer;
    },
    grow: (pages) => memory.grow(pages),
  };
  const wordBits = wordBytes === 8 ? 64 : 32;
  const moves = { ...layout(twin), ...windows(twin) };
  return { wordBytes, wordBits, memory, heapBase: 64, ...elementwise(twin), ...matmul(twin), ...moves, ...bits(twin) };
}
