/**
 * The gradients of a loss as an optimizer starts from them, in plan operators: all of them, then clipped if that is wanted. Not
 * differentiation, which is `plan/differentiate.ts`.
 */
import { InputError } from "../errors.js";
import * as build from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import type { Tensor, Variable } from "../tensor/index.js";

/** How gradients are limited before they are used, all those of one optimizer. */
export interface Clipping {
  /** Each element to [-clipGradValue, clipGradValue], as torch.nn.utils.clip_grad_value_. Two comparisons an element. */
  clipGradValue?: number;
}

export function checkClipping(where: string, { clipGradValue }: Clipping): void {
  if (clipGradValue !== undefined && !(clipGradValue > 0))
    throw new InputError(`${where}: expected a clipGradValue above 0, got ${clipGradValue}; try 1`);
}

/** A public factor of a gradient has room for this many bits before its product must be truncated. */
const seedBits = 10;

/** Gradients times 2^orders, clipped. Undefined for parameters on which the loss does not depend. */
export function clippedGradients(
  loss: Tensor,
  parameters: readonly Variable[],
  clipping: Clipping,
  orders = 0,
): (Ref | undefined)[] {
  const { graph } = loss;
  const b = graph.recorder;
  const { value, factor } = build.splitFactor(b, loss.ref);
  const seed = build.publicNumber(b, factor * 2 ** orders, seedBits);
  let gradients = graph.gradients(value, parameters, seed);
  const { clipGradValue } = clipping;
  if (clipGradValue !== undefined) {
    const limit = build.publicNumber(b, clipGradValue * 2 ** orders, 16);
    gradients = gradients.map((gradient) => gradient && clamp(b, gradient, limit));
  }
  return gradients;
}

/** x to [-limit, limit]. */
function clamp(b: Builder, x: Ref, limit: Ref): Ref {
  const value = build.share(b, x);
  const room = (limit: Ref) => build.share(b, build.sub(b, limit, value));
  const [above, below] = [room(limit), room(build.neg(b, limit))];
  const over = b.node("select", [build.isNegative(b, above), above]);
  const under = b.node("select", [build.not(b, build.isNegative(b, below)), below]);
  return build.add(b, value, build.add(b, over, under));
}
