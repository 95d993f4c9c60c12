/** Convolutions and pools of Keras, whose weights are turned once, at import. */
import * as nn from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import type { Numbers } from "../numbers.js";
import {
  averagePool,
  convolve,
  convolveTransposed,
  globalPool,
  maxPool,
  samePadding,
  type Windows,
} from "../windows.js";
import type { LayerTable, Made, Making } from "./making.js";
import { turned } from "./turn.js";
import { Value } from "./value.js";

/** Parameters that a record of tensors takes itself. */
const held = (data: Float64Array, shape: readonly number[], bias: Numbers | undefined) => {
  const own = { weight: new nn.Parameter(shape, () => data) };
  return bias
    ? { ...own, bias: new nn.Parameter(bias.shape, () => bias.data) }
    : (own as { weight: nn.Parameter; bias?: nn.Parameter });
};
const partOf = (children: Record<string, nn.Parameter>): nn.Part => nn.module(children, (x) => x);
/** Padding of an image of this size. */
function windowsFor(m: Making, kernel: readonly number[], strides: readonly number[], dilations: readonly number[]) {
  const mode = m.text("padding", "valid").toLowerCase();
  if (!["valid", "same", "causal"].includes(mode)) m.refuse(`padding ${mode}`);
  const none = kernel.map(() => 0);
  return (x: Tensor): Windows => {
    const form = { kernel, strides, dilations };
    if (mode === "same") return { ...form, ...samePadding(x.shape.slice(2), form) };
    const before = mode === "causal" ? kernel.map((k, i) => dilations[i]! * (k - 1)) : none;
    return { ...form, before, after: none };
  };
}
/** Applied to images with channels first, whatever Keras's order is. */
export const onImages = (m: Making, apply: (x: Tensor) => Tensor): Made["record"] => {
  const first = m.channelsFirst;
  return (x) => (first ? new Value(apply(x.keras)) : new Value(apply(x.first), true));
};

function convolution(rank: number) {
  return (m: Making): Made => {
    const [kernel, strides] = [m.ints("kernel_size", rank), m.ints("strides", rank, 1)];
    const [filters, groups] = [m.whole("filters"), m.whole("groups", 1)];
    const weight = m.weight("kernel", ...kernel, undefined, filters);
    const order = [rank + 1, rank, ...kernel.map((_, i) => i)];
    const own = held(
      turned(weight, order),
      order.map((axis) => weight.shape[axis]!),
      m.bias(filters),
    );
    const windows = windowsFor(m, kernel, strides, m.ints("dilation_rate", rank, 1));
    const act = m.activation;
    const record = onImages(m, (x) => convolve(x, own.weight, own.bias, windows(x), groups));
    return { part: partOf(own), record: (x) => act(record(x)) };
  };
}
/** Kernel [height, width, channels, multiplier] as filters [channels * multiplier, 1, height, width]. */
function depthwiseKernel(m: Making, kernel: readonly number[], what: string) {
  const multiplier = m.whole("depth_multiplier", 1);
  const weight = m.weight(what, ...kernel, undefined, multiplier);
  const rank = kernel.length;
  const filters = weight.shape[rank]! * multiplier;
  const data = turned(weight, [rank, rank + 1, ...kernel.map((_, i) => i)]);
  return { data, filters, channels: weight.shape[rank]!, shape: [filters, 1, ...kernel] };
}
function depthwise(rank: number) {
  return (m: Making): Made => {
    const [kernel, strides] = [m.ints("kernel_size", rank), m.ints("strides", rank, 1)];
    const { data, filters, channels, shape } = depthwiseKernel(m, kernel, "depthwise kernel");
    const own = held(data, shape, m.bias(filters));
    const windows = windowsFor(m, kernel, strides, m.ints("dilation_rate", rank, 1));
    const act = m.activation;
    const record = onImages(m, (x) => convolve(x, own.weight, own.bias, windows(x), channels));
    return { part: partOf(own), record: (x) => act(record(x)) };
  };
}
function separable(rank: number) {
  return (m: Making): Made => {
    const [kernel, strides, filters] = [m.ints("kernel_size", rank), m.ints("strides", rank, 1), m.whole("filters")];
    const deep = depthwiseKernel(m, kernel, "depthwise kernel");
    const ones = kernel.map(() => 1);
    const point = m.weight("pointwise kernel", ...ones, deep.filters, filters);
    const data = turned(point, [rank + 1, rank, ...kernel.map((_, i) => i)]);
    const pointwise = held(data, [filters, deep.filters, ...ones], m.bias(filters));
    const own = { depthwise: new nn.Parameter(deep.shape, () => deep.data), ...pointwise };
    const windows = windowsFor(m, kernel, strides, m.ints("dilation_rate", rank, 1));
    const zeros = kernel.map(() => 0);
    const plain: Windows = { kernel: ones, strides: ones, dilations: ones, before: zeros, after: zeros };
    const act = m.activation;
    const record = onImages(m, (x) => {
      const each = convolve(x, own.depthwise, undefined, windows(x), deep.channels);
      return convolve(each, own.weight, own.bias, plain, 1);
    });
    return { part: partOf(own), record: (x) => act(record(x)) };
  };
}
function transposedConvolution(rank: number) {
  return (m: Making): Made => {
    const [kernel, strides, filters] = [m.ints("kernel_size", rank), m.ints("strides", rank, 1), m.whole("filters")];
    const dilations = m.ints("dilation_rate", rank, 1);
    if (m.config.output_padding != null) m.refuse("output_padding");
    const weight = m.weight("kernel", ...kernel, filters, undefined);
    const order = [rank + 1, rank, ...kernel.map((_, i) => i)];
    const own = held(
      turned(weight, order),
      order.map((axis) => weight.shape[axis]!),
      m.bias(filters),
    );
    const same = m.text("padding", "valid") === "same";
    const act = m.activation;
    const record = onImages(m, (x) => {
      const lengths = x.shape.slice(2);
      const reach = kernel.map((k, i) => dilations[i]! * (k - 1) + 1);
      const whole = lengths.map((n, i) => (n - 1) * strides[i]! + reach[i]!);
      const wanted = lengths.map((n, i) => n * strides[i]! + (same ? 0 : Math.max(0, reach[i]! - strides[i]!)));
      const total = whole.map((n, i) => n - wanted[i]!);
      const before = total.map((n) => (n > 0 ? Math.floor(n / 2) : 0));
      const form = { kernel, strides, dilations, before, after: total.map((n, i) => n - before[i]!) };
      return convolveTransposed(x, own.weight, own.bias?.in(x.graph), form, 1);
    });
    return { part: partOf(own), record: (x) => act(record(x)) };
  };
}

const pooling =
  (rank: number, apply: (x: Tensor, form: Windows) => Tensor) =>
  (m: Making): Made => {
    const kernel = m.ints("pool_size", rank, 2);
    const strides = m.config.strides == null ? kernel : m.ints("strides", rank);
    const windows = windowsFor(
      m,
      kernel,
      strides,
      kernel.map(() => 1),
    );
    const record = onImages(m, (x) => apply(x, windows(x)));
    // Of the layer before, if it commutes; see import.ts.
    const act = m.activation;
    return { record: (x) => act(record(x)) };
  };
const globalPooling =
  (kind: "mean" | "max") =>
  (m: Making): Made => {
    const keep = m.flag("keepdims");
    const first = m.channelsFirst;
    return {
      record(x) {
        const pooled = globalPool(first ? x.keras : x.first, kind);
        const ones = x.shape.slice(2).map(() => 1);
        if (!keep) return new Value(pooled);
        const [batch, channels] = pooled.shape as [number, number];
        return new Value(first ? pooled.reshape(batch, channels, ...ones) : pooled.reshape(batch, ...ones, channels));
      },
    };
  };

const average = (x: Tensor, form: Windows) => averagePool(x, form, false);

export const windowLayers: LayerTable = {
  Conv1D: convolution(1),
  Conv2D: convolution(2),
  DepthwiseConv1D: depthwise(1),
  DepthwiseConv2D: depthwise(2),
  SeparableConv1D: separable(1),
  SeparableConv2D: separable(2),
  Conv1DTranspose: transposedConvolution(1),
  Conv2DTranspose: transposedConvolution(2),
  MaxPooling1D: pooling(1, (x, form) => maxPool(x, form)),
  MaxPooling2D: pooling(2, (x, form) => maxPool(x, form)),
  AveragePooling1D: pooling(1, average),
  AveragePooling2D: pooling(2, average),
  GlobalAveragePooling1D: globalPooling("mean"),
  GlobalAveragePooling2D: globalPooling("mean"),
  GlobalMaxPooling1D: globalPooling("max"),
  GlobalMaxPooling2D: globalPooling("max"),
};
