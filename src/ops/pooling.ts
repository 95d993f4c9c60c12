/**
 * Where the windows of pooling lie, with PyTorch's shapes and options, and their averages: sums on what was not truncated yet.
 * Maxima are in `max-pooling.ts`. Records nodes, computes nothing.
 */
import { ShapeError } from "../errors.js";
import { checkOptions, type Names } from "../options.js";
import { formatShape } from "../ring/index.js";
import { constant, divPublic, reshape, roomFor, share } from "./build.js";
import { type PerAxis, pairOf } from "./convolutions.js";
import type { Builder, Ref } from "./op.js";

export interface PoolOptions {
  /** Default: the kernel's size, so that windows do not overlap. */
  readonly stride?: PerAxis;
  /** On both sides, at most half of the kernel. */
  readonly padding?: PerAxis;
  /** Windows may begin inside and reach beyond the padding. */
  readonly ceilMode?: boolean;
}
export interface AvgPoolOptions extends PoolOptions {
  /** Default true: zeros of the padding count as elements. */
  readonly countIncludePad?: boolean;
  readonly divisorOverride?: number;
}
export interface MaxPoolOptions extends PoolOptions {
  readonly dilation?: PerAxis;
}

const poolNames: Names<PoolOptions> = { stride: true, padding: true, ceilMode: true };
export const avgPoolNames: Names<AvgPoolOptions> = { ...poolNames, countIncludePad: true, divisorOverride: true };
export const maxPoolNames: Names<MaxPoolOptions> = { ...poolNames, dilation: true };

export type Pair = readonly [number, number];
export type Rank = 1 | 2;
export const spatialAxes = [0, 1] as const;
export const both = (make: (axis: 0 | 1) => number): Pair => [make(0), make(1)];

/** [..., length]: the mean of each window. No cost: it is a sum on the product or share that x is. */
export const avgPool1d = (b: Builder, x: Ref, kernel: PerAxis, options: AvgPoolOptions = {}): Ref =>
  lengthwise(b, "avgPool1d", x, (image) => average(b, "avgPool1d", 1, image, kernel, options));
/** [..., height, width]: the mean of each window. No cost: it is a sum on the product or share that x is. */
export const avgPool2d = (b: Builder, x: Ref, kernel: PerAxis, options: AvgPoolOptions = {}): Ref =>
  average(b, "avgPool2d", 2, x, kernel, options);
export interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly size: Pair;
  readonly image: Pair;
}

/** Where windows lie. Throws ShapeError for options that PyTorch refuses. */
export function windowsOf(where: string, rank: Rank, x: Ref, given: PerAxis, options: MaxPoolOptions): Windows {
  const { shape } = x.type;
  if (shape.length < 2) throw new ShapeError(`${where}: expected an image, got ${formatShape(shape)}; try reshape`);
  const image = both((axis) => shape[shape.length - 2 + axis]!);
  const kernel = pairOf(`${where} (kernel)`, rank, given, 1, 1);
  const own = options.stride ?? given;
  const stride = pairOf(`${where} (stride)`, rank, own, 1, 1);
  const padding = pairOf(`${where} (padding)`, rank, options.padding, 0, 0);
  const dilation = pairOf(`${where} (dilation)`, rank, options.dilation, 1, 1);
  const reach = both((axis) => dilation[axis] * (kernel[axis] - 1) + 1);
  const round = options.ceilMode ? Math.ceil : Math.floor;
  const size = both((axis) => {
    const windows = round((image[axis] + 2 * padding[axis] - reach[axis]) / stride[axis]) + 1;
    // None begins behind the image.
    return options.ceilMode && (windows - 1) * stride[axis] >= image[axis] + padding[axis] ? windows - 1 : windows;
  });
  if (spatialAxes.some((axis) => padding[axis] > kernel[axis] >> 1))
    throw new ShapeError(`${where}: expected a padding of at most half of the kernel ${kernel}, got ${padding}; try 0`);
  if (size.some((length) => length < 1))
    throw new ShapeError(
      `${where}: expected an image of at least ${reach.slice(2 - rank)}, got ${formatShape(shape)}; try padding or a smaller kernel`,
    );
  const meets = (axis: 0 | 1, i: number) => {
    const start = i * stride[axis] - padding[axis];
    const first = start >= 0 ? start : start + Math.ceil(-start / dilation[axis]) * dilation[axis];
    return first < image[axis] && first < start + reach[axis];
  };
  if (!spatialAxes.every((axis) => Array.from({ length: size[axis] }, (_, i) => i).every((i) => meets(axis, i))))
    throw new ShapeError(
      `${where}: expected windows that meet the image ${formatShape(shape)}, got some between its elements; try less dilation`,
    );
  return { kernel, stride, padding, dilation, size, image };
}

/** Where x has one spatial axis: as an image of height 1. */
export function lengthwise(b: Builder, where: string, x: Ref, pool: (image: Ref) => Ref): Ref {
  const { shape } = x.type;
  if (shape.length < 1) throw new ShapeError(`${where}: expected [..., length], got []; try reshape`);
  const pooled = pool(reshape(b, x, [...shape.slice(0, -1), 1, shape.at(-1)!]));
  return reshape(b, pooled, [...shape.slice(0, -1), pooled.type.shape.at(-1)!]);
}

function average(b: Builder, where: string, rank: Rank, x: Ref, given: PerAxis, options: AvgPoolOptions): Ref {
  checkOptions(where, options, avgPoolNames);
  const { kernel, stride, padding, size, image } = windowsOf(where, rank, x, given, options);
  const sums = b.node("sumWindows", [x], { kernel, stride, padding, size });
  const { divisorOverride, countIncludePad = true } = options;
  if (divisorOverride !== undefined) return divPublic(b, sums, divisorOverride);
  const terms = spatialAxes.map((axis) =>
    Array.from({ length: size[axis] }, (_, i) => {
      const start = i * stride[axis] - padding[axis];
      const beyond = countIncludePad ? padding[axis] : 0;
      return Math.min(start + kernel[axis], image[axis] + beyond) - Math.max(start, -beyond);
    }),
  );
  return divide(b, sums, terms);
}

/** Each element by the number of terms of its row times that of its column. */
function divide(b: Builder, sums: Ref, [rows, columns]: readonly number[][]): Ref {
  const divisors = rows!.flatMap((row) => columns!.map((column) => row * column));
  if (divisors.every((divisor) => divisor === divisors[0])) return divPublic(b, sums, divisors[0]!);
  const value = roomFor(b, sums) < 16 && sums.type.scale > b.env.fraction ? share(b, sums) : sums;
  const scale = Math.min(roomFor(b, value), 24);
  const shape = [rows!.length, columns!.length];
  const reciprocals = constant(
    b,
    divisors.map((divisor) => 1 / divisor),
    shape,
    scale - 1,
  );
  return b.node("mul", [value, b.node("broadcast", [reciprocals], { shape: value.type.shape })]);
}

/**
 * [..., height, width] -> [..., size]: means of as many windows as PyTorch's adaptive pooling has, which start at floor(i h / size)
 * and end before ceil((i + 1) h / size). Where all are of one size it is avgPool2d.
 */
export function adaptiveAvgPool2d(b: Builder, x: Ref, size: AdaptiveSize): Ref {
  const { parts, kernel } = adaptiveWindows("adaptiveAvgPool2d", x, size);
  if (kernel) return avgPool2d(b, x, kernel);
  const { shape } = x.type;
  const lead = [..."abcd"].slice(0, shape.length - 2).join("");
  const sums = (value: Ref, windows: readonly Window[], length: number, spec: string) => {
    const table = windows.flatMap(([start, end]) => Array.from({ length }, (_, i) => (i >= start && i < end ? 1 : 0)));
    return b.node("einsum", [value, constant(b, table, [windows.length, length], 0)], { axes: spec });
  };
  const [height, width] = shape.slice(-2) as [number, number];
  const rows = sums(x, parts[0], height, `${lead}hw,yh->${lead}yw`);
  const both = sums(rows, parts[1], width, `${lead}yw,xw->${lead}yx`);
  return divide(
    b,
    both,
    parts.map((windows) => windows.map(([start, end]) => end - start)),
  );
}

/** Outputs along both axes; null leaves an axis as it is. */
export type AdaptiveSize = number | null | readonly [number | null, number | null];
type Window = readonly [start: number, end: number];

/** By axis, where each window starts and ends; `kernel` if they are those of a pooling whose windows do not overlap. */
export function adaptiveWindows(
  where: string,
  x: Ref,
  size: AdaptiveSize,
): { readonly parts: readonly [Window[], Window[]]; readonly kernel: Pair | undefined } {
  const { shape } = x.type;
  if (shape.length < 2 || shape.length > 6)
    throw new ShapeError(`${where}: expected [..., height, width], got ${formatShape(shape)}; try reshape`);
  const image = shape.slice(-2) as [number, number];
  const given = Array.isArray(size) ? (size as readonly (number | null)[]) : [size, size];
  const wanted = both((axis) => (given[axis] as number | null) ?? image[axis]!);
  if (given.length !== 2 || wanted.some((n, axis) => !Number.isInteger(n) || n < 1 || n > image[axis]!))
    throw new ShapeError(
      `${where}: expected one or two sizes from 1 to those of ${formatShape(shape)}, got ${wanted}; try a smaller one`,
    );
  const windows = (axis: 0 | 1) =>
    Array.from({ length: wanted[axis] }, (_, i): Window => {
      const at = (k: number) => (k * image[axis]!) / wanted[axis];
      return [Math.floor(at(i)), Math.ceil(at(i + 1))];
    });
  const even = spatialAxes.every((axis) => image[axis]! % wanted[axis] === 0);
  const kernel = even ? both((axis) => image[axis]! / wanted[axis]) : undefined;
  return { parts: [windows(0), windows(1)], kernel };
}
