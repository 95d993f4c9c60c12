/** Layout operations of the readable twin: words move or are summed, none is multiplied. Not the fast kernels. */
import type { Kernels } from "../kernels.js";
import { allWords, i32s, type TwinMemory, u32s, words } from "./views.js";

type Layout = Pick<
  Kernels,
  "transpose" | "gatherStrided" | "scatterAddStrided" | "gatherRows" | "scatterAddRows" | "sumAxis" | "prefixSums"
>;

export function layout(memory: TwinMemory): Layout {
  /** Calls visit(i, offset) for each row-major index i and the strided offset, in words, that belongs to it. */
  const walk = (rank: number, dims: number, strides: number, visit: (i: number, offset: number) => void) => {
    const [d, s] = [i32s(memory, dims, rank), i32s(memory, strides, rank)];
    const total = d.reduce((product, dim) => product * dim, 1);
    for (let i = 0; i < total; i++) {
      let [rest, offset] = [i, 0];
      for (let axis = rank - 1; axis >= 0; axis--) {
        offset += (rest % d[axis]!) * s[axis]!;
        rest = Math.floor(rest / d[axis]!);
      }
      visit(i, offset);
    }
  };
  /** All of memory as words; `ptr / size` is an index, so that negative strides need no care. */
  const all = () => allWords(memory);
  const size = memory.wordBytes;

  return {
    transpose(dst, src, rows, cols) {
      const [d, s] = [words(memory, dst, rows * cols), words(memory, src, rows * cols)];
      for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) d[j * rows + i] = s[i * cols + j]!;
    },
    gatherStrided(dst, src, rank, dims, strides) {
      const w = all();
      walk(rank, dims, strides, (i, offset) => {
        w[dst / size + i] = w[src / size + offset]!;
      });
    },
    scatterAddStrided(dst, src, rank, dims, strides) {
      const w = all();
      walk(rank, dims, strides, (i, offset) => {
        w[dst / size + offset]! += w[src / size + i]!;
      });
    },
    gatherRows(dst, src, index, rows, rowWords) {
      const [w, at] = [all(), u32s(memory, index, rows)];
      for (let r = 0; r < rows; r++)
        for (let i = 0; i < rowWords; i++) w[dst / size + r * rowWords + i] = w[src / size + at[r]! * rowWords + i]!;
    },
    scatterAddRows(dst, src, index, rows, rowWords) {
      const [w, at] = [all(), u32s(memory, index, rows)];
      for (let r = 0; r < rows; r++)
        for (let i = 0; i < rowWords; i++) w[dst / size + at[r]! * rowWords + i]! += w[src / size + r * rowWords + i]!;
    },
    sumAxis(dst, src, outer, axis, inner) {
      const [d, s] = [words(memory, dst, outer * inner), words(memory, src, outer * axis * inner)];
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          let sum = 0n;
          for (let x = 0; x < axis; x++) sum += s[(o * axis + x) * inner + i]!;
          d[o * inner + i] = sum;
        }
    },
    prefixSums(dst, src, outer, axis, inner, reverse) {
      const [d, s] = [words(memory, dst, outer * axis * inner), words(memory, src, outer * axis * inner)];
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          let sum = 0n;
          for (let x = 0; x < axis; x++) {
            const at = (o * axis + (reverse ? axis - 1 - x : x)) * inner + i;
            sum += s[at]!;
            d[at] = sum;
          }
        }
    },
  };
}
