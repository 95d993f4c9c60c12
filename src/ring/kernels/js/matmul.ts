/** The matrix products of the readable twin: three loops over BigInt. Not the blocked kernels. */
import type { Kernels } from "../kernels.js";
import { allWords, type TwinMemory, u32s, words } from "./views.js";

export function matmul(memory: TwinMemory): Pick<Kernels, "matmul" | "matmulIndexed" | "putIndexed"> {
  const at = (address: number, rows: number, columns: number, i: number, j: number) =>
    (address + u32s(memory, rows + 4 * i, 1)[0]! + u32s(memory, columns + 4 * j, 1)[0]!) / memory.wordBytes;
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
    matmulIndexed(c, rowsC, columnsC, a, rowsA, columnsA, b, rowsB, columnsB, m, k, n, accumulate) {
      const all = allWords(memory);
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          const to = at(c, rowsC, columnsC, i, j);
          if (accumulate === 0) all[to] = 0n;
          for (let p = 0; p < k; p++)
            all[to]! += all[at(a, rowsA, columnsA, i, p)]! * all[at(b, rowsB, columnsB, p, j)]!;
        }
    },
    putIndexed(c, rowsC, columnsC, from, step, m, n, accumulate) {
      const all = allWords(memory);
      for (let i = 0; i < m; i++)
        for (const [j, word] of [...words(memory, from + i * step, n)].entries()) {
          const to = at(c, rowsC, columnsC, i, j);
          all[to] = accumulate === 0 ? word : all[to]! + word;
        }
    },
  };
}
