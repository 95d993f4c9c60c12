/** The matrix product of the readable twin: three loops over BigInt. Not the blocked kernel. */
import type { Kernels, LinearMemory } from "../kernels.js";
import { words } from "./views.js";

export function matmul(memory: LinearMemory): Pick<Kernels, "matmul"> {
  return {
    matmul(c, a, b, m, k, n, accumulate) {
      const [cw, aw, bw] = [words(memory, c, m * n), words(memory, a, m * k), words(memory, b, k * n)];
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = accumulate === 0 ? 0n : cw[i * n + j]!;
          for (let p = 0; p < k; p++) sum += aw[i * k + p]! * bw[p * n + j]!;
          cw[i * n + j] = sum;
        }
      }
    },
  };
}
