/**
 * Convolutions and pools whose padding may differ from side to side, as ONNX and TensorFlow have it, made of those of tensors, where
 * it does not.
 */

import { ShapeError } from "../errors.js";
import {
  avgPool1d,
  avgPool2d,
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
  maxPool1d,
  maxPool2d,
  type Operand,
  type Tensor,
} from "../tensor/index.js";
import { Numbers } from "./numbers.js";

/** Along one or two spatial axes. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** So that there are as many windows as strides in the image, an odd zero behind ("upper") or in front. */
export function samePadding(
  size: readonly number[],
  { kernel, strides, dilations }: Omit<Windows, "before" | "after">,
  upper = true,
): Pick<Windows, "before" | "after"> {
  const total = size.map((length, i) => {
    const reach = dilations[i]! * (kernel[i]! - 1) + 1;
    return Math.max(0, (Math.ceil(length / strides[i]!) - 1) * strides[i]! + reach - length);
  });
  const before = total.map((n) => (upper ? Math.floor(n / 2) : Math.ceil(n / 2)));
  return { before, after: total.map((n, i) => n - before[i]!) };
}

/** The padding of both sides, if they are alike. */
function evenPadding({ before, after }: Windows): readonly number[] | undefined {
  return before.every((n, i) => n === after[i] && n >= 0) ? before : undefined;
}
/** In the order of Tensor.pad: the last axis first. */
export function torchPads(before: readonly number[], after: readonly number[]): number[] {
  return before.flatMap((_, i) => [before.at(-1 - i)!, after.at(-1 - i)!]);
}
const perAxis = (values: readonly number[]) => (values.length === 1 ? values[0]! : values);

/** x [batch, channels, ...], weight [filters, channels / groups, ...]. */
export function convolve(x: Tensor, weight: Operand, bias: Operand | undefined, form: Windows, groups: number): Tensor {
  const even = evenPadding(form);
  const padded = even ? x : x.pad(torchPads(form.before, form.after));
  return (form.kernel.length === 1 ? conv1d : conv2d)(padded, weight, bias, {
    stride: perAxis(form.strides),
    dilation: perAxis(form.dilations),
    padding: even ? perAxis(even) : 0,
    groups,
  });
}

/** The whole transpose, of which `before` and `after` are taken off; less than 0 adds zeros. weight [channels, filters / groups, ...]. */
export function convolveTransposed(
  x: Tensor,
  weight: Operand,
  bias: Tensor | undefined,
  form: Windows,
  groups: number,
): Tensor {
  const cut = torchPads(form.before, form.after).map((n) => (n === 0 ? 0 : -n));
  const late = cut.some((n) => n > 0);
  const whole = (form.kernel.length === 1 ? convTranspose1d : convTranspose2d)(x, weight, late ? undefined : bias, {
    stride: perAxis(form.strides),
    dilation: perAxis(form.dilations),
    groups,
  });
  const product = cut.every((n) => n === 0) ? whole : whole.pad(cut);
  return late && bias ? product.add(bias.reshape(-1, ...form.kernel.map(() => 1))) : product;
}

/** Below everything that an image may hold, and a whole number. */
const lowest = -(2 ** 15 - 1);
/** Pooling itself pads by at most half of a window. */
const smallPadding = (form: Windows) => {
  const even = evenPadding(form);
  return even?.every((n, i) => 2 * n <= form.kernel[i]!) ? even : undefined;
};

/** Each element of a window that overlaps others is a value of the plan; larger windows are nobody's. */
const mostPerWindow = 2 ** 12;

export function maxPool(x: Tensor, form: Windows, ceilMode = false): Tensor {
  const elements = form.kernel.reduce((n, k) => n * k, 1);
  if (elements > mostPerWindow)
    throw new ShapeError(
      `maxPool: expected windows of at most ${mostPerWindow} elements, got [${form.kernel}]; try a smaller kernel`,
    );
  const even = smallPadding(form);
  const padded = even ? x : x.pad(torchPads(form.before, form.after), lowest);
  return (form.kernel.length === 1 ? maxPool1d : maxPool2d)(padded, perAxis(form.kernel), {
    stride: perAxis(form.strides),
    dilation: perAxis(form.dilations),
    padding: even ? perAxis(even) : 0,
    ceilMode,
  });
}

/** `countPad`: zeros of the padding are elements. Windows are not dilated. */
export function averagePool(x: Tensor, form: Windows, countPad: boolean, ceilMode = false): Tensor {
  const { kernel, strides, before, after } = form;
  const apply = kernel.length === 1 ? avgPool1d : avgPool2d;
  const [stride, even] = [perAxis(strides), smallPadding(form)];
  if (even) return apply(x, perAxis(kernel), { stride, padding: perAxis(even), countIncludePad: countPad, ceilMode });
  // Means over padded windows, then by how many elements each window should have counted.
  const size = x.shape.slice(2);
  const elements = kernel.reduce((n, k) => n * k, 1);
  const means = apply(x.pad(torchPads(before, after)), perAxis(kernel), {
    stride,
    ceilMode,
    divisorOverride: elements,
  });
  const counts = kernel.map((k, i) =>
    Array.from({ length: means.shape[2 + i]! }, (_, at) => {
      const start = at * strides[i]! - before[i]!;
      const [low, high] = countPad ? [-before[i]!, size[i]! + after[i]!] : [0, size[i]!];
      return k / Math.max(1, Math.min(start + k, high) - Math.max(start, low));
    }),
  );
  const [rows, columns = [1]] = counts as [number[], number[]?];
  const table = rows.flatMap((row) => columns.map((column) => row * column));
  if (table.every((value) => value === 1)) return means;
  return means.mul(new Numbers(means.shape.slice(2), Float64Array.from(table)).values());
}

/** [batch, channels, ...] -> [batch, channels], the mean or the largest over all places. */
export function globalPool(x: Tensor, kind: "mean" | "max"): Tensor {
  const flat = x.reshape(x.shape[0]!, x.shape[1]!, -1);
  return kind === "mean" ? flat.mean(2) : flat.max(2);
}
