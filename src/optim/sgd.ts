/**
 * Stochastic gradient descent with momentum and weight decay, PyTorch's formula:
 * g = gradient + weightDecay w; v = momentum v + g; w = w - lr v.
 *
 * The update is computed on the untruncated products, so that each of w and v is rounded once, without bias. A learning
 * rate is a run-time scalar of 10 bits and an exponent: changing it inside a binary order of magnitude keeps the plan.
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

export function sgd(parameters: readonly Variable[], options: SgdOptions): Optimizer {
  const { momentum = 0, weightDecay = 0 } = options;
  const velocities = new Map<Variable, Variable>();
  const optimizer: Optimizer = {
    lr: options.lr,
    minimize(loss) {
      const { graph } = loss;
      const b = graph.recorder;
      const { fraction } = graph.host.env;
      const gradients = graph.gradients(loss.ref, parameters);
      parameters.forEach((parameter, i) => {
        let step: Ref | undefined = gradients[i];
        if (!step) return;
        const weight = graph.read(parameter);
        if (weightDecay !== 0)
          step = build.add(b, step, build.mul(b, weight, graph.scalar("weightDecay", weightDecay, fraction)));
        if (momentum !== 0) {
          const velocity = velocityOf(parameter);
          step = build.add(b, step, build.mul(b, graph.read(velocity), graph.scalar("momentum", momentum, fraction)));
          graph.write(velocity, step);
        }
        const [scaled, room] = withRoom(graph.recorder, step, optimizer.lr);
        const update = build.mul(b, scaled, graph.scalar("lr", optimizer.lr, room));
        graph.write(parameter, build.sub(b, weight, build.share(b, update)));
      });
    },
  };
  function velocityOf(parameter: Variable): Variable {
    let velocity = velocities.get(parameter);
    if (!velocity) {
      velocity = new Variable(`${parameter.name}.momentum`, parameter.shape, () => 0);
      velocities.set(parameter, velocity);
    }
    return velocity;
  }
  return optimizer;
}

/**
 * A product at scale 2f leaves 61 - 2f bits for the learning rate's exponent. A smaller rate multiplies the gradient at
 * scale f instead, so that it never silently becomes 0.
 */
function withRoom(b: Tensor["graph"]["recorder"], step: Ref, lr: number): [Ref, number] {
  const room = 54 - step.type.scale;
  if (lr === 0 || Math.abs(lr) * 2 ** room >= 512) return [step, room];
  const share = build.share(b, step);
  return [share, 54 - share.type.scale];
}
