/** Float64 meanings of sums over axes and windows, and of pairs along an axis. No products. */
import { type Shape, size } from "../ring/index.js";
import type { ClearContext, Meanings, Reals } from "./meaning.js";

type Some = Pick<
  Meanings,
  | ("sum" | "cumsum" | "sumWindows" | "spreadWindows")
  | ("pairDifferences" | "pairSums" | "winners" | "pickOne" | "position")
>;

/** Over one axis, which disappears. */
function sumAxis(x: Reals, shape: Shape, axis: number): Reals {
  const [outer, length, inner] = [size(shape.slice(0, axis)), shape[axis]!, size(shape.slice(axis + 1))];
  const out = new Float64Array(outer * inner);
  for (let o = 0; o < outer; o++)
    for (let k = 0; k < length; k++)
      for (let i = 0, from = (o * length + k) * inner; i < inner; i++) out[o * inner + i]! += x[from + i]!;
  return out;
}

interface Windows {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}
/** Calls visit(window, place) for each place of an image that is part of a window. */
function slide(
  { kernel, stride, padding }: Windows,
  planes: number,
  windows: Shape,
  image: Shape,
  visit: (window: number, place: number) => void,
): void {
  const [rows, cols] = windows as [number, number];
  const [height, width] = image as [number, number];
  for (let p = 0; p < planes; p++)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < cols; c++)
        for (let u = 0; u < kernel[0]; u++) {
          const y = r * stride[0] - padding[0] + u;
          if (y < 0 || y >= height) continue;
          for (let v = 0; v < kernel[1]; v++) {
            const z = c * stride[1] - padding[1] + v;
            if (z >= 0 && z < width) visit((p * rows + r) * cols + c, (p * height + y) * width + z);
          }
        }
}
const lastTwo = (shape: Shape): Shape => shape.slice(-2);

/** The number of values along axis 0, and the elements of each. */
function rivals({ types }: ClearContext, of: "inputs" | "output" = "inputs"): readonly [count: number, n: number] {
  const { shape } = of === "inputs" ? types.inputs.at(-1)! : types.output;
  return [shape[0]!, size(shape.slice(1))];
}
/** Calls visit(pair, i, j) for all pairs i < j in the operators' order. */
function pairs(count: number, visit: (pair: number, i: number, j: number) => void): void {
  let pair = 0;
  for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) visit(pair++, i, j);
}

export const sums: Some = {
  sum({ types }, [x], { axes }) {
    const shape = [...types.inputs[0]!.shape];
    let value = x!;
    for (const axis of [...axes].reverse()) {
      value = sumAxis(value, shape, axis);
      shape.splice(axis, 1);
    }
    return value;
  },
  cumsum({ types }, [x], { axis, reverse }) {
    const { shape } = types.output;
    const [outer, length, inner] = [size(shape.slice(0, axis)), shape[axis]!, size(shape.slice(axis + 1))];
    const out = x!.slice();
    for (let o = 0; o < outer; o++)
      for (let k = 1; k < length; k++) {
        const [to, before] = reverse ? [length - 1 - k, length - k] : [k, k - 1];
        for (let i = 0; i < inner; i++) out[(o * length + to) * inner + i]! += out[(o * length + before) * inner + i]!;
      }
    return out;
  },
  sumWindows({ types }, [x], given) {
    const { shape } = types.output;
    const out = new Float64Array(size(shape));
    slide(given, size(shape.slice(0, -2)), given.size, lastTwo(types.inputs[0]!.shape), (window, place) => {
      out[window]! += x![place]!;
    });
    return out;
  },
  spreadWindows({ types }, [x], given) {
    const { shape } = types.output;
    const out = new Float64Array(size(shape));
    slide(given, size(shape.slice(0, -2)), lastTwo(types.inputs[0]!.shape), given.size, (window, place) => {
      out[place]! += x![window]!;
    });
    return out;
  },
  pairDifferences(context, [x]) {
    const [count, n] = rivals(context);
    const out = new Float64Array(size(context.types.output.shape));
    pairs(count, (pair, i, j) => {
      for (let k = 0; k < n; k++) out[pair * n + k] = x![i * n + k]! - x![j * n + k]!;
    });
    return out;
  },
  pairSums(context, [x]) {
    const [count, n] = rivals(context, "output");
    const out = new Float64Array(count * n);
    pairs(count, (pair, i, j) => {
      for (let k = 0; k < n; k++) {
        out[i * n + k]! += x![pair * n + k]!;
        out[j * n + k]! -= x![pair * n + k]!;
      }
    });
    return out;
  },
  winners(context, [less]) {
    const [count, n] = rivals(context, "output");
    const out = new Float64Array(count * n).fill(1);
    pairs(count, (pair, i, j) => {
      for (let k = 0; k < n; k++) {
        const bit = less![pair * n + k]!;
        out[i * n + k]! *= 1 - bit;
        out[j * n + k]! *= bit;
      }
    });
    return out;
  },
  pickOne(context, [bits, x]) {
    const [count, n] = rivals(context);
    const out = new Float64Array(n);
    for (let i = 0; i < count; i++) for (let k = 0; k < n; k++) out[k]! += bits![i * n + k]! * x![i * n + k]!;
    return out;
  },
  position(context, [bits]) {
    const [count, n] = rivals(context);
    const out = new Float64Array(n);
    for (let i = 0; i < count; i++) for (let k = 0; k < n; k++) out[k]! += i * bits![i * n + k]!;
    return out;
  },
};
