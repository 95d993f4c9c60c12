/** Sums over sliding windows of the readable twin, element by element from the definition. Not the fast kernels. */
import { type Kernels, windowFields } from "../kernels.js";
import { i32s, type TwinMemory, words } from "./views.js";

export function windows(memory: TwinMemory): Pick<Kernels, "sumWindows" | "spreadWindows"> {
  /** The elements of all outputs and images, and the pairs of both that belong together: an output and an element of its window. */
  const read = (window: number, planes: number) => {
    const fields = i32s(memory, window, windowFields);
    const [kernel, out, size, stride, padding] = [0, 2, 4, 6, 8].map((at) => [fields[at]!, fields[at + 1]!] as const);
    const [[kh, kw], [outH, outW], [height, width]] = [kernel!, out!, size!];
    function* pairs(): Generator<readonly [output: number, image: number]> {
      for (let plane = 0; plane < planes; plane++)
        for (let y = 0; y < outH; y++)
          for (let x = 0; x < outW; x++)
            for (let u = 0; u < kh; u++)
              for (let v = 0; v < kw; v++) {
                const [row, column] = [y * stride![0] + u - padding![0], x * stride![1] + v - padding![1]];
                if (row >= 0 && row < height && column >= 0 && column < width)
                  yield [(plane * outH + y) * outW + x, (plane * height + row) * width + column];
              }
    }
    return { outputs: planes * outH * outW, elements: planes * height * width, pairs };
  };
  return {
    sumWindows(dst, src, window, planes) {
      const { outputs, elements, pairs } = read(window, planes);
      const [d, s] = [words(memory, dst, outputs), words(memory, src, elements)];
      d.fill(0n);
      for (const [output, image] of pairs()) d[output]! += s[image]!;
    },
    spreadWindows(dst, src, window, planes) {
      const { outputs, elements, pairs } = read(window, planes);
      const [d, s] = [words(memory, dst, elements), words(memory, src, outputs)];
      d.fill(0n);
      for (const [output, image] of pairs()) d[image]! += s[output]!;
    },
  };
}
