/**
 * The largest element of each window: pooling by maximum with PyTorch's options, fixed or adaptive. The comparisons are
 * `tournament.ts`. Records nodes, computes nothing.
 */

import { checkOptions } from "../options.js";
import { size as count, type Shape } from "../ring/index.js";
import { add, reshape, share, transpose } from "./build.js";
import { encodeWords } from "./constant.js";
import type { PerAxis } from "./convolutions.js";
import { max } from "./extremes.js";
import { encodeIndex } from "./gather.js";
import type { Builder, Ref } from "./op.js";
import {
  type AdaptiveSize,
  adaptiveWindows,
  lengthwise,
  type MaxPoolOptions,
  maxPoolNames,
  type Rank,
  spatialAxes,
  type Windows,
  windowsOf,
} from "./pooling.js";
import { largestOf } from "./tournament.js";

/** [..., length]: the largest element of each window; see maxPool2d. */
export const maxPool1d = (b: Builder, x: Ref, kernel: PerAxis, options: MaxPoolOptions = {}): Ref =>
  lengthwise(b, "maxPool1d", x, (image) => maxPool(b, "maxPool1d", 1, image, kernel, options));
/**
 * [..., height, width]: the largest element of each window. For k elements k - 1 comparisons and selections an output, in
 * ceil(log2 k) levels. The gradient goes to the first of the largest elements and compares nothing again.
 */
export const maxPool2d = (b: Builder, x: Ref, kernel: PerAxis, options: MaxPoolOptions = {}): Ref =>
  maxPool(b, "maxPool2d", 2, x, kernel, options);

/** Windows of more elements that do not overlap are laid out along an axis: one node a level instead of one a match. */
const mostEntrants = 16;
/** Axes of a value that can be cut into windows along both spatial ones. */
const mostRank = 4;

function maxPool(b: Builder, where: string, rank: Rank, x: Ref, given: PerAxis, options: MaxPoolOptions): Ref {
  checkOptions(where, options, maxPoolNames);
  const form = windowsOf(where, rank, x, given, options);
  const { kernel, stride, dilation, size } = form;
  const whole = bordered(b, share(b, x), form);
  const apart =
    whole.type.shape.length <= mostRank &&
    spatialAxes.every((axis) => stride[axis] === kernel[axis] && (dilation[axis] === 1 || kernel[axis] === 1));
  if (apart && count(kernel) > mostEntrants) return max(b, cutApart(b, whole, form), 0).value;
  const entrants: Ref[] = [];
  for (let u = 0; u < kernel[0]; u++)
    for (let v = 0; v < kernel[1]; v++) {
      const start = [u * dilation[0], v * dilation[1]] as const;
      const rows = every(b, whole, 0, start[0], size[0], stride[0]);
      entrants.push(every(b, rows, 1, start[1], size[1], stride[1]));
    }
  return largestOf(b, entrants, whole, (builder, parts) =>
    apart ? putTogether(builder, parts, whole.type.shape, form) : overlay(builder, parts, whole.type.shape, form),
  );
}

/** n elements along a spatial axis, `step` apart. */
function every(b: Builder, x: Ref, axis: 0 | 1, start: number, n: number, step: number): Ref {
  const at = x.type.shape.length - 2 + axis;
  const end = start + (n - 1) * step + 1;
  if (start === 0 && step === 1 && n === x.type.shape[at]) return x;
  return b.node("slice", [x], { axis: at, start, end, ...(step > 1 ? { step } : {}) });
}

/** The image among numbers that no element is below, as far as windows reach. */
function bordered(b: Builder, x: Ref, { kernel, stride, padding, dilation, size, image }: Windows): Ref {
  const { scale, bound } = x.type;
  const lowest = encodeWords(BigInt64Array.of(1n - (1n << BigInt(bound))));
  let whole = x;
  for (const axis of spatialAxes) {
    const at = x.type.shape.length - 2 + axis;
    const end = (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    const behind = Math.max(0, end - padding[axis] - image[axis]);
    const border = (length: number) => {
      const shape = whole.type.shape.map((d, i) => (i === at ? length : d));
      return b.node("secret", [b.node("constant", [], { shape, scale, bound, words: lowest })]);
    };
    const parts = [...[padding[axis]].filter(Boolean).map(border), whole, ...[behind].filter(Boolean).map(border)];
    if (parts.length > 1) whole = b.node("concat", parts, { axis: at });
  }
  return whole;
}

/** [windows' elements, ..., size], for windows that do not overlap. */
function cutApart(b: Builder, x: Ref, { kernel, size }: Windows): Ref {
  const lead = x.type.shape.slice(0, -2);
  let used = x;
  for (const axis of spatialAxes) used = every(b, used, axis, 0, size[axis] * kernel[axis], 1);
  const cut = reshape(b, used, [...lead, size[0], kernel[0], size[1], kernel[1]]);
  const n = lead.length;
  const outside = [...lead.map((_, i) => i), n, n + 2];
  return reshape(b, transpose(b, cut, [n + 1, n + 3, ...outside]), [count(kernel), ...lead, ...size]);
}

/** The image made of the parts that belong to each of a window's elements, for windows that do not overlap. */
function putTogether(b: Builder, parts: readonly Ref[], shape: Shape, { kernel, size }: Windows): Ref {
  const lead = shape.slice(0, -2);
  const n = lead.length;
  const stacked = b.node(
    "concat",
    alike(b, parts).map((part) => reshape(b, part, [1, ...part.type.shape])),
    { axis: 0 },
  );
  const apart = reshape(b, stacked, [...kernel, ...lead, ...size]);
  const order = [...lead.map((_, i) => 2 + i), n + 2, 0, n + 3, 1];
  const image = reshape(b, transpose(b, apart, order), [...lead, size[0] * kernel[0], size[1] * kernel[1]]);
  return withZeros(b, withZeros(b, image, 0, 0, 1, shape.at(-2)!), 1, 0, 1, shape.at(-1)!);
}
/** Parts of one kind and scale: what was multiplied is a product, what was subtracted from it as well. */
function alike(b: Builder, parts: readonly Ref[]): readonly Ref[] {
  const product = parts.find((part) => part.type.kind === "product");
  return product ? parts.map((part) => (part.type.kind === "product" ? part : b.node("lift", [part]))) : parts;
}

/** The sum of the parts, each where its element of the window lies. */
function overlay(b: Builder, parts: readonly Ref[], shape: Shape, { kernel, stride, dilation }: Windows): Ref {
  const [height, width] = shape.slice(-2) as [number, number];
  const rows = Array.from({ length: kernel[0] }, (_, u) => {
    const row = Array.from({ length: kernel[1] }, (_, v) =>
      withZeros(b, parts[u * kernel[1] + v]!, 1, v * dilation[1], stride[1], width),
    );
    return withZeros(b, total(b, row), 0, u * dilation[0], stride[0], height);
  });
  return total(b, rows);
}
const total = (b: Builder, parts: readonly Ref[]): Ref => parts.reduce((sum, part) => add(b, sum, part));

/** The inverse of `every`: zeros elsewhere, to a length. */
function withZeros(b: Builder, x: Ref, axis: 0 | 1, before: number, step: number, length: number): Ref {
  const at = x.type.shape.length - 2 + axis;
  const after = length - before - (x.type.shape[at]! - 1) * step - 1;
  if (before === 0 && after === 0 && step === 1) return x;
  return b.node("pad", [x], { axis: at, before, after, ...(step > 1 ? { step } : {}) });
}

/** [..., height, width] -> [..., size]: the largest element of each of PyTorch's adaptive windows. */
export function adaptiveMaxPool2d(b: Builder, x: Ref, size: AdaptiveSize): Ref {
  const { parts, kernel } = adaptiveWindows("adaptiveMaxPool2d", x, size);
  if (kernel) return maxPool2d(b, x, kernel);
  const value = share(b, x);
  const { shape } = value.type;
  const rank = shape.length;
  // Shorter windows take part with their last element again: of equal ones the first wins.
  const picks = parts.map((windows) => {
    const longest = Math.max(...windows.map(([start, end]) => end - start));
    return Array.from({ length: longest }, (_, k) =>
      encodeIndex(windows.map(([start, end]) => Math.min(start + k, end - 1))),
    );
  }) as [string[], string[]];
  const entrants = picks[0].flatMap((rows) => {
    const chosen = b.node("gather", [value], { axis: rank - 2, index: rows });
    return picks[1].map((columns) => b.node("gather", [chosen], { axis: rank - 1, index: columns }));
  });
  return largestOf(b, entrants, value, (builder, gradients) => {
    const [height, width] = shape.slice(-2) as [number, number];
    const scatter = (part: Ref, axis: number, at: string, length: number) =>
      builder.node("scatterAdd", [part], { axis, index: at, length });
    return total(
      builder,
      picks[0].map((rows, u) => {
        const row = picks[1].map((columns, v) =>
          scatter(gradients[u * picks[1].length + v]!, rank - 1, columns, width),
        );
        return scatter(total(builder, row), rank - 2, rows, height);
      }),
    );
  });
}
