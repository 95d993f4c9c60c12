/**
 * Convolutions as layers have them, with PyTorch's shapes and options: composed of the one operator in `convolve.ts`. Records
 * nodes, computes nothing.
 */
import { ShapeError } from "../errors.js";
import { checkOptions, type Names } from "../options.js";
import { formatShape, sameShape } from "../ring/index.js";
import { add, reshape, transpose } from "./build.js";
import { factors } from "./factor.js";
import type { Builder, Ref } from "./op.js";

/** A number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];
export interface ConvOptions {
  readonly stride?: PerAxis;
  /** Zeros on both sides. "same": as many as leave the size as it is, for a stride of 1. "valid": none. */
  readonly padding?: PerAxis | "same" | "valid";
  readonly dilation?: PerAxis;
  readonly groups?: number;
}
export interface ConvTransposeOptions {
  readonly stride?: PerAxis;
  /** Taken off on both sides. */
  readonly padding?: PerAxis;
  /** Added behind: which of the sizes that a convolution would bring to this one. */
  readonly outputPadding?: PerAxis;
  readonly dilation?: PerAxis;
  readonly groups?: number;
}
export const convNames: Names<ConvOptions> = { stride: true, padding: true, dilation: true, groups: true };
export const convTransposeNames: Names<ConvTransposeOptions> = { ...convNames, outputPadding: true };

/** x [batch, channels, length], weight [filters, channels / groups, kernel], bias [filters]. */
export const conv1d = (b: Builder, x: Ref, weight: Ref, bias?: Ref, options: ConvOptions = {}): Ref =>
  conv(b, 1, x, weight, bias, options);
/** x [batch, channels, height, width], weight [filters, channels / groups, height, width], bias [filters]. */
export const conv2d = (b: Builder, x: Ref, weight: Ref, bias?: Ref, options: ConvOptions = {}): Ref =>
  conv(b, 2, x, weight, bias, options);
/** x [batch, channels, length], weight [channels, filters / groups, kernel], bias [filters]. */
export const convTranspose1d = (b: Builder, x: Ref, weight: Ref, bias?: Ref, options: ConvTransposeOptions = {}): Ref =>
  convTranspose(b, 1, x, weight, bias, options);
/** x [batch, channels, height, width], weight [channels, filters / groups, height, width], bias [filters]. */
export const convTranspose2d = (b: Builder, x: Ref, weight: Ref, bias?: Ref, options: ConvTransposeOptions = {}): Ref =>
  convTranspose(b, 2, x, weight, bias, options);

type Pair = readonly [number, number];
type Rank = 1 | 2;
const both = (make: (axis: 0 | 1) => number): Pair => [make(0), make(1)];

/** An option as two numbers, `otherwise` where it is not given and for the height of what has none. */
export function pairOf(
  where: string,
  rank: Rank,
  given: PerAxis | undefined,
  otherwise: number,
  smallest: number,
): Pair {
  const list = typeof given === "number" ? new Array<number>(rank).fill(given) : given;
  if (list === undefined) return [otherwise, otherwise];
  if (list.length !== rank || !list.every((value) => Number.isInteger(value) && value >= smallest))
    throw new ShapeError(
      `${where}: expected ${rank === 1 ? "a whole number" : "one or two whole numbers"} of ${smallest} or more, got ${list}; try ${otherwise}`,
    );
  return rank === 1 ? [otherwise, list[0]!] : [list[0]!, list[1]!];
}

function conv(b: Builder, rank: Rank, x: Ref, weight: Ref, bias: Ref | undefined, options: ConvOptions): Ref {
  const where = `conv${rank}d`;
  checkOptions(where, options, convNames);
  const [image, filters] = [images(b, where, rank, x), withHeight(b, rank, weight)];
  const groups = groupsOf(where, x, weight, filters.type.shape[1], 0, image.type.shape[1]!, options.groups);
  const [batch, channels, ...extent] = image.type.shape as [number, number, number, number];
  const [outputs, , ...kernel] = filters.type.shape as [number, number, number, number];
  const stride = pairOf(`${where} (stride)`, rank, options.stride, 1, 1);
  const dilation = pairOf(`${where} (dilation)`, rank, options.dilation, 1, 1);
  const reach = both((axis) => dilation[axis] * (kernel[axis]! - 1));
  const { padding: given = 0 } = options;
  const same = given === "same";
  if (same && stride.some((step) => step !== 1))
    throw new ShapeError(`${where}: expected a stride of 1 with padding "same", got ${stride}; try a number`);
  const padding = same
    ? both((axis) => reach[axis] >> 1)
    : pairOf(`${where} (padding)`, rank, given === "valid" ? 0 : given, 0, 0);
  const size = both((axis) =>
    same ? extent[axis]! : Math.floor((extent[axis]! + 2 * padding[axis] - reach[axis] - 1) / stride[axis]) + 1,
  );
  if (size.some((length) => length < 1))
    throw new ShapeError(
      `${where}: expected an image of at least ${both((axis) => reach[axis] + 1 - 2 * padding[axis]).slice(2 - rank)} for weight ${formatShape(weight.type.shape)}, got ${formatShape(x.type.shape)}; try more padding`,
    );
  const product = b.node(
    "convolve",
    factors(
      b,
      reshape(b, image, [batch, groups, channels / groups, ...extent]),
      reshape(b, filters, [groups, outputs / groups, channels / groups, ...kernel]),
    ),
    { stride, dilation, spread: [1, 1], padding, size },
  );
  return finish(b, where, rank, x, reshape(b, product, [batch, outputs, ...size]), bias);
}

function convTranspose(
  b: Builder,
  rank: Rank,
  x: Ref,
  weight: Ref,
  bias: Ref | undefined,
  options: ConvTransposeOptions,
): Ref {
  const where = `convTranspose${rank}d`;
  checkOptions(where, options, convTransposeNames);
  const [image, filters] = [images(b, where, rank, x), withHeight(b, rank, weight)];
  const [batch, channels, ...extent] = image.type.shape as [number, number, number, number];
  const groups = groupsOf(where, x, weight, filters.type.shape[0], 1, channels, options.groups);
  const [, each, ...kernel] = filters.type.shape as [number, number, number, number];
  const stride = pairOf(`${where} (stride)`, rank, options.stride, 1, 1);
  const dilation = pairOf(`${where} (dilation)`, rank, options.dilation, 1, 1);
  const padding = pairOf(`${where} (padding)`, rank, options.padding, 0, 0);
  const behind = pairOf(`${where} (outputPadding)`, rank, options.outputPadding, 0, 0);
  if (behind.some((more, axis) => more >= Math.max(stride[axis]!, dilation[axis]!)))
    throw new ShapeError(
      `${where}: expected an outputPadding below the stride or the dilation, got ${behind}; try a larger stride`,
    );
  const reach = both((axis) => dilation[axis] * (kernel[axis]! - 1));
  const size = both((axis) => (extent[axis]! - 1) * stride[axis] - 2 * padding[axis] + reach[axis] + behind[axis] + 1);
  if (size.some((length) => length < 1))
    throw new ShapeError(
      `${where}: expected less padding for input ${formatShape(x.type.shape)} and weight ${formatShape(weight.type.shape)}, got ${padding}; try 0`,
    );
  const [image5, filters5] = factors(
    b,
    reshape(b, image, [batch, groups, channels / groups, ...extent]),
    transpose(b, reshape(b, filters, [groups, channels / groups, each, ...kernel]), [0, 2, 1, 3, 4]),
  );
  const product = b.node("convolve", [image5, b.node("flip", [filters5], { axes: [3, 4] })], {
    ...{ stride: [1, 1], dilation, spread: stride, padding: both((axis) => reach[axis] - padding[axis]), size },
  });
  return finish(b, where, rank, x, reshape(b, product, [batch, groups * each, ...size]), bias);
}

/** x as [batch, channels, height, width]. */
function images(b: Builder, where: string, rank: Rank, x: Ref): Ref {
  const { shape } = x.type;
  if (shape.length !== rank + 2 && shape.length !== rank + 1)
    throw new ShapeError(
      `${where}: expected [batch, channels, ${rank === 1 ? "length" : "height, width"}], got ${formatShape(shape)}; try reshape`,
    );
  const batched = shape.length === rank + 1 ? [1, ...shape] : shape;
  return reshape(b, x, rank === 1 ? [batched[0]!, batched[1]!, 1, batched[2]!] : batched);
}
/** Filters of one axis as those of height 1. */
function withHeight(b: Builder, rank: Rank, weight: Ref): Ref {
  const { shape } = weight.type;
  if (shape.length !== rank + 2)
    throw new ShapeError(
      `conv${rank}d: expected a weight of ${rank + 2} axes, got ${formatShape(shape)}; try [filters, channels, …]`,
    );
  return rank === 1 ? reshape(b, weight, [shape[0]!, shape[1]!, 1, shape[2]!]) : weight;
}

/** Throws ShapeError unless the weight's channels are those of the input. `axis`: where the weight has a part for each group. */
function groupsOf(
  where: string,
  x: Ref,
  weight: Ref,
  own: number | undefined,
  axis: 0 | 1,
  channels: number,
  groups = 1,
): number {
  const split = axis === 0 ? weight.type.shape[0]! : channels;
  const expected = axis === 0 ? channels / groups : channels;
  if (!Number.isInteger(groups) || groups < 1 || own !== expected || split % groups !== 0 || channels % groups !== 0)
    throw new ShapeError(
      `${where}: expected channels of the input that the weight has, in ${groups} groups, got input ${formatShape(x.type.shape)} and weight ${formatShape(weight.type.shape)}; try another weight`,
    );
  return groups;
}

/** Adds the bias, and takes off the axes that x does not have. */
function finish(b: Builder, where: string, rank: Rank, x: Ref, product: Ref, bias: Ref | undefined): Ref {
  const [batch, outputs, height, width] = product.type.shape as [number, number, number, number];
  if (bias && !sameShape(bias.type.shape, [outputs]))
    throw new ShapeError(
      `${where}: expected a bias of shape [${outputs}], got ${formatShape(bias.type.shape)}; try one number a filter`,
    );
  const whole = bias ? add(b, product, reshape(b, bias, [outputs, 1, 1])) : product;
  const extent = rank === 1 ? [width] : [height, width];
  return reshape(b, whole, [...(x.type.shape.length === rank + 2 ? [batch] : []), outputs, ...extent]);
}
