/** Pooling operators of ONNX. */
import { avgPool1d, avgPool2d, maxPool1d, maxPool2d, type Tensor } from "../../../tensor/index.js";
import { Numbers } from "../../numbers.js";
import type { Call, OperatorTable } from "../call.js";
import { paddingOf, type Spatial, spatialOf, torchPads } from "../spatial.js";

/** Below everything that an image may hold, and a whole number. */
const lowest = -(2 ** 15 - 1);

function windows(call: Call): Spatial {
  const size = call.shape(0).slice(2);
  if (size.length !== 1 && size.length !== 2) call.refuse(`${size.length} spatial axes`);
  return spatialOf(call, size, call.ints("kernel_shape") ?? call.refuse("no kernel_shape"));
}
const perAxis = (values: readonly number[]) => (values.length === 1 ? values[0]! : values);
/** Pooling itself pads by at most half of a window. */
const smallPadding = (form: Spatial) => {
  const both = paddingOf(form);
  return both?.every((n, i) => 2 * n <= form.kernel[i]!) ? both : undefined;
};

function maxPool(call: Call): Tensor {
  const form = windows(call);
  const x = call.tensor(0);
  const both = smallPadding(form);
  const padded = both ? x : x.pad(torchPads(form.before, form.after), lowest);
  return (form.kernel.length === 1 ? maxPool1d : maxPool2d)(padded, perAxis(form.kernel), {
    stride: perAxis(form.strides),
    dilation: perAxis(form.dilations),
    padding: both ? perAxis(both) : 0,
    ceilMode: call.flag("ceil_mode"),
  });
}

function averagePool(call: Call): Tensor {
  const form = windows(call);
  const { kernel, strides, size, before, after } = form;
  if (form.dilations.some((step) => step !== 1)) call.refuse("dilated windows of an average");
  const apply = kernel.length === 1 ? avgPool1d : avgPool2d;
  const [all, ceilMode] = [call.flag("count_include_pad"), call.flag("ceil_mode")];
  const both = smallPadding(form);
  const stride = perAxis(strides);
  if (both)
    return apply(call.tensor(0), perAxis(kernel), { stride, padding: perAxis(both), countIncludePad: all, ceilMode });
  // Means over padded windows, then by how many elements each window should have counted.
  const padded = call.tensor(0).pad(torchPads(before, after));
  const means = apply(padded, perAxis(kernel), {
    stride,
    ceilMode,
    divisorOverride: kernel.reduce((n, k) => n * k, 1),
  });
  const counts = kernel.map((k, i) =>
    Array.from({ length: means.shape[2 + i]! }, (_, at) => {
      const start = at * strides[i]! - before[i]!;
      const [low, high] = all ? [-before[i]!, size[i]! + after[i]!] : [0, size[i]!];
      return k / Math.max(1, Math.min(start + k, high) - Math.max(start, low));
    }),
  );
  const [rows, columns = [1]] = counts as [number[], number[]?];
  const table = rows.flatMap((row) => columns.map((column) => row * column));
  if (table.every((value) => value === 1)) return means;
  return means.mul(new Numbers(means.shape.slice(2), Float64Array.from(table)).values());
}

const spatialAxes = (x: Tensor): number[] => x.shape.slice(2).map((_, i) => i + 2);

export const pooling: OperatorTable = {
  MaxPool: { refuses: (a) => (a.node.outputs[1] ? "its positions are asked for" : undefined), record: maxPool },
  AveragePool: { record: averagePool },
  GlobalAveragePool: { record: (call) => call.tensor(0).mean(spatialAxes(call.tensor(0)), true) },
  GlobalMaxPool: {
    record(call) {
      const x = call.tensor(0);
      const [batch, channels, ...rest] = x.shape as [number, number, ...number[]];
      return x
        .reshape(batch, channels, -1)
        .max(2)
        .reshape(batch, channels, ...rest.map(() => 1));
    },
  },
};
