/**
 * Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), PyTorch's formulas with bias correction:
 * m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w = w - lr m' / (sqrt(v') + eps) for m' = m / (1 - beta1^t) and
 * v' = v / (1 - beta2^t). Range, precision and cost are those of adaptive.ts; kept are m and sqrt(beta2 v).
 */
import { InputError } from "../errors.js";
import {
  type Adaptive,
  type AdaptiveGroupOptions,
  type AdaptiveOptions,
  adaptive,
  gradientBits,
  operand,
  rootIntegerBits,
  towards,
} from "./adaptive.js";
import type { Optimizer, Parameters } from "./optimizer.js";

export interface AdamGroupOptions extends AdaptiveGroupOptions {
  betas?: readonly [number, number];
  weightDecay?: number;
}
export interface AdamOptions extends AdamGroupOptions, AdaptiveOptions {}

/** lr 1e-3, betas [0.9, 0.999], eps 1e-8; weightDecay (0) is added to the gradient. */
export function adam(parameters: Parameters<AdamGroupOptions>, options: AdamOptions = {}): Optimizer {
  return adaptive(parameters, options, rule("adam", 0, true));
}
/** The same with a weightDecay (0.01) that shrinks the weights instead: w = w - lr weightDecay w. */
export function adamW(parameters: Parameters<AdamGroupOptions>, options: AdamOptions = {}): Optimizer {
  return adaptive(parameters, options, rule("adamW", 0.01, false));
}

function rule(name: string, weightDecay: number, coupled: boolean): Adaptive<AdamGroupOptions> {
  return {
    name,
    defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay },
    check({ betas }) {
      if (betas.some((beta) => !(beta >= 0 && beta < 1)) || betas[0] ** 2 >= betas[1])
        throw new InputError(
          `${name}: expected betas in [0, 1), the square of the first below the second, got ${betas}; try [0.9, 0.999]`,
        );
    },
    keeps: () => ({ mean: gradientBits, root: rootIntegerBits }),
    coupledDecay: ({ weightDecay }) => (coupled ? weightDecay : 0),
    update({ b, gradient, group, step, scalar, read, write, divide, descend }) {
      const [first, second] = group.betas;
      const mean = towards(b, read("mean"), gradient, scalar("beta1", 1 - first, 0.5));
      write("mean", mean);
      const correction = Math.sqrt(1 - second ** step);
      const { over } = divide(operand(b, gradient, Math.sqrt(1 - second)), Math.sqrt(second), correction);
      // Cauchy and Schwarz, for the first beta 0: no other one lets the mean be further above the root.
      const bits = Math.ceil(Math.log2(1 / Math.sqrt(1 - second))) + 1;
      descend((fraction) => over(mean, bits, fraction), {
        factor: correction / (1 - first ** step),
        mostFactor: largestFactor(first, second),
        decay: coupled ? 0 : group.weightDecay,
      });
    },
  };
}
/** The largest factor that bias correction gives a rate in any step. */
function largestFactor(first: number, second: number): number {
  let most = 1;
  for (let step = 1; step < 1000; step++) most = Math.max(most, Math.sqrt(1 - second ** step) / (1 - first ** step));
  return most;
}
