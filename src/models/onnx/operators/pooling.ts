/** Pooling operators of ONNX. */
import type { Tensor } from "../../../tensor/index.js";
import { averagePool, globalPool, maxPool } from "../../windows.js";
import type { Call, OperatorTable } from "../call.js";
import { type Spatial, spatialOf } from "../spatial.js";

function windows(call: Call): Spatial {
  const size = call.shape(0).slice(2);
  if (size.length !== 1 && size.length !== 2) call.refuse(`${size.length} spatial axes`);
  return spatialOf(call, size, call.ints("kernel_shape") ?? call.refuse("no kernel_shape"));
}

function average(call: Call): Tensor {
  const form = windows(call);
  if (form.dilations.some((step) => step !== 1)) call.refuse("dilated windows of an average");
  return averagePool(call.tensor(0), form, call.flag("count_include_pad"), call.flag("ceil_mode"));
}

const global = (kind: "mean" | "max") => ({
  record(call: Call): Tensor {
    const x = call.tensor(0);
    return globalPool(x, kind).reshape(...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1));
  },
});

export const pooling: OperatorTable = {
  MaxPool: {
    refuses: (a) => (a.node.outputs[1] ? "its positions are asked for" : undefined),
    record: (call) => maxPool(call.tensor(0), windows(call), call.flag("ceil_mode")),
  },
  AveragePool: { record: average },
  GlobalAveragePool: global("mean"),
  GlobalMaxPool: global("max"),
};
