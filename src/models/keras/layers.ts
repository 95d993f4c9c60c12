/**
 * Layers of Keras as layers of nn/. Images have channels last in Keras: weights are turned once, at import, and values lie as they
 * were computed until a layer asks for Keras's order.
 */
import * as nn from "../../nn/index.js";
import { size } from "../../ring/index.js";
import { concat, type Tensor } from "../../tensor/index.js";
import { checkWeights } from "../limits.js";
import type { Numbers } from "../numbers.js";
import { activationNamed } from "./activations.js";
import type { Config } from "./config.js";
import { type LayerTable, type Made, type Making, mostPerAxis } from "./making.js";
import { recurrentLayers } from "./recurrent.js";
import { turned } from "./turn.js";
import { Value } from "./value.js";
import { onImages, windowLayers } from "./windows.js";

const loaded = <P extends nn.Part>(part: P, state: Record<string, Numbers | Float64Array | undefined>): P => {
  const given = Object.entries(state).filter((entry) => entry[1] !== undefined) as [string, Numbers | Float64Array][];
  return part.loadStateDict(
    Object.fromEntries(given.map(([key, value]) => [key, value instanceof Float64Array ? value : value.data])),
  );
};
const partOf = (children: Record<string, nn.Parameter>): nn.Part => nn.module(children, (x) => x);
const only = (record: (x: Value) => Value): Made => ({ record });

function dense(m: Making): Made {
  const units = m.whole("units");
  const kernel = m.weight("kernel", undefined, units);
  const part = nn.linear(kernel.shape[0]!, units, { bias: m.flag("use_bias", true) });
  loaded(part, { weight: turned(kernel, [1, 0]), bias: m.bias(units) });
  const act = m.activation;
  return { part, record: (x) => act(new Value(part(x.keras))) };
}

/** The axis of a value's channels: the last one, or axis 1. */
function onChannels(m: Making, apply: (x: Tensor) => Tensor): Made["record"] {
  const [axis] = [m.config.axis ?? -1].flat();
  return (x) => {
    const rank = x.shape.length;
    const at = typeof axis === "number" && axis < 0 ? axis + rank : axis;
    if (at === rank - 1) return new Value(apply(x.first), rank > 2);
    return at === 1 ? new Value(apply(x.keras)) : m.refuse(`axis ${axis}`);
  };
}
/** A normalisation that was made a scale and a shift, or that trains on with running statistics. */
function batchNorm(m: Making): Made {
  if (m.flag("folded")) {
    const [scale, shift] = [m.weight("scale", undefined), m.weight("shift", undefined)];
    const part = partOf({
      weight: new nn.Parameter(scale.shape, () => scale.data),
      bias: new nn.Parameter(shift.shape, () => shift.data),
    });
    const column = (key: string, x: Tensor) =>
      part.named
        .get(key)!
        .in(x.graph)
        .reshape(-1, ...x.shape.slice(2).map(() => 1));
    return { part, record: onChannels(m, (x) => x.mul(column("weight", x)).add(column("bias", x))) };
  }
  const scale = m.flag("scale", true) ? m.weight("gamma", undefined) : undefined;
  const center = m.flag("center", true) ? m.weight("beta", undefined) : undefined;
  const mean = m.weight("moving_mean", undefined);
  const variance = m.weight("moving_variance", mean.size);
  const features = mean.size;
  const part = nn.batchNorm2d(features, { eps: m.number("epsilon", 1e-3), momentum: 1 - m.number("momentum", 0.99) });
  loaded(part, {
    weight: scale ?? new Float64Array(features).fill(1),
    bias: center ?? new Float64Array(features),
    running_mean: mean,
    running_var: variance,
  });
  const asImage = (x: Tensor) => (x.shape.length === 4 ? x : x.reshape(x.shape[0]!, x.shape[1]!, -1, 1));
  return { part, record: onChannels(m, (x) => part(asImage(x)).reshape(...x.shape)) };
}
function layerNorm(m: Making): Made {
  const axes = [m.config.axis ?? -1].flat() as number[];
  const gamma = m.flag("scale", true) ? m.weight("gamma", ...axes.map(() => undefined)) : undefined;
  const beta = m.flag("center", true) ? m.weight("beta", ...axes.map(() => undefined)) : undefined;
  const shape = gamma?.shape ?? beta?.shape ?? m.refuse("neither scale nor center");
  const part = nn.layerNorm(shape, { eps: m.number("epsilon", 1e-3) });
  loaded(part, {
    weight: gamma ?? new Float64Array(size(shape)).fill(1),
    bias: beta ?? new Float64Array(size(shape)),
  });
  return {
    part,
    record(x) {
      const rank = x.shape.length;
      if (axes.some((axis, i) => (axis < 0 ? axis + rank : axis) !== rank - axes.length + i)) m.refuse(`axes ${axes}`);
      return new Value(part(x.keras));
    },
  };
}
function embedding(m: Making): Made {
  const [rows, width] = [m.whole("input_dim"), m.whole("output_dim")];
  const part = nn.embedding(rows, width);
  loaded(part, { weight: m.weight("embeddings", rows, width) });
  return { part, record: (x) => new Value(part(x.keras)) };
}

/** Of several values of one shape, in the order in which they all lie, or else in Keras's. */
const merging =
  (apply: (x: Tensor, y: Tensor) => Tensor, finish: (x: Tensor, n: number) => Tensor = (x) => x) =>
  (): Made => ({
    record(...values) {
      const alike = values.every(
        ({ channelsFirst, shape }) => channelsFirst && shape.length === values[0]!.shape.length,
      );
      const tensors = values.map((value) => (alike ? value.stored : value.keras));
      return new Value(finish(tensors.reduce(apply), values.length), alike);
    },
  });
const add = (x: Tensor, y: Tensor) => x.add(y);

function concatenate(m: Making): Made {
  const axis = m.number("axis", -1);
  return {
    record(...values) {
      const rank = values[0]!.shape.length;
      if (axis === -1 && rank > 2 && values.every(({ channelsFirst }) => channelsFirst))
        return new Value(
          concat(
            values.map(({ stored }) => stored),
            1,
          ),
          true,
        );
      return new Value(
        concat(
          values.map(({ keras }) => keras),
          axis < 0 ? axis + rank : axis,
        ),
      );
    },
  };
}

/** [[before, after], …] of the spatial axes, from one number, one for each axis, or pairs. */
function sides(m: Making, key: string, rank: number): number[][] {
  const value = m.config[key];
  if (typeof value === "number") return new Array<number[]>(rank).fill([value, value]);
  const list = Array.isArray(value) ? (rank === 1 && value.length === 2 ? [value] : value) : [];
  const pairs = list.map((each) => (Array.isArray(each) ? (each as number[]) : [each as number, each as number]));
  if (pairs.length !== rank || pairs.flat().some((n) => !Number.isInteger(n) || n < 0 || n > mostPerAxis))
    m.refuse(`${key} is ${String(value)}`);
  return pairs;
}
const padded =
  (rank: number, key: string, sign: 1 | -1) =>
  (m: Making): Made => {
    const pairs = sides(m, key, rank);
    const widths = [...pairs].reverse().flat();
    return { record: onImages(m, (x) => x.pad(widths.map((n) => (n === 0 ? 0 : sign * n)))) };
  };
const enlarged =
  (rank: number) =>
  (m: Making): Made => {
    const factors = rank === 1 ? [m.whole("size", 2)] : m.ints("size", rank, 2);
    if (m.text("interpolation", "nearest") !== "nearest") m.refuse("interpolation other than nearest");
    return {
      record: onImages(m, (x) =>
        factors.reduce((value, factor, i) => {
          const n = value.shape[2 + i]! * factor;
          if (n > 2 ** 20) m.refuse(`an axis of ${n} elements`);
          return value.indexSelect(
            2 + i,
            Array.from({ length: n }, (_, at) => Math.floor(at / factor)),
          );
        }, x),
      ),
    };
  };
function reshape(m: Making): Made {
  const target = m.config.target_shape;
  if (!Array.isArray(target) || !target.every((d) => Number.isInteger(d) && d >= -1)) return m.refuse("target_shape");
  return only((x) => new Value(x.keras.reshape(x.shape[0]!, ...fill(target as number[], size(x.shape.slice(1))))));
}
const fill = (target: readonly number[], all: number): number[] => {
  const known = target.reduce((n, d) => (d === -1 ? n : n * d), 1);
  return target.map((d) => (d === -1 ? all / known : d));
};
function permute(m: Making): Made {
  const dims = m.config.dims;
  if (!Array.isArray(dims)) return m.refuse("dims");
  return only((x) => new Value(x.keras.transpose(0, ...(dims as number[]))));
}
function prelu(m: Making): Made {
  const alpha = m.weights[0]?.shape ?? m.refuse("no alpha");
  const weight = m.weight("alpha", ...alpha);
  const own = { weight: new nn.Parameter(weight.shape, () => weight.data) };
  return {
    part: partOf(own),
    record(x) {
      const value = x.keras;
      const positive = value.relu();
      return new Value(positive.add(value.sub(positive).mul(own.weight)));
    },
  };
}
function normalization(m: Making): Made {
  const given = (key: string) => {
    const value = m.config[key];
    return Array.isArray(value) ? Float64Array.from(value.flat(9) as number[]) : undefined;
  };
  const mean = given("mean") ?? m.weights[0]?.data ?? m.refuse("no mean");
  const variance = given("variance") ?? m.weights[1]?.data ?? m.refuse("no variance");
  const factors = variance.map((v) => 1 / Math.max(Math.sqrt(v), 1e-7));
  const shift = mean.map((v, i) => -v * factors[i]!);
  checkWeights(`importKeras: ${m.name}`, factors);
  const own = {
    weight: new nn.Parameter([factors.length], () => factors),
    bias: new nn.Parameter([shift.length], () => shift),
  };
  return { part: partOf(own), record: (x) => new Value(x.keras.mul(own.weight).add(own.bias)) };
}
const dropping = (m: Making): Made => {
  const rate = m.number("rate", 0);
  if (rate > 0.9) m.refuse(`dropping ${rate} of the values: at most 0.9`);
  const part = nn.dropout(rate);
  return { part, record: (x) => x.map((value) => part(value)) };
};
const same = (): Made => only((x) => x);
const pointwise =
  (name: string, options: (m: Making) => Config) =>
  (m: Making): Made =>
    only(activationNamed(m, name, options(m)));

export const layers: LayerTable = {
  Dense: dense,
  ...windowLayers,
  Flatten: () => only((x) => new Value(x.keras.reshape(x.shape[0]!, -1))),
  Reshape: reshape,
  Permute: permute,
  ZeroPadding1D: padded(1, "padding", 1),
  ZeroPadding2D: padded(2, "padding", 1),
  Cropping1D: padded(1, "cropping", -1),
  Cropping2D: padded(2, "cropping", -1),
  UpSampling1D: enlarged(1),
  UpSampling2D: enlarged(2),
  RepeatVector: (m) => {
    const n = m.whole("n");
    return only((x) => new Value(x.keras.unsqueeze(1).expand(x.shape[0]!, n, x.shape[1]!)));
  },
  Activation: (m) => only(m.activation),
  ReLU: pointwise("ReLU", (m) => m.config),
  LeakyReLU: pointwise("leaky_relu", (m) => ({ negative_slope: m.config.negative_slope ?? m.config.alpha ?? 0.3 })),
  ELU: pointwise("elu", (m) => ({ alpha: m.config.alpha ?? 1 })),
  Softmax: (m) => {
    const axis = m.config.axis ?? -1;
    if (typeof axis !== "number") return m.refuse(`axis ${String(axis)}`);
    return only((x) => new Value(x.keras.softmax(axis)));
  },
  PReLU: prelu,
  Dropout: dropping,
  SpatialDropout1D: dropping,
  SpatialDropout2D: dropping,
  ActivityRegularization: same,
  GaussianNoise: same,
  GaussianDropout: same,
  AlphaDropout: same,
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  Normalization: normalization,
  Rescaling: (m) => {
    const [scale, offset] = [m.number("scale"), m.number("offset", 0)];
    return only((x) => x.map((value) => (offset === 0 ? value.mul(scale) : value.mul(scale).add(offset))));
  },
  Embedding: embedding,
  Add: merging(add),
  Subtract: merging((x, y) => x.sub(y)),
  Multiply: merging((x, y) => x.mul(y)),
  Average: merging(add, (x, n) => x.div(n)),
  Maximum: merging((x, y) => x.maximum(y)),
  Minimum: merging((x, y) => x.minimum(y)),
  Concatenate: concatenate,
  ...recurrentLayers,
};
