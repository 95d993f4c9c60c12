/** Convolutional layers, with PyTorch's names, shapes and initial values. */
import { ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { uniform } from "../random/index.js";
import type { ConvOptions, ConvTransposeOptions, PerAxis, Tensor } from "../tensor/index.js";
import * as functional from "../tensor/index.js";
import { described, type Module, module } from "./module.js";
import { Parameter } from "./parameter.js";

type Bias = { readonly bias?: boolean };
type Apply<O> = (x: Tensor, weight: Parameter, bias: Parameter | undefined, options: O) => Tensor;

/** Initial values uniform in ±1/√n, n being the elements that a filter meets, drawn by whoever drives the session. */
function layer<O extends object>(
  shape: readonly [number, number, ...number[]],
  filters: number,
  options: O & Bias,
  apply: Apply<O>,
  type: string,
): Module {
  const { bias: isBiased = true, ...others } = options;
  const met = shape.slice(1).reduce((product, length) => product * length, 1);
  const limit = 1 / Math.sqrt(met);
  const weight = new Parameter(shape, () => uniform(shape[0] * met, -limit, limit));
  const own = others as unknown as O;
  const kind = { ...options };
  if (!isBiased)
    return described(
      module({ weight }, (x, held) => apply(x, held.weight, undefined, own)),
      type,
      kind,
    );
  const bias = new Parameter([filters], () => uniform(filters, -limit, limit));
  return described(
    module({ weight, bias }, (x, held) => apply(x, held.weight, held.bias, own)),
    type,
    kind,
  );
}

/** Channels of one group. */
function part(where: string, channels: number, groups = 1): number {
  if (!Number.isInteger(groups) || groups < 1 || !Number.isInteger(channels / groups) || channels < 1)
    throw new ShapeError(`${where}: expected channels in equal groups, got ${channels} in ${groups}; try other groups`);
  return channels / groups;
}
const extent = (kernelSize: PerAxis, rank: 1 | 2): number[] =>
  typeof kernelSize === "number" ? new Array<number>(rank).fill(kernelSize) : [...kernelSize];

/**
 * x [batch, inChannels, length] -> [batch, outChannels, (length + 2 padding - dilation (kernelSize - 1) - 1) / stride + 1, rounded
 * down]. Weight [outChannels, inChannels / groups, kernelSize]. Cost as conv2d.
 */
export function conv1d(
  inChannels: number,
  outChannels: number,
  kernelSize: PerAxis,
  options: ConvOptions & Bias = {},
): Module {
  checkOptions("conv1d", options, { ...functional.convNames, bias: true });
  const each = part("conv1d", inChannels, options.groups);
  part("conv1d", outChannels, options.groups);
  return layer([outChannels, each, ...extent(kernelSize, 1)], outChannels, options, functional.conv1d, "conv1d");
}

/**
 * x [batch, inChannels, height, width] (or without batch) -> [batch, outChannels, …]; each length becomes
 * (length + 2 padding - dilation (kernelSize - 1) - 1) / stride + 1, rounded down. Weight
 * [outChannels, inChannels / groups, height, width].
 *
 * Cost: none until the product is truncated, once for each output element; pooling by average comes before that if it follows.
 */
export function conv2d(
  inChannels: number,
  outChannels: number,
  kernelSize: PerAxis,
  options: ConvOptions & Bias = {},
): Module {
  checkOptions("conv2d", options, { ...functional.convNames, bias: true });
  const each = part("conv2d", inChannels, options.groups);
  part("conv2d", outChannels, options.groups);
  return layer([outChannels, each, ...extent(kernelSize, 2)], outChannels, options, functional.conv2d, "conv2d");
}

/** The transpose of conv1d as a map: x [batch, inChannels, length]; weight [inChannels, outChannels / groups, kernelSize]. */
export function convTranspose1d(
  inChannels: number,
  outChannels: number,
  kernelSize: PerAxis,
  options: ConvTransposeOptions & Bias = {},
): Module {
  checkOptions("convTranspose1d", options, { ...functional.convTransposeNames, bias: true });
  const each = part("convTranspose1d", outChannels, options.groups);
  part("convTranspose1d", inChannels, options.groups);
  return layer(
    [inChannels, each, ...extent(kernelSize, 1)],
    outChannels,
    options,
    functional.convTranspose1d,
    "convTranspose1d",
  );
}

/**
 * The transpose of conv2d as a map: x [batch, inChannels, height, width]; each length becomes
 * (length - 1) stride - 2 padding + dilation (kernelSize - 1) + outputPadding + 1. Weight
 * [inChannels, outChannels / groups, height, width]. Cost as conv2d.
 */
export function convTranspose2d(
  inChannels: number,
  outChannels: number,
  kernelSize: PerAxis,
  options: ConvTransposeOptions & Bias = {},
): Module {
  checkOptions("convTranspose2d", options, { ...functional.convTransposeNames, bias: true });
  const each = part("convTranspose2d", outChannels, options.groups);
  part("convTranspose2d", inChannels, options.groups);
  return layer(
    [inChannels, each, ...extent(kernelSize, 2)],
    outChannels,
    options,
    functional.convTranspose2d,
    "convTranspose2d",
  );
}
