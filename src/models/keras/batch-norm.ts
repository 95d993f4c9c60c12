/** Batch normalisation of Keras as part of the linear layer before it, or as a scale and a shift, in the clear before anything is shared. */
import { Numbers } from "../numbers.js";
import type { KerasLayer, KerasModel } from "./config.js";
import type { LayerWeights } from "./weights.js";

/** Layers whose results are linear in a kernel whose last axis, or last two, are the result's channels. */
const channelAxes: Readonly<Record<string, number>> = {
  Dense: 1,
  Conv1D: 1,
  Conv2D: 1,
  DepthwiseConv1D: 2,
  DepthwiseConv2D: 2,
};

const isLinear = ({ config }: KerasLayer) => config.activation == null || config.activation === "linear";
const number = (value: unknown, otherwise: number) => (typeof value === "number" ? value : otherwise);

/** The model without the normalisations that were folded, and its weights with them. */
export function foldBatchNorms(
  model: KerasModel,
  given: LayerWeights,
): { readonly model: KerasModel; readonly weights: LayerWeights } {
  const weights = new Map(given);
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  const uses = new Map<string, number>();
  const count = ({ layer }: { layer: string }) => uses.set(layer, (uses.get(layer) ?? 0) + 1);
  for (const { calls } of model.layers) for (const result of calls.flat()) count(result);
  for (const result of model.outputs) count(result);

  for (const norm of model.layers) {
    if (norm.type !== "BatchNormalization") continue;
    const affine = affineOf(norm, weights.get(norm.name) ?? []);
    if (!affine) continue;
    // What is left if no layer takes it up: a scale and a shift.
    const alone = affine.map((data) => new Numbers([data.length], data, "float", true));
    weights.set(norm.name, alone);
    layers.set(norm.name, { ...norm, config: { axis: norm.config.axis, folded: true } });
    const before = layers.get(norm.calls[0]?.[0]?.layer ?? "");
    const axes = before && channelAxes[before.type];
    if (!before || axes === undefined) continue;
    if (!isLinear(before) || before.config.data_format === "channels_first") continue;
    if (norm.calls.length !== 1 || before.calls.length !== 1 || uses.get(before.name) !== 1) continue;
    const { axis = -1 } = norm.config;
    const rank = before.type === "Dense" ? undefined : before.type.includes("1D") ? 3 : 4;
    if (![axis].flat().every((each) => each === -1 || each === (rank ?? 0) - 1)) continue;
    const fused = fuse(before, weights.get(before.name) ?? [], affine, axes);
    if (!fused) continue;
    weights.set(before.name, fused);
    layers.set(before.name, { ...before, config: { ...before.config, use_bias: true } });
    // What is left of it passes its input on.
    layers.set(norm.name, { ...norm, type: "Activation", config: { activation: "linear" } });
  }
  return { model: { ...model, layers: model.layers.map(({ name }) => layers.get(name)!) }, weights };
}

/** Factors and offsets of the channels; undefined for weights that do not fit, which is told where the layer is made. */
function affineOf(
  { config }: KerasLayer,
  stats: readonly Numbers[],
): readonly [factors: Float64Array, offsets: Float64Array] | undefined {
  const parts = [...stats];
  const gamma = config.scale === false ? undefined : parts.shift();
  const beta = config.center === false ? undefined : parts.shift();
  const [mean, variance] = parts;
  if (!mean || !variance || parts.length !== 2) return undefined;
  if ([gamma, beta, variance].some((each) => each && each.size !== mean.size)) return undefined;
  const eps = number(config.epsilon, 1e-3);
  const factors = mean.data.map((_, i) => (gamma?.data[i] ?? 1) / Math.sqrt(variance.data[i]! + eps));
  return [factors, mean.data.map((value, i) => (beta?.data[i] ?? 0) - value * factors[i]!)];
}

function fuse(
  layer: KerasLayer,
  [kernel, bias]: readonly Numbers[],
  [factors, offsets]: readonly [Float64Array, Float64Array],
  axes: number,
): Numbers[] | undefined {
  const channels = kernel?.shape.slice(-axes).reduce((n, d) => n * d, 1);
  if (!kernel || channels !== factors.length) return undefined;
  const hasBias = layer.config.use_bias !== false;
  if (hasBias && bias?.size !== channels) return undefined;
  const scaled = kernel.data.map((value, i) => value * factors[i % channels]!);
  const shifted = offsets.map((value, i) => value + (hasBias ? bias!.data[i]! * factors[i]! : 0));
  return [new Numbers(kernel.shape, scaled, "float", true), new Numbers([channels], shifted, "float", true)];
}
