/** The matrix products of the readable twin: three loops over BigInt. Not the blocked kernels. */
import type { Kernels, LinearMemory } from "../kernels.js";
import { u32s, words } from "./views.js";

export function matmul(memory: LinearMemory): Pick<Kernels, "matmul" | "matmulIndexed"> {
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
    matmulIndexed(c, rowsC, columnsC, a, rowsA, columnsA, b, rowsB, columnsB, m, k, n) {
      const all = words(memory, 0, memory.buffer.byteLength / 8);
      const at = (address: number, rows: number, columns: number, i: number, j: number) =>
        (address + u32s(memory, rows + 4 * i, 1)[0]! + u32s(memory, columns + 4 * j, 1)[0]!) / 8;
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++)
          for (let p = 0; p < k; p++)
            all[at(c, rowsC, columnsC, i, j)]! +=
              all[at(a, rowsA, columnsA, i, p)]! * all[at(b, rowsB, columnsB, p, j)]!;
    },
  };
}
