/**
 * RMSprop (Tieleman and Hinton 2012), PyTorch's formula: v = alpha v + (1 - alpha) g^2; w = w - lr g / (sqrt(v) + eps), or with a momentum
 * u = momentum u + g / (sqrt(v) + eps); w = w - lr u. Centred, v is less the square of the mean gradient: the variance, which obeys
 * v = alpha v + alpha (1 - alpha) (g - mean)^2 and is kept itself. Range, precision and cost are those of adaptive.ts.
 */
import { InputError } from "../errors.js";
import * as build from "../ops/build.js";
import {
  type AdaptiveGroupOptions,
  type AdaptiveOptions,
  adaptive,
  gradientBits,
  operand,
  rootIntegerBits,
  towards,
} from "./adaptive.js";
import type { Optimizer, Parameters } from "./optimizer.js";

export interface RmspropGroupOptions extends AdaptiveGroupOptions {
  alpha?: number;
  momentum?: number;
  /** Added to the gradient, times the weight. */
  weightDecay?: number;
  /** Quotients must then stay below 1000: a gradient may not be further from its mean's deviation. */
  centered?: boolean;
}
export interface RmspropOptions extends RmspropGroupOptions, AdaptiveOptions {}

/** Sums of quotients stay below 2^12. */
const updateBits = 12;

/** lr 0.01, alpha 0.99, eps 1e-8, momentum 0, weightDecay 0, not centred. */
export function rmsprop(parameters: Parameters<RmspropGroupOptions>, options: RmspropOptions = {}): Optimizer {
  return adaptive<RmspropGroupOptions>(parameters, options, {
    name: "rmsprop",
    defaults: { lr: 0.01, alpha: 0.99, eps: 1e-8, momentum: 0, weightDecay: 0, centered: false },
    check({ alpha, momentum }) {
      if (!(alpha >= 0 && alpha < 1) || !(momentum >= 0))
        throw new InputError(
          `rmsprop: expected alpha in [0, 1) and a momentum of 0 or more, got ${alpha} and ${momentum}; try 0.99 and 0.9`,
        );
    },
    keeps: ({ momentum, centered }) => ({
      root: rootIntegerBits,
      ...(centered ? { mean: gradientBits } : {}),
      ...(momentum > 0 ? { update: updateBits } : {}),
    }),
    coupledDecay: ({ weightDecay }) => weightDecay,
    update({ b, gradient, group, scalar, read, write, divide, descend }) {
      const { alpha, momentum, centered } = group;
      const mean = centered ? read("mean") : undefined;
      const deviation = mean ? build.sub(b, gradient, mean) : gradient;
      if (mean) write("mean", towards(b, mean, gradient, scalar("alpha", 1 - alpha)));
      const part = centered ? alpha * (1 - alpha) : 1 - alpha;
      const { over } = divide(operand(b, deviation, Math.sqrt(part)), Math.sqrt(alpha));
      const bits = centered ? 10 : Math.ceil(Math.log2(1 / Math.sqrt(1 - alpha))) + 1;
      if (momentum === 0) {
        descend((fraction) => over(gradient, bits, fraction));
        return;
      }
      const carried = build.mul(b, read("update"), scalar("momentum", momentum));
      const next = build.share(b, build.add(b, over(gradient, bits, 40), carried));
      write("update", next);
      descend(() => next);
    },
  });
}
