/**
 * Convolution in its general form, of which a layer's forward pass, both its gradients and the transposed convolution are cases.
 * Not the layers' rules for shapes, which are in `convolutions.ts`, nor how its product is computed (`convolve-kernel.ts`).
 */
import * as v from "valibot";
import { ShapeError } from "../errors.js";
import { formatShape } from "../ring/index.js";
import { productKind } from "./arithmetic.js";
import { type Convolution, geometryOf } from "./convolve-kernel.js";
import { mapLinear, productOf, publicOf } from "./evaluate.js";
import { factors } from "./factor.js";
import { contracted } from "./flow.js";
import { productCost, productLooks } from "./looks.js";
import type { Builder, Operator, Ref, ValueType } from "./op.js";
import { dimension } from "./source.js";
import { capBound, elements, sumBits } from "./type.js";

/** Places in an image, before and behind it. */
const farthest = 2 ** 24;
const pairOf = (smallest: number) => {
  const item = v.pipe(v.number(), v.integer(), v.minValue(smallest), v.maxValue(farthest));
  return v.tuple([item, item]);
};
/** Of one convolution: minutes of one core. */
const mostMultiplyAdds = 2 ** 40;
/** Words of an image with its padding. */
const largestImage = 2 ** 24;

const attrs = v.strictObject({
  /** From one window to the next. */
  stride: pairOf(1),
  /** From one element of the window to the next. */
  dilation: pairOf(1),
  /** From one element of the image to the next; zeros lie between. */
  spread: pairOf(1),
  /** Zeros before the image. A gradient of a convolution with more padding than its window reaches has a negative one. */
  padding: pairOf(-farthest),
  /** Windows; behind the image there are zeros, as many as are needed. */
  size: v.tuple([dimension, dimension]),
});
type Attrs = v.InferOutput<typeof attrs>;
const axes = [0, 1] as const;

/**
 * x [batch, groups, channels, height, width] by filters w [groups, filters, channels, height, width] ->
 * [batch, groups, filters, size]: y[q] = sum of x[(q stride + k dilation - padding) / spread] w[k] over channels and k, wherever
 * that is an element of x. Scales add. Secret x secret costs nothing until the product is truncated or reshared.
 */
export const convolve: Operator<Attrs> = {
  attrs,
  arity: 2,
  infer([x, w], given, env) {
    check(x!, w!, given);
    const [batch, groups, channels] = x!.shape as [number, number, number];
    const [, filters, , ...kernel] = w!.shape as [number, number, number, number, number];
    const shape = [batch, groups, filters, ...given.size];
    return {
      kind: productKind("convolve", x!, w!),
      shape,
      scale: x!.scale + w!.scale,
      ...capBound(x!.bound + w!.bound + sumBits(channels * kernel[0] * kernel[1]), x!.proved && w!.proved, env),
      ...contracted(
        shape,
        { type: x!, to: [0, 1, -1, undefined, undefined] },
        { type: w!, to: [1, 2, -1, undefined, undefined] },
      ),
    };
  },
  gradient(builder, [x, w], given, _output, gradient, wanted) {
    const [g, filters] = wanted[0] ? factors(builder, gradient, w!) : [];
    const [h, image] = wanted[1] ? factors(builder, gradient, x!) : [];
    return [
      g && filters ? imageGradient(builder, g, filters, x!, given) : undefined,
      h && image ? filterGradient(builder, h, image, w!, given) : undefined,
    ];
  },
  looks: productLooks,
  cost: productCost,
  workspace: ([x, w], given) => geometryOf(given, x!.shape, w!.shape).workspace,
  evaluate(context, [x, w], given, { inputs, output }) {
    const n = elements(output);
    const geometry = geometryOf(given, inputs[0]!.shape, inputs[1]!.shape);
    if (w!.kind === "public") {
      const words = publicOf(w);
      return mapLinear(context, [x!], n, (dst, [image]) => geometry.run(context, dst, image!, words, false));
    }
    if (x!.kind === "public") {
      const words = publicOf(x);
      return mapLinear(context, [w!], n, (dst, [filters]) => geometry.run(context, dst, words, filters!, false));
    }
    return productOf(context, [x!, w!], n, (dst, image, filters, accumulate) =>
      geometry.run(context, dst, image, filters, accumulate),
    );
  },
};

/** Throws ShapeError for shapes that do not fit and for sizes beyond what a party would compute. */
function check({ shape: x }: ValueType, { shape: w }: ValueType, given: Convolution): void {
  const [got, { stride, dilation, spread, padding, size }] = [`${formatShape(x)} and ${formatShape(w)}`, given];
  if (x.length !== 5 || w.length !== 5 || x[1] !== w[0] || x[2] !== w[2])
    throw new ShapeError(
      `convolve: expected [batch, groups, channels, height, width] and [groups, filters, channels, height, width], got ${got}; try reshape`,
    );
  for (const axis of axes) {
    const window = (Math.max(1, size[axis]) - 1) * stride[axis] + (Math.max(1, w[3 + axis]!) - 1) * dilation[axis];
    const image = (Math.max(1, x[3 + axis]!) - 1) * spread[axis];
    if (window + Math.abs(padding[axis]) > farthest || image > farthest)
      throw new ShapeError(
        `convolve: expected windows and images that reach over less than 2^24 places, got ${got}; try a smaller stride or dilation`,
      );
  }
  const geometry = geometryOf(given, x, w);
  if (geometry.multiplyAdds > mostMultiplyAdds)
    throw new ShapeError(`convolve: expected at most 2^40 multiply-adds, got ${got}; try a smaller batch or kernel`);
  if (geometry.canvasWords > largestImage)
    throw new ShapeError(`convolve: expected images of at most 2^24 words with padding, got ${got}; try less padding`);
}

/** [C, G, B, …] of [B, G, C, …]. */
const exchanged = [2, 1, 0, 3, 4];
/** [G, C, B, …] of [B, G, C, …], and the other way round of [C, G, O, …]. */
const asFilters = [1, 2, 0, 3, 4];
const turn = (builder: Builder, ref: Ref, order: readonly number[]) =>
  builder.node("transpose", [ref], { axes: order });
const flip = (builder: Builder, ref: Ref) => builder.node("flip", [ref], { axes: [3, 4] });
/** The padding of the transposed convolution. */
const reflected = ({ dilation, padding }: Attrs, w: Ref) =>
  axes.map((axis) => dilation[axis] * (w.type.shape[3 + axis]! - 1) - padding[axis]);

/** The transposed convolution: strides become spreads, the filters turn over. */
function imageGradient(builder: Builder, gradient: Ref, filters: Ref, x: Ref, given: Attrs): Ref {
  const { stride, dilation, spread } = given;
  const turned = flip(builder, turn(builder, filters, [0, 2, 1, 3, 4]));
  const padding = reflected(given, filters);
  const size = x.type.shape.slice(3);
  return builder.node("convolve", [gradient, turned], { stride: spread, dilation, spread: stride, padding, size });
}

/**
 * A convolution over the rows of the batch, with the gradient as filters. Of a transposed convolution with the image as filters of
 * the gradient: that multiplies by none of the zeros between the image's elements.
 */
function filterGradient(builder: Builder, gradient: Ref, image: Ref, w: Ref, given: Attrs): Ref {
  const { stride, dilation, spread, padding } = given;
  const size = w.type.shape.slice(3);
  const spreads = spread.some((step) => step > 1);
  if (spreads && stride.every((step) => step === 1)) {
    const operands = [turn(builder, gradient, exchanged), turn(builder, image, asFilters)];
    const moves = { stride: dilation, dilation: spread, spread: [1, 1], padding: reflected(given, w), size };
    return turn(builder, flip(builder, builder.node("convolve", operands, moves)), [1, 0, 2, 3, 4]);
  }
  const operands = [turn(builder, image, exchanged), turn(builder, gradient, asFilters)];
  const moves = { stride: dilation, dilation: stride, spread, padding, size };
  return turn(builder, builder.node("convolve", operands, moves), asFilters);
}
