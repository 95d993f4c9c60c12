/**
 * Stochastic gradient descent with momentum and weight decay, PyTorch's formula:
 * g = gradient + weightDecay w; v = momentum v + g; w = w - lr v.
 *
 * What is kept between steps is the update u = lr v itself: u' = (momentum lr'/lr) u + lr' g; w' = w - u'. That is the same
 * sequence of weights, also when the learning rate changes, and takes one truncation instead of two. The update is computed on
 * the untruncated product, so it is rounded once, without bias.
 *
 * The leading bits of the learning rate and of the loss's divisor are multiplied in where the gradients begin, on one number a
 * row and output; the power of two that is left changes only the scale at which a weight's product is read. Rates are run-time
 * scalars of 10 bits and an exponent: changing one inside a binary order of magnitude keeps the plan.
 */
import * as build from "../ops/build.js";
import { type Tensor, Variable } from "../tensor/index.js";

export interface SgdOptions {
  /** After session.resume() of state(): the rate of the last step before. Set `lr` of the optimizer for another one. */
  lr: number;
  momentum?: number;
  weightDecay?: number;
}
export interface Optimizer {
  /** Records gradients of the loss and the updates of all parameters. Nothing is computed before the plan runs. */
  minimize(loss: Tensor): void;
  /** Takes effect with the next minimize(). */
  lr: number;
  /** What the parties keep from step to step besides the parameters, for session.resume(). Nothing without momentum. */
  state(): Variable[];
}

/** The most fraction bits a value may have. */
const mostFraction = 61;
/** Updates stay below 2^6, far above anything sensible, so that one can be added to a product without truncating that first. */
const updateBits = 6;

export function sgd(parameters: readonly Variable[], options: SgdOptions): Optimizer {
  const { momentum = 0, weightDecay = 0 } = options;
  const updates = new Map<Variable, Variable>();
  let lastRate: number | undefined;
  const text = () =>
    `sgd(lr ${optimizer.lr}, momentum ${momentum}, weightDecay ${weightDecay}, ${parameters.length} parameters)`;
  const optimizer = {
    toString: text,
    [Symbol.for("nodejs.util.inspect.custom")]: text,
    lr: options.lr,
    minimize(loss: Tensor) {
      const { graph } = loss;
      const b = graph.recorder;
      const { fraction } = graph.host.env;
      const room = mostFraction - fraction;
      const { lr } = optimizer;
      lastRate ??= optimizer.state().some(({ stored }) => stored) ? options.lr : lr;
      const carried = momentum * (lastRate === 0 ? 1 : lr / lastRate);
      lastRate = lr;
      const { value, factor } = build.splitFactor(b, loss.ref);
      // Gradients are as large as if the rate were about 1, whatever it is, so that they keep their precision.
      const orders = Math.min(Math.max(0, orderOf(factor) - orderOf(lr * factor)), room);
      const rate = lr * 2 ** orders;
      const gradients = graph.gradients(value, parameters, graph.scalar("lr", rate * factor, room));
      parameters.forEach((parameter, i) => {
        const gradient = gradients[i];
        if (!gradient) return;
        const weight = graph.read(parameter);
        const decayed =
          weightDecay === 0
            ? gradient
            : build.add(b, gradient, build.mul(b, weight, graph.scalar("weightDecay", rate * weightDecay, fraction)));
        let update = build.scaleBy(b, decayed, 2 ** -orders);
        if (momentum !== 0) {
          const kept = updateOf(parameter);
          update = build.add(b, update, build.mul(b, graph.read(kept), graph.scalar("momentum", carried, fraction)));
          update = build.share(b, update);
          graph.write(kept, update);
        }
        graph.write(parameter, build.sub(b, weight, build.share(b, update)));
      });
    },
    state: () => (momentum === 0 ? [] : parameters.map(updateOf)),
  };
  function updateOf(parameter: Variable): Variable {
    let update = updates.get(parameter);
    if (!update) {
      update = new Variable(`${parameter.name}.update`, parameter.shape, () => 0, updateBits);
      updates.set(parameter, update);
    }
    return update;
  }
  return optimizer;
}

/** The place of a number's leading bit. */
function orderOf(x: number): number {
  return x === 0 ? 0 : Math.floor(Math.log2(Math.abs(x)));
}
