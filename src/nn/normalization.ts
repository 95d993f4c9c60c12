/**
 * Normalisation layers: PyTorch's formulas, options, parameter and buffer names. What they share is `functions/standardize.ts`, which
 * says how inputs may vary.
 */
import { InputError, ShapeError } from "../errors.js";
import { checkOptions, type Names } from "../options.js";
import { type Shape, size } from "../ring/index.js";
import { type Graph, standardize, type Tensor } from "../tensor/index.js";
import { described, type Module, withParts } from "./module.js";
import { Buffer, Parameter } from "./parameter.js";

const filled = (shape: Shape, value: number) => () => new Float64Array(size(shape)).fill(value);
const ones = (...shape: number[]) => new Parameter(shape, filled(shape, 1));
const zeros = (...shape: number[]) => new Parameter(shape, filled(shape, 0));

export interface BatchNormOptions {
  readonly eps?: number;
  /** Of running statistics: how much a batch counts. Default 0.1. */
  readonly momentum?: number;
  /** With a weight and a bias. Default true. */
  readonly affine?: boolean;
  readonly trackRunningStats?: boolean;
}

const batchNormNames: Names<BatchNormOptions> = { eps: true, momentum: true, affine: true, trackRunningStats: true };

/** A batch normalisation layer, with what folding it into another layer needs. */
export interface BatchNorm extends Module {
  readonly running: Running | undefined;
  /** Whether the layer before does its work already, see fuseBatchNorm(). Set it where a fused model is resumed. */
  fused: boolean;
}
export interface Running {
  readonly mean: Buffer;
  readonly variance: Buffer;
  readonly eps: number;
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
}

/** Channels lie along axis 1. `axes`: those over which each channel is normalised. */
function normalised(
  features: number,
  options: BatchNormOptions,
  check: (x: Tensor) => readonly number[],
  perRow = false,
): BatchNorm {
  const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
  if (!(momentum > 0 && momentum <= 1))
    throw new InputError(`batchNorm: expected a momentum in (0, 1], got ${momentum}; try 0.1`);
  const weight = affine ? ones(features) : undefined;
  const bias = affine ? zeros(features) : undefined;
  const buffer = (value: number) => new Buffer([features], filled([features], value));
  const running: Running | undefined = trackRunningStats
    ? { mean: buffer(0), variance: buffer(1), eps, weight, bias }
    : undefined;

  function forward(x: Tensor): Tensor {
    const { graph } = x;
    const axes = check(x);
    if (self.fused) {
      if (!self.training) return x;
      throw new InputError("batchNorm: expected eval() of a fused layer, got training; try a model that was not fused");
    }
    const column = (vector: Tensor) => vector.reshape(...x.shape.map((length, axis) => (axis === 1 ? length : 1)));
    const own = (parameter: Parameter | undefined) => parameter && column(parameter.in(graph));
    if (running && !self.training) {
      const { scale, shift } = folded(running, x);
      return x.mul(column(scale)).add(column(shift));
    }
    const { output, mean, variance } = standardize(x, axes, eps, own(weight));
    if (running) {
      // The variance of a population of which the batch is a sample.
      const count = axes.reduce((n, axis) => n * x.shape[axis]!, 1);
      const pooled = (value: Tensor) => (perRow ? value.mean(0) : value).reshape(features);
      follow(running.mean, pooled(mean), momentum);
      follow(running.variance, pooled(variance).mul(count / (count - 1)), momentum);
    }
    return bias ? output.add(own(bias)!) : output;
  }
  const children = {
    ...(weight && bias ? { weight, bias } : {}),
    ...(running ? { running_mean: running.mean, running_var: running.variance } : {}),
  };
  const self: BatchNorm = Object.assign(withParts(forward, children), { running, fused: false });
  return perRow ? self : described(self, "batchNorm", { eps });
}

/**
 * Folds a trained batch normalisation into the linear or convolutional layer before it, for inference: that layer's weight and bias
 * become those of both, at the parties, and the normalisation does nothing any more. There is no way back: save() the model before.
 */
export function fuseBatchNorm(session: { readonly graph: Graph }, layer: Module, norm: BatchNorm): void {
  const { graph } = session;
  const [weight, bias] = [layer.named.get("weight"), layer.named.get("bias")];
  const { running } = norm;
  if (!weight || !bias || !running || weight.shape[0] !== running.mean.shape[0] || norm.fused)
    throw new InputError(
      "fuseBatchNorm: expected a linear or convolutional layer with a bias and a normalisation of its outputs with running statistics, got others; try the layer right before",
    );
  const { scale, shift } = folded(running, { graph });
  const column = scale.reshape(-1, ...new Array<number>(weight.shape.length - 1).fill(1));
  graph.write(weight, weight.in(graph).mul(column).ref);
  graph.write(bias, bias.in(graph).mul(scale).add(shift).ref);
  norm.fused = true;
}

/** buffer + momentum (value - buffer) */
function follow(buffer: Buffer, value: Tensor, momentum: number): void {
  const current = buffer.in(value.graph);
  buffer.write(current.add(value.sub(current).mul(momentum)));
}

/** What normalising by running statistics comes down to: x scale + shift, by channel. */
export function folded({ mean, variance, eps, weight, bias }: Running, { graph }: Pick<Tensor, "graph">) {
  const inverse = variance.in(graph).add(eps).rsqrt();
  const scale = weight ? inverse.mul(weight) : inverse;
  const shifted = mean.in(graph).mul(scale).neg();
  return { scale, shift: bias ? shifted.add(bias) : shifted };
}

function expectChannels(where: string, x: Tensor, features: number, ...ranks: readonly number[]): void {
  if (!ranks.includes(x.shape.length) || x.shape[1] !== features)
    throw new ShapeError(
      `${where}: expected ${ranks.join(" or ")} axes, axis 1 of ${features} channels, got [${x.shape}]; try reshape`,
    );
}
const others = (x: Tensor, ...kept: readonly number[]) => x.shape.map((_, i) => i).filter((i) => !kept.includes(i));

/**
 * Normalises each feature over the batch: [batch, features] or [batch, features, length]. After eval() by the running mean and variance,
 * which training keeps at the parties as buffers: name them to session.resume() beside the parameters.
 *
 * While training a row's result depends on all rows of its batch, so a `data.meanLoss` of it is refused: reveal losses after eval().
 */
export function batchNorm1d(features: number, options: BatchNormOptions = {}): BatchNorm {
  checkOptions("batchNorm1d", options, batchNormNames);
  return normalised(features, options, (x) => {
    expectChannels("batchNorm1d", x, features, 2, 3);
    return others(x, 1);
  });
}
/** The same of images: [batch, channels, height, width]. */
export function batchNorm2d(channels: number, options: BatchNormOptions = {}): BatchNorm {
  checkOptions("batchNorm2d", options, batchNormNames);
  return normalised(channels, options, (x) => {
    expectChannels("batchNorm2d", x, channels, 4);
    return others(x, 1);
  });
}
/** Normalises each channel of each row: [batch, channels, length]. */
export function instanceNorm1d(channels: number, options: BatchNormOptions = {}): BatchNorm {
  checkOptions("instanceNorm1d", options, batchNormNames);
  return normalised(
    channels,
    { affine: false, trackRunningStats: false, ...options },
    (x) => {
      expectChannels("instanceNorm1d", x, channels, 3);
      return others(x, 0, 1);
    },
    true,
  );
}
/** The same of images. */
export function instanceNorm2d(channels: number, options: BatchNormOptions = {}): BatchNorm {
  checkOptions("instanceNorm2d", options, batchNormNames);
  return normalised(
    channels,
    { affine: false, trackRunningStats: false, ...options },
    (x) => {
      expectChannels("instanceNorm2d", x, channels, 4);
      return others(x, 0, 1);
    },
    true,
  );
}

export interface LayerNormOptions {
  readonly eps?: number;
  /** With a weight and a bias for each element. Default true. */
  readonly elementwiseAffine?: boolean;
  readonly bias?: boolean;
}
/** Normalises over the last axes, which have this shape. One row, one mean: nothing depends on the batch. */
export function layerNorm(normalizedShape: number | readonly number[], options: LayerNormOptions = {}): Module {
  checkOptions("layerNorm", options, { eps: true, elementwiseAffine: true, bias: true });
  const shape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
  const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
  const weight = elementwiseAffine ? ones(...shape) : undefined;
  const offset = elementwiseAffine && bias ? zeros(...shape) : undefined;
  const norm = withParts(
    (x: Tensor) => {
      expectLast("layerNorm", x, shape);
      const axes = shape.map((_, i) => x.shape.length - shape.length + i);
      const { output } = standardize(x, axes, eps);
      const scaled = weight ? output.mul(weight) : output;
      return offset ? scaled.add(offset) : scaled;
    },
    { ...(weight ? { weight } : {}), ...(offset ? { bias: offset } : {}) },
  );
  return described(norm, "layerNorm", { axis: -shape.length, eps });
}
function expectLast(where: string, x: Tensor, shape: Shape): void {
  if (x.shape.slice(-shape.length).join() !== shape.join())
    throw new ShapeError(`${where}: expected [..., ${shape}], got [${x.shape}]; try the shape of the last axes`);
}

/** x / sqrt(mean of x^2 + eps) over the last axes, times a weight. eps is 2^-20 unless given. */
export function rmsNorm(
  normalizedShape: number | readonly number[],
  options: { readonly eps?: number; readonly elementwiseAffine?: boolean } = {},
): Module {
  const shape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
  checkOptions("rmsNorm", options, { eps: true, elementwiseAffine: true });
  const { eps = 2 ** -20, elementwiseAffine = true } = options;
  const weight = elementwiseAffine ? ones(...shape) : undefined;
  return withParts(
    (x: Tensor) => {
      expectLast("rmsNorm", x, shape);
      const axes = shape.map((_, i) => x.shape.length - shape.length + i);
      const output = x.mul(x.square().mean(axes, true).add(eps).rsqrt());
      return weight ? output.mul(weight) : output;
    },
    weight ? { weight } : {},
  );
}

/** Normalises groups of neighbouring channels of each row: [batch, channels, ...]. */
export function groupNorm(
  numGroups: number,
  numChannels: number,
  options: { readonly eps?: number; readonly affine?: boolean } = {},
): Module {
  checkOptions("groupNorm", options, { eps: true, affine: true });
  const { eps = 1e-5, affine = true } = options;
  if (!Number.isInteger(numChannels / numGroups))
    throw new InputError(`groupNorm: expected channels that ${numGroups} groups divide, got ${numChannels}`);
  const weight = affine ? ones(numChannels) : undefined;
  const bias = affine ? zeros(numChannels) : undefined;
  return withParts(
    (x: Tensor) => {
      if (x.shape.length < 2 || x.shape[1] !== numChannels)
        throw new ShapeError(`groupNorm: expected [batch, ${numChannels}, ...], got [${x.shape}]; try reshape`);
      const groups = x.reshape(x.shape[0]!, numGroups, -1);
      const output = standardize(groups, [2], eps).output.reshape(...x.shape);
      const column = (own: Parameter) =>
        own.in(x.graph).reshape(...x.shape.map((length, axis) => (axis === 1 ? length : 1)));
      return weight && bias ? output.mul(column(weight)).add(column(bias)) : output;
    },
    weight && bias ? { weight, bias } : {},
  );
}
