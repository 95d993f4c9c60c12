/** Dropout as a function. The layer, which knows whether it trains, is `nn/dropout.ts`. */
import { InputError, ShapeError } from "../errors.js";
import * as build from "../ops/build.js";
import { coinSteps, mostDropped } from "../ops/index.js";
import type { Shape } from "../ring/index.js";
import { Tensor } from "./tensor.js";

/** Fraction bits of the factor that makes up for what is dropped: with so few a product has room for it. */
const factorBits = 8;

/**
 * Elements become 0 with probability p (at most 0.9) and are multiplied by 1/(1-p) otherwise. The mask comes from the parties' common
 * coin, another one in every run: the parties know it, whoever records the plan does not. `mask`: its shape, if one bit stands
 * for several elements.
 *
 * The factor is rounded to 9 bits and the probability fitted to it, so that means are kept: p is met to 0.002, and 1/2 exactly.
 *
 * Cost: none on what a layer leaves (x Wᵀ + b); on a truncated value, after relu() for example, one truncation unless p is 1/2.
 */
export function dropout(x: Tensor, p: number, mask: Shape = x.shape): Tensor {
  if (!(p >= 0 && p <= mostDropped))
    throw new InputError(`dropout: expected a probability from 0 to ${mostDropped}, got ${p}; try 0.5`);
  if (mask.length !== x.shape.length || mask.some((length, axis) => length !== 1 && length !== x.shape[axis]))
    throw new ShapeError(`dropout: expected a mask for [${x.shape}] of these lengths or 1, got [${mask}]`);
  const { graph, ref } = x;
  const b = graph.recorder;
  const steps = 2 ** (factorBits - Math.floor(Math.log2(1 / (1 - p))));
  const factor = Math.round(steps / (1 - p)) / steps;
  const keep = Math.round(coinSteps / factor);
  if (keep >= coinSteps) return x;
  const bits = build.broadcastTo(b, graph.bernoulli(mask, keep), x.shape);
  const kept = b.node("mul", [ref.type.kind === "bits" ? build.share(b, ref) : ref, bits]);
  return new Tensor(graph, build.mul(b, kept, build.constant(b, factor, [], build.exactScale(factor, factorBits))));
}
