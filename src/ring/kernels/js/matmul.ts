/** The matrix product of the readable twin: three loops over BigInt. Not the blocked kernel. */
import type { Kernels } from "../kernels.js";
import { type TwinMemory, words } from "./views.js";

export function matmul(memory: TwinMemory): Pick<Kernels, "matmul"> {
  return {
    matmul(c, a, b, m, k, n, accumulate) {
      const cw = words(memory, c, m * n);
      const [aw, bw] = [Array.from(words(memory, a, m * k)), Array.from(words(memory, b, k * n))];
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
