/** The benchmarks' networks in float64, to compute errors against, and the recorded SGD step. Not timed. */
import * as build from "../src/ops/build.js";
import type { Ref } from "../src/ops/index.js";
import { differentiate, type Recorder } from "../src/plan/index.js";
import type { Given } from "./values.js";

export function matmul(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    let p = 0;
    for (; p + 1 < k; p += 2) {
      const [x, y] = [a[i * k + p]!, a[i * k + p + 1]!];
      for (let j = 0; j < n; j++) c[i * n + j]! += x * b[p * n + j]! + y * b[p * n + n + j]!;
    }
    if (p < k) for (let j = 0; j < n; j++) c[i * n + j]! += a[i * k + p]! * b[p * n + j]!;
  }
  return c;
}
export function transpose(a: Float64Array, rows: number, cols: number): Float64Array {
  return Float64Array.from({ length: rows * cols }, (_, i) => a[(i % rows) * cols + Math.floor(i / rows)]!);
}

/** Activations of every layer, before the last one's none. */
function activations(values: Record<string, Given>, widths: readonly number[], batch: number): Float64Array[] {
  const list = [values.x!.data];
  for (let i = 0; i + 1 < widths.length; i++) {
    const [inputs, outputs] = [widths[i]!, widths[i + 1]!];
    const z = matmul(list[i]!, transpose(values[`w${i}`]!.data, outputs, inputs), batch, inputs, outputs);
    const last = i + 2 === widths.length;
    list.push(
      z.map((value, at) => {
        const sum = value + values[`b${i}`]!.data[at % outputs]!;
        return last ? sum : Math.max(0, sum);
      }),
    );
  }
  return list;
}
export function forward(values: Record<string, Given>, widths: readonly number[], batch: number): Float64Array {
  return activations(values, widths, batch).at(-1)!;
}
/** Of a loss's mean over rows the derivative by the outputs, [batch, columns]. */
export type Slope = (outputs: Float64Array, target: Float64Array, batch: number) => Float64Array;
export const slopes = {
  mse: (outputs, target, batch) => outputs.map((value, i) => (2 * (value - target[i]!)) / batch),
  ce: (outputs, target, batch) =>
    softmax(outputs, outputs.length / batch).map((value, i) => (value - target[i]!) / batch),
} satisfies Record<string, Slope>;

export function trainStep(
  values: Record<string, Given>,
  widths: readonly number[],
  batch: number,
  lr: number,
  slope: Slope,
): Record<string, Float64Array> {
  const list = activations(values, widths, batch);
  let delta = slope(list.at(-1)!, values.t!.data, batch);
  const updated: Record<string, Float64Array> = {};
  for (let i = widths.length - 2; i >= 0; i--) {
    const [inputs, outputs] = [widths[i]!, widths[i + 1]!];
    const weight = values[`w${i}`]!.data;
    const gradient = matmul(transpose(delta, batch, outputs), list[i]!, outputs, batch, inputs);
    updated[`w${i}`] = weight.map((value, at) => value - lr * gradient[at]!);
    updated[`b${i}`] = values[`b${i}`]!.data.map((value, j) => {
      let sum = 0;
      for (let row = 0; row < batch; row++) sum += delta[row * outputs + j]!;
      return value - lr * sum;
    });
    delta = matmul(delta, weight, batch, outputs, inputs).map((value, at) => (list[i]![at]! > 0 ? value : 0));
  }
  return updated;
}

/** The step as optim.sgd records it, on plain references; the learning rate is a run-time scalar of 10 bits. */
export function recordSgd(
  b: Recorder,
  loss: Ref,
  values: Record<string, Ref>,
  layers: number,
  lr: number,
): Record<string, Ref> {
  const names = Array.from({ length: layers }, (_, i) => [`w${i}`, `b${i}`]).flat();
  const exponent = 9 - Math.floor(Math.log2(lr));
  // The rate's ten leading bits enter at the loss, the power of two at the weights, as in optim/sgd.ts.
  const rate = b.node("scalar", [], { slot: `lr:${Math.round(lr * 2 ** exponent)}`, exponent: 9 });
  const gradients = differentiate(
    b,
    loss,
    names.map((name) => values[name]!),
    rate,
  );
  return Object.fromEntries(
    names.map((name, i) => [
      name,
      build.sub(b, values[name]!, build.share(b, build.scaleBy(b, gradients[i]!, 2 ** (9 - exponent)))),
    ]),
  );
}

/** Along rows of `columns` numbers. */
export function softmax(x: Float64Array, columns: number): Float64Array {
  const result = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += columns) {
    const row = x.subarray(from, from + columns);
    const top = Math.max(...row);
    const powers = row.map((value) => Math.exp(value - top));
    const total = powers.reduce((sum, value) => sum + value, 0);
    result.set(
      powers.map((value) => value / total),
      from,
    );
  }
  return result;
}
