/** Normalisation operators of ONNX. Batch normalisation with constant statistics is folded before it comes here. */
import * as nn from "../../../nn/index.js";
import { standardize, type Tensor } from "../../../tensor/index.js";
import { checkWeights } from "../../limits.js";
import { keptNorm, scaleShift } from "../batch-norm.js";
import type { Call, OperatorTable } from "../call.js";

/** One number a channel, along axis 1. */
const column = (value: Tensor, rank: number): Tensor => value.reshape(-1, ...new Array<number>(rank - 2).fill(1));
const after = (x: Tensor, first: number): number[] => x.shape.map((_, i) => i).slice(first);

function affine(call: Call, x: Tensor, shape: (value: Tensor) => Tensor): Tensor {
  const scaled = call.given(1) ? x.mul(shape(call.tensor(1))) : x;
  return call.given(2) ? scaled.add(shape(call.tensor(2))) : scaled;
}

export const normalization: OperatorTable = {
  [scaleShift]: {
    record: (call) => affine(call, call.tensor(0), (value) => column(value, call.shape(0).length)),
  },
  [keptNorm]: {
    structure: [1, 2, 3, 4],
    record: (call) => call.refuse("no layer was made of it"),
    layer(a, [, scale, shift, mean, variance]) {
      const features = scale!.size;
      const norm = nn.batchNorm2d(features, { eps: a.float("epsilon", 1e-5), momentum: 1 - a.float("momentum", 0.9) });
      const state = { weight: scale!, bias: shift!, running_mean: mean!, running_var: variance! };
      for (const [key, { data }] of Object.entries(state)) checkWeights(`importOnnx: ${a.node.name}, ${key}`, data);
      norm.loadStateDict(Object.fromEntries(Object.entries(state).map(([key, { data }]) => [key, data])));
      return {
        part: norm,
        record(call) {
          const x = call.tensor(0);
          const image = x.shape.length === 4 ? x : x.reshape(x.shape[0]!, x.shape[1]!, -1, 1);
          return norm(image).reshape(...x.shape);
        },
      };
    },
  },
  /** With statistics that are computed: secret ones. */
  BatchNormalization: {
    refuses: (a) => (a.flag("training_mode") || a.node.outputs.slice(1).some(Boolean) ? "training mode" : undefined),
    record(call) {
      const [x, mean, variance] = [call.tensor(0), call.tensor(3), call.tensor(4)];
      const rank = x.shape.length;
      const scale = variance.add(call.float("epsilon", 1e-5)).rsqrt().mul(call.operand(1));
      const centred = x.sub(column(mean, rank));
      return centred.mul(column(scale, rank)).add(column(call.tensor(2), rank));
    },
  },
  InstanceNormalization: {
    record(call) {
      const x = call.tensor(0);
      const { output } = standardize(x, after(x, 2), call.float("epsilon", 1e-5));
      return affine(call, output, (value) => column(value, x.shape.length));
    },
  },
  LayerNormalization: {
    record(call) {
      const x = call.tensor(0);
      const axes = after(x, call.axis("axis", -1, x.shape.length));
      const eps = call.float("epsilon", 1e-5);
      const { output, mean, variance } = standardize(x, axes, eps);
      const scaled = affine(call, output, (value) => value);
      return call.node.outputs.length === 1 ? scaled : [scaled, mean, variance.add(eps).rsqrt()];
    },
  },
  GroupNormalization: {
    record(call) {
      const x = call.tensor(0);
      const [batch, channels] = x.shape as [number, number];
      const groups = call.int("num_groups", 1);
      const parts = x.reshape(batch, groups, -1);
      const output = standardize(parts, [2], call.float("epsilon", 1e-5)).output.reshape(...x.shape);
      // Version 18 scales groups, version 21 channels.
      const spread = (value: Tensor) => {
        const each = channels / value.size;
        const all = each === 1 ? value : value.reshape(-1, 1).expand(value.size, each).reshape(channels);
        return column(all, x.shape.length);
      };
      return affine(call, output, spread);
    },
  },
  MeanVarianceNormalization: {
    record(call) {
      const x = call.tensor(0);
      const axes = call.axes(call.ints("axes") ?? [0, 2, 3], x.shape.length)!;
      return standardize(x, axes, 1e-9).output;
    },
  },
};
