/** Standardising as a function of tensors. The layers that use it are in `nn/normalization.ts`. */
import { standardize as record } from "../functions/index.js";
import { normalizeAxis } from "../ring/index.js";
import { Tensor } from "./tensor.js";

/** (x - mean) / sqrt(variance + eps) over the axes, times `weight`, which has the shape of the means: kept axes have length 1. */
export function standardize(
  x: Tensor,
  axes: readonly number[],
  eps: number,
  weight?: Tensor,
): { output: Tensor; mean: Tensor; variance: Tensor } {
  const { graph, ref, shape } = x;
  const over = axes.map((axis) => normalizeAxis(axis, shape.length, "standardize"));
  const { output, mean, variance } = record(graph.recorder, ref, over, eps, weight?.ref);
  return { output: new Tensor(graph, output), mean: new Tensor(graph, mean), variance: new Tensor(graph, variance) };
}
