/** Operators of ONNX along axes: sums, extremes, softmax, sorting. */
import type { Tensor } from "../../../tensor/index.js";
import type { Call, OperatorTable } from "../call.js";

/** Sorting lists who is compared with whom. */
const mostSorted = 2 ** 16;

/** Axes by input or by attribute; none means all, or, if the file says so, no reduction. */
function reduced(call: Call, apply: (x: Tensor, axes: readonly number[], keep: boolean) => Tensor): Tensor {
  const x = call.tensor(0);
  const given = call.list(1) ?? call.ints("axes");
  const keep = call.flag("keepdims", true);
  if ((given === undefined || given.length === 0) && call.flag("noop_with_empty_axes")) return x;
  const axes = given && given.length > 0 ? call.axes(given, x.shape.length)! : x.shape.map((_, i) => i);
  return apply(x, axes, keep);
}
const reduction = (apply: (x: Tensor, axes: readonly number[], keep: boolean) => Tensor) => ({
  structure: [1],
  record: (call: Call) => reduced(call, apply),
});
/** Over one axis after the other, for what knows only one. */
const axisByAxis = (apply: (x: Tensor, axis: number) => Tensor) =>
  reduction((x, axes, keep) => {
    const over = axes.reduce((value, axis) => apply(value, axis), x);
    return keep ? over : over.reshape(...x.shape.filter((_, axis) => !axes.includes(axis)));
  });
const numeric = (x: Tensor): Tensor => (x.ref.type.kind === "bits" ? x.add(0) : x);

function position(call: Call, find: (x: Tensor, axis: number, keep: boolean) => Tensor): Tensor {
  const x = call.tensor(0);
  const axis = call.axis("axis", 0, x.shape.length);
  const keep = call.flag("keepdims", true);
  if (!call.flag("select_last_index")) return find(x, axis, keep);
  return find(x.flip(axis), axis, keep)
    .neg()
    .add(x.shape[axis]! - 1);
}

/** Before version 13 everything from the axis on is one row. */
function alongRow(call: Call, apply: (x: Tensor, axis: number) => Tensor): Tensor {
  const x = call.tensor(0);
  if (call.opset >= 13) return apply(x, call.axis("axis", -1, x.shape.length));
  const axis = call.axis("axis", 1, x.shape.length);
  const rows = x.shape.slice(0, axis).reduce((n, length) => n * length, 1);
  return apply(x.reshape(rows, -1), 1).reshape(...x.shape);
}

export const reductions: OperatorTable = {
  ReduceSum: reduction((x, axes, keep) => x.sum(axes, keep)),
  ReduceMean: reduction((x, axes, keep) => x.mean(axes, keep)),
  ReduceSumSquare: reduction((x, axes, keep) => x.square().sum(axes, keep)),
  ReduceL1: reduction((x, axes, keep) => x.norm(1, axes, keep)),
  ReduceL2: reduction((x, axes, keep) => x.norm(2, axes, keep)),
  ReduceLogSum: reduction((x, axes, keep) => x.sum(axes, keep).log()),
  ReduceMax: axisByAxis((x, axis) => x.max(axis, true)),
  ReduceMin: axisByAxis((x, axis) => x.min(axis, true)),
  ReduceProd: axisByAxis((x, axis) => x.prod(axis, true)),
  ReduceLogSumExp: axisByAxis((x, axis) => x.logSumExp(axis, true)),
  ArgMax: { record: (call) => position(call, (x, axis, keep) => x.argmax(axis, keep)) },
  ArgMin: { record: (call) => position(call, (x, axis, keep) => x.argmin(axis, keep)) },
  Softmax: { record: (call) => alongRow(call, (x, axis) => x.softmax(axis)) },
  LogSoftmax: { record: (call) => alongRow(call, (x, axis) => x.logSoftmax(axis)) },
  Hardmax: { record: (call) => alongRow(call, (x, axis) => numeric(x.argmax(axis, false, true))) },
  TopK: {
    structure: [1],
    record(call) {
      const x = call.tensor(0);
      const k = call.number(1) ?? call.int("k") ?? call.refuse("no k");
      const axis = call.axis("axis", -1, x.shape.length);
      if (x.shape[axis]! > mostSorted) call.refuse(`an axis of ${x.shape[axis]} elements to be sorted`);
      const sorted = x.topk(k, axis, call.flag("largest", true));
      return call.node.outputs[1] ? [sorted.values, sorted.indices] : sorted.values;
    },
  },
  CumSum: {
    structure: [1],
    record(call) {
      const x = call.tensor(0);
      const axis = call.axes([call.number(1)!], x.shape.length)![0]!;
      const turned = call.flag("reverse") ? x.flip(axis) : x;
      const sums = turned.cumsum(axis);
      const own = call.flag("exclusive") ? sums.sub(turned) : sums;
      return call.flag("reverse") ? own.flip(axis) : own;
    },
  },
};
