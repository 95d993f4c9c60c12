/**
 * The readable twin of the wasm kernels: same interface, same results, plain BigInt. It is the test oracle and the
 * definition of what each kernel means; it is not fast, and BigInt arithmetic does not run in constant time, so it is
 * not for secrets.
 */
import type { Kernels } from "../kernels.js";
import { wasm } from "../platform.js";
import { bits } from "./bits.js";
import { elementwise } from "./elementwise.js";
import { layout } from "./layout.js";
import { matmul } from "./matmul.js";
import { waves } from "./waves.js";
import { windows } from "./windows.js";

/** Kernels over a new linear memory of one page. */
export function createJsKernels(): Kernels {
  const memory = new wasm.Memory({ initial: 1, maximum: 65536 });
  return {
    memory,
    heapBase: 64,
    ...elementwise(memory),
    ...matmul(memory),
    ...layout(memory),
    ...windows(memory),
    ...bits(memory),
    ...waves(memory),
  };
}
