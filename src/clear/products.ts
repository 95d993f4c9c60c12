/** Float64 meanings of sums of products: matrices, Einstein sums of two factors, convolutions. */
import { type Shape, size, strides } from "../ring/index.js";
import type { Meanings, Reals } from "./meaning.js";
import { gathered } from "./moves.js";

type Some = Pick<Meanings, "matmul" | "einsum" | "convolve">;

/** Numbers of b that are used for all rows of a before the next ones: what a cache holds. */
const atOnce = 16_384;

/** out [m, n] += a [m, k] b [k, n]: four rows of b at a time, for two rows of a. */
function multiply(out: Reals, a: Reals, b: Reals, m: number, k: number, n: number): void {
  const block = Math.max(4, 4 * Math.floor(atOnce / (4 * Math.max(1, n))));
  for (let start = 0; start < k; start += block) {
    const end = Math.min(k, start + block);
    let i = 0;
    for (; i + 1 < m; i += 2) {
      let p = start;
      for (; p + 3 < end; p += 4) fourRows(out, a, b, i, p, k, n);
      for (; p < end; p++) for (const row of [i, i + 1]) oneRow(out, a, b, row, p, k, n);
    }
    for (; i < m; i++) for (let p = start; p < end; p++) oneRow(out, a, b, i, p, k, n);
  }
}
function fourRows(out: Reals, a: Reals, b: Reals, i: number, p: number, k: number, n: number): void {
  const [at, next, from] = [i * k + p, i * k + k + p, p * n];
  const [w, x, y, z] = [a[at]!, a[at + 1]!, a[at + 2]!, a[at + 3]!];
  const [q, r, s, t] = [a[next]!, a[next + 1]!, a[next + 2]!, a[next + 3]!];
  const [to, below] = [i * n, i * n + n];
  for (let j = 0; j < n; j++) {
    const b0 = b[from + j]!;
    const b1 = b[from + n + j]!;
    const b2 = b[from + 2 * n + j]!;
    const b3 = b[from + 3 * n + j]!;
    out[to + j]! += w * b0 + x * b1 + y * b2 + z * b3;
    out[below + j]! += q * b0 + r * b1 + s * b2 + t * b3;
  }
}
function oneRow(out: Reals, a: Reals, b: Reals, i: number, p: number, k: number, n: number): void {
  const [factor, to, from] = [a[i * k + p]!, i * n, p * n];
  for (let j = 0; j < n; j++) out[to + j]! += factor * b[from + j]!;
}

type Pair = readonly [number, number];
interface Convolution {
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly spread: Pair;
  readonly padding: Pair;
  readonly size: Pair;
}
/** For each output q and place k of the window along one axis: which element of the image it meets, or -1. */
function places(given: Convolution, axis: 0 | 1, kernel: number, length: number): Int32Array {
  const { stride, dilation, spread, padding, size: sizes } = given;
  const outputs = sizes[axis];
  const table = new Int32Array(kernel * outputs).fill(-1);
  for (let k = 0; k < kernel; k++)
    for (let q = 0; q < outputs; q++) {
      const at = q * stride[axis] + k * dilation[axis] - padding[axis];
      if (at >= 0 && at % spread[axis] === 0 && at / spread[axis] < length) table[k * outputs + q] = at / spread[axis];
    }
  return table;
}

export const products: Some = {
  matmul({ types }, [a, b]) {
    const [m, k] = types.inputs[0]!.shape as [number, number];
    const n = types.inputs[1]!.shape[1]!;
    const out = new Float64Array(m * n);
    multiply(out, a!, b!, m, k, n);
    return out;
  },
  einsum({ types }, [a, b], { axes }) {
    const [x, y, out] = axes.split(/,|->/).map((part) => [...part]) as [string[], string[], string[]];
    const lengths = new Map<string, number>();
    x.forEach((letter, axis) => {
      lengths.set(letter, types.inputs[0]!.shape[axis]!);
    });
    y.forEach((letter, axis) => {
      lengths.set(letter, types.inputs[1]!.shape[axis]!);
    });
    const shapeOf = (letters: readonly string[]): Shape => letters.map((letter) => lengths.get(letter)!);
    const laid = (value: Reals, own: readonly string[], wanted: readonly string[]) => {
      const steps = strides(shapeOf(own));
      return gathered(
        value,
        shapeOf(wanted),
        wanted.map((letter) => steps[own.indexOf(letter)]!),
      );
    };
    const batch = x.filter((letter) => y.includes(letter) && out.includes(letter));
    const summed = x.filter((letter) => y.includes(letter) && !out.includes(letter));
    const [rows, columns] = [x.filter((letter) => !y.includes(letter)), y.filter((letter) => !x.includes(letter))];
    const left = laid(a!, x, [...batch, ...rows, ...summed]);
    const right = laid(b!, y, [...batch, ...summed, ...columns]);
    const [m, k, n] = [rows, summed, columns].map((letters) => size(shapeOf(letters))) as [number, number, number];
    const made = new Float64Array(size(shapeOf([...batch, ...rows, ...columns])));
    for (let i = 0; i < size(shapeOf(batch)); i++)
      multiply(
        made.subarray(i * m * n, (i + 1) * m * n),
        left.subarray(i * m * k, (i + 1) * m * k),
        right.subarray(i * k * n, (i + 1) * k * n),
        ...([m, k, n] as const),
      );
    return laid(made, [...batch, ...rows, ...columns], out);
  },
  convolve({ types }, [x, w], given) {
    const [images, groups, channels, height, width] = types.inputs[0]!.shape as [
      number,
      number,
      number,
      number,
      number,
    ];
    const [, filters, , tall, wide] = types.inputs[1]!.shape as [number, number, number, number, number];
    const [rows, cols] = given.size;
    const [taps, outputs] = [channels * tall * wide, rows * cols];
    const [vertical, horizontal] = [places(given, 0, tall, height), places(given, 1, wide, width)];
    const out = new Float64Array(images * groups * filters * outputs);
    const windows = new Float64Array(taps * outputs);
    for (let image = 0; image < images; image++)
      for (let g = 0; g < groups; g++) {
        let to = 0;
        for (let c = 0; c < channels; c++) {
          const plane = ((image * groups + g) * channels + c) * height;
          for (let u = 0; u < tall; u++)
            for (let v = 0; v < wide; v++)
              for (let r = 0; r < rows; r++) {
                const y = vertical[u * rows + r]!;
                for (let q = 0; q < cols; q++) {
                  const z = horizontal[v * cols + q]!;
                  windows[to++] = y < 0 || z < 0 ? 0 : x![(plane + y) * width + z]!;
                }
              }
        }
        const at = (image * groups + g) * filters * outputs;
        multiply(
          out.subarray(at, at + filters * outputs),
          w!.subarray(g * filters * taps, (g + 1) * filters * taps),
          windows,
          ...([filters, taps, outputs] as const),
        );
      }
    return out;
  },
};
