/**
 * Stochastic gradient descent with momentum and weight decay, PyTorch's formula:
 * g = gradient + weightDecay w; v = momentum v + g; w = w - lr v.
 *
 * What is kept between steps is the update u = lr v itself: u' = (momentum lr'/lr) u + lr' g; w' = w - u'. That is the same
 * sequence of weights, also when the learning rate changes, and takes one truncation instead of two. The update is computed on
 * the untruncated product, so it is rounded once, without bias. Rates are run-time scalars of 10 bits and an exponent:
 * changing one inside a binary order of magnitude keeps the plan.
 */
import * as build from "../ops/build.js";
import type { Ref } from "../ops/index.js";
import { type Tensor, Variable } from "../tensor/index.js";

export interface SgdOptions {
  lr: number;
  momentum?: number;
  weightDecay?: number;
}
export interface Optimizer {
  /** Records gradients of the loss and the updates of all parameters. Nothing is computed before the plan runs. */
  minimize(loss: Tensor): void;
  /** Takes effect with the next minimize(). */
  lr: number;
}

/** Truncation needs |x| < 2^62: what is left above are integer bits of an update. */
const mostFraction = 58;
/** Updates stay below 2^6, far above anything sensible, so that one can be added to a product without truncating that first. */
const updateBits = 6;

export function sgd(parameters: readonly Variable[], options: SgdOptions): Optimizer {
  const { momentum = 0, weightDecay = 0 } = options;
  const updates = new Map<Variable, Variable>();
  let lastRate: number | undefined;
  const optimizer: Optimizer = {
    lr: options.lr,
    minimize(loss) {
      const { graph } = loss;
      const b = graph.recorder;
      const { fraction } = graph.host.env;
      const { lr } = optimizer;
      const carried = momentum * (lastRate === undefined || lastRate === 0 ? 1 : lr / lastRate);
      lastRate = lr;
      const gradients = graph.gradients(loss.ref, parameters);
      parameters.forEach((parameter, i) => {
        const gradient = gradients[i];
        if (!gradient) return;
        const weight = graph.read(parameter);
        const decayed =
          weightDecay === 0
            ? gradient
            : build.add(b, gradient, build.mul(b, weight, graph.scalar("weightDecay", weightDecay, fraction)));
        const [step, room] = withRoom(b, decayed, lr);
        let update = build.mul(b, step, graph.scalar("lr", lr, room));
        if (momentum !== 0) {
          const kept = updateOf(parameter);
          update = build.add(b, update, build.mul(b, graph.read(kept), graph.scalar("momentum", carried, fraction)));
          update = build.share(b, update);
          graph.write(kept, update);
        }
        graph.write(parameter, build.sub(b, weight, build.share(b, update)));
      });
    },
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

/**
 * A product at scale 2f leaves 58 - 2f bits for the learning rate's exponent (and 4 for the update's integer part). A smaller
 * rate multiplies the gradient at scale f instead, so that it never silently becomes 0.
 */
function withRoom(b: Tensor["graph"]["recorder"], step: Ref, lr: number): [Ref, number] {
  const room = mostFraction - step.type.scale;
  if (lr === 0 || Math.abs(lr) * 2 ** room >= 512) return [step, room];
  const share = build.share(b, step);
  return [share, mostFraction - share.type.scale];
}
