/**
 * Adagrad (Duchi et al. 2011), PyTorch's formula: G = G + g^2; w = w - lr / (1 + (t - 1) lrDecay) g / (sqrt(G) + eps). Range, precision
 * and cost are those of adaptive.ts; kept is sqrt(G).
 */
import { InputError } from "../errors.js";
import { type AdaptiveGroupOptions, type AdaptiveOptions, adaptive, operand, rootIntegerBits } from "./adaptive.js";
import type { Optimizer, Parameters } from "./optimizer.js";

export interface AdagradGroupOptions extends AdaptiveGroupOptions {
  lrDecay?: number;
  /** Added to the gradient, times the weight. */
  weightDecay?: number;
  /** Of G. */
  initialAccumulatorValue?: number;
}
export interface AdagradOptions extends AdagradGroupOptions, AdaptiveOptions {}

/** lr 0.01, lrDecay 0, weightDecay 0, initialAccumulatorValue 0, eps 1e-10. */
export function adagrad(parameters: Parameters<AdagradGroupOptions>, options: AdagradOptions = {}): Optimizer {
  return adaptive<AdagradGroupOptions>(parameters, options, {
    name: "adagrad",
    defaults: { lr: 0.01, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 },
    check({ lrDecay, initialAccumulatorValue: first }) {
      if (!(lrDecay >= 0) || !(first >= 0))
        throw new InputError(
          `adagrad: expected lrDecay and initialAccumulatorValue of 0 or more, got ${lrDecay} and ${first}; try 0`,
        );
    },
    keeps: () => ({ root: rootIntegerBits }),
    initialRoot: ({ initialAccumulatorValue }) => Math.sqrt(initialAccumulatorValue),
    coupledDecay: ({ weightDecay }) => weightDecay,
    update({ b, gradient, group, step, divide, descend }) {
      const value = operand(b, gradient, 1);
      const { over } = divide(value, 1);
      descend((bits) => over(value, 1, bits), { factor: 1 / (1 + (step - 1) * group.lrDecay) });
    },
  });
}
