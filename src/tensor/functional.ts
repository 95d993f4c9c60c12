/**
 * Functions of tensors that are no methods: convolution, pooling, Einstein sums, stacking; with PyTorch's names and shapes. Layers
 * with parameters are in nn/.
 */
import { ShapeError } from "../errors.js";
import { einsum as contract } from "../ops/contractions.js";
import * as convolutions from "../ops/convolutions.js";
import type { Builder, Ref } from "../ops/index.js";
import * as maxima from "../ops/max-pooling.js";
import * as pooling from "../ops/pooling.js";
import * as rearrange from "../ops/rearrange.js";
import { type Operand, refOf, Tensor } from "./tensor.js";

export {
  type ConvOptions,
  type ConvTransposeOptions,
  convNames,
  convTransposeNames,
  type PerAxis,
} from "../ops/convolutions.js";
export {
  type AdaptiveSize,
  type AvgPoolOptions,
  avgPoolNames,
  type MaxPoolOptions,
  maxPoolNames,
} from "../ops/pooling.js";

type Convolution<O> = (b: Builder, x: Ref, weight: Ref, bias: Ref | undefined, options: O) => Ref;
const convolution =
  <O>(apply: Convolution<O>) =>
  (x: Tensor, weight: Operand, bias?: Operand, options: O = {} as O): Tensor => {
    const { graph } = x;
    const offset = bias === undefined ? undefined : refOf(graph, bias);
    return new Tensor(graph, apply(graph.recorder, x.ref, refOf(graph, weight), offset, options));
  };
const pool =
  <K, O>(apply: (b: Builder, x: Ref, kernel: K, options: O) => Ref) =>
  (x: Tensor, kernelSize: K, options: O = {} as O): Tensor =>
    new Tensor(x.graph, apply(x.graph.recorder, x.ref, kernelSize, options));

/** x [batch, channels, length] (batch may be missing), weight [filters, channels / groups, kernel], bias [filters]. */
export const conv1d = convolution<convolutions.ConvOptions>(convolutions.conv1d);
/** x [batch, channels, height, width] (batch may be missing), weight [filters, channels / groups, height, width], bias [filters]. */
export const conv2d = convolution<convolutions.ConvOptions>(convolutions.conv2d);
/** x [batch, channels, length], weight [channels, filters / groups, kernel], bias [filters]. */
export const convTranspose1d = convolution<convolutions.ConvTransposeOptions>(convolutions.convTranspose1d);
/** x [batch, channels, height, width], weight [channels, filters / groups, height, width], bias [filters]. */
export const convTranspose2d = convolution<convolutions.ConvTransposeOptions>(convolutions.convTranspose2d);

export const avgPool1d = pool(pooling.avgPool1d);
export const avgPool2d = pool(pooling.avgPool2d);
export const maxPool1d = pool(maxima.maxPool1d);
export const maxPool2d = pool(maxima.maxPool2d);
/** [..., height, width] -> [..., size]; null leaves an axis as it is. */
export const adaptiveAvgPool2d = pool(pooling.adaptiveAvgPool2d);
export const adaptiveMaxPool2d = pool(maxima.adaptiveMaxPool2d);

/**
 * "bij,bjk->bik": a letter for each axis; letters that the result lacks are summed over. Costs what the products cost: one truncation
 * between two of them.
 */
export function einsum(equation: string, ...operands: readonly Operand[]): Tensor {
  const first = operands.find((operand) => operand instanceof Tensor);
  if (!first) throw new ShapeError(`einsum: expected a secret tensor among the operands, got none; try plain numbers`);
  const { graph } = first as Tensor;
  const refs = operands.map((operand) => refOf(graph, operand));
  return new Tensor(graph, contract(graph.recorder, equation, refs));
}

/**
 * x y / (|x| |y|) along an axis; 0 where one of them is 0. Right where the sums of squares are below 2^15, with digits from where norms
 * are above 0.1. Cost: a product and two rsqrt of the result's size.
 */
export function cosineSimilarity(x: Tensor, y: Tensor, axis = 1): Tensor {
  const inverse = (value: Tensor) => value.square().sum(axis).rsqrt();
  return x.mul(y).sum(axis).mul(inverse(x)).mul(inverse(y));
}

/** Tensors of one shape along a new axis. */
export function stack(parts: readonly Tensor[], axis = 0): Tensor {
  const [first] = parts;
  if (!first) throw new ShapeError("stack: expected at least one tensor, got none");
  const refs = parts.map((part) => part.ref);
  return new Tensor(first.graph, rearrange.stack(first.graph.recorder, refs, axis));
}
