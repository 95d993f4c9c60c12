/**
 * The gradients of a loss as an optimizer starts from them, in plan operators: all of them, then clipped if that is wanted. Not
 * differentiation, which is `plan/differentiate.ts`.
 */
import { InputError } from "../errors.js";
import { clamp, lowered, rsqrt, truncated } from "../functions/index.js";
import * as build from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import type { Tensor, Variable } from "../tensor/index.js";
import { orderOf } from "./optimizer.js";

/** How gradients are limited before they are used, all those of one optimizer. By value first, if both are wanted. */
export interface Clipping {
  /** Each element to [-clipGradValue, clipGradValue], as torch.nn.utils.clip_grad_value_. Two comparisons an element. */
  clipGradValue?: number;
  /**
   * All of them together to a length of clipGradNorm, as torch.nn.utils.clip_grad_norm_. One rsqrt and a product an element; lengths up
   * to 2000 times as large are right.
   */
  clipGradNorm?: number;
}

export function checkClipping(where: string, clipping: Clipping): void {
  for (const [name, value] of Object.entries(clipping))
    if (value !== undefined && !(value > 0))
      throw new InputError(`${where}: expected a ${name} above 0, got ${value}; try 1`);
}
export function isClipped({ clipGradNorm, clipGradValue }: Clipping): boolean {
  return clipGradNorm !== undefined || clipGradValue !== undefined;
}

/** A public factor of a gradient has room for this many bits before its product must be truncated. */
const seedBits = 10;

/**
 * Gradients times `scale`, a power of two, and clipped. Undefined for parameters on which the loss does not depend. Where they are not
 * clipped they may be products. `integerBits`: with their scale they stay below 2^integerBits.
 */
export function gradientsOf(
  loss: Tensor,
  parameters: readonly Variable[],
  { clipGradNorm, clipGradValue }: Clipping,
  scale = 1,
  integerBits = 15,
): (Ref | undefined)[] {
  const { graph } = loss;
  const b = graph.recorder;
  const { value, factor } = build.splitFactor(b, loss.ref);
  const seed = build.publicNumber(b, factor * scale, seedBits);
  let gradients = graph.gradients(value, parameters, seed);
  const each = (change: (gradient: Ref) => Ref) => {
    gradients = gradients.map((gradient) => gradient && change(gradient));
  };
  if (clipGradValue !== undefined) {
    const limit = clipGradValue * scale;
    each((gradient) => clamp(b, gradientShare(b, gradient, integerBits), -limit, limit));
  }
  if (clipGradNorm !== undefined) {
    each((gradient) => gradientShare(b, gradient, integerBits));
    const factor = shortening(
      b,
      gradients.filter((gradient) => gradient !== undefined),
      clipGradNorm * scale,
    );
    each((gradient) => build.mul(b, gradient, factor));
  }
  return gradients;
}

/** A gradient that may be larger than values usually are, at the session's scale. */
export function gradientShare(b: Builder, gradient: Ref, integerBits: number): Ref {
  const { fraction } = b.env;
  return gradient.type.scale > fraction ? truncated(b, gradient, fraction, integerBits) : build.share(b, gradient);
}

/** A length is compared and inverted as a multiple of about the limit, this many bits above it at most. */
const lengthBits = 11;
/** Squares of lengths are divided by 2^8 where rsqrt takes none above 2^15. */
const squareShift = 8;

/** What vectors, one behind the other, must be multiplied by so that they are no longer than the limit: 1, if they are not. */
function shortening(b: Builder, vectors: readonly Ref[], limit: number): Ref {
  const { fraction } = b.env;
  const order = orderOf(limit);
  const scaled = (x: Ref) =>
    order > 0
      ? truncated(b, lowered(b, x, order), fraction, lengthBits)
      : build.mul(b, x, build.constant(b, 2 ** -order, [], 0));
  const squares = vectors.map((vector) => {
    const x = scaled(vector);
    return build.sum(b, b.node("mul", [x, x]));
  });
  const length = limit * 2 ** -order;
  const total = truncated(
    b,
    squares.reduce((sum, square) => build.add(b, sum, square)),
    fraction,
    2 * lengthBits,
  );
  const isLong = build.isNegative(b, build.sub(b, build.constant(b, length ** 2, [], fraction), total));
  const inverse = rsqrt(b, truncated(b, lowered(b, total, squareShift), fraction, 15), { positive: true });
  const factor = build.share(b, build.scaleBy(b, inverse, length / 2 ** (squareShift / 2)));
  const one = build.constant(b, 1, [], fraction);
  return build.add(b, one, b.node("select", [isLong, build.share(b, build.sub(b, factor, one))]));
}
