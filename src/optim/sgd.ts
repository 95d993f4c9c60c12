/**
 * Stochastic gradient descent with momentum, dampening, Nesterov's momentum and weight decay, PyTorch's formula:
 * g = gradient + weightDecay w; v = momentum v + (1 - dampening) g, in the first step v = g; w = w - lr v, or with Nesterov's
 * momentum w = w - lr (g + momentum v).
 *
 * What is kept between steps is the update u = lr v itself: u' = (momentum lr'/lr) u + lr' g; w' = w - u'. That is the same
 * sequence of weights, also when the learning rate changes, and takes one truncation instead of two. The update is computed on
 * the untruncated product, so it is rounded once, without bias.
 *
 * The leading bits of the learning rate and of the loss's divisor are multiplied in where the gradients begin, on one number a
 * row and output; the power of two that is left changes only the scale at which a weight's product is read. Rates are run-time
 * scalars of 10 bits and a power of two: at up to 20 fraction bits all in [2^-10, 1) are one plan, and so are those of a schedule;
 * others are one plan with those of their binary order of magnitude. Groups with rates of their own, and clipping, take the gradients as
 * they are and multiply by the rate at the end.
 */
import { InputError } from "../errors.js";
import * as build from "../ops/build.js";
import type { Ref } from "../ops/index.js";
import { checkOptions } from "../options.js";
import { type Graph, type Tensor, Variable } from "../tensor/index.js";
import { type Clipping, checkClipping, gradientsOf, isClipped } from "./gradients.js";
import {
  definedOnly,
  type Group,
  groupsOf,
  mostFraction,
  mostOrder,
  type Optimizer,
  optimizerNames,
  optimizerOf,
  orderOf,
  orderScalar,
  type Parameters,
  peakOf,
  type Rate,
  type Resumable,
  rateScalar,
  splitRate,
} from "./optimizer.js";

export interface SgdGroupOptions {
  /** After session.resume() of state(): the rate of the last step before. Set `lr` of the optimizer for another one. */
  lr: number;
  momentum?: number;
  /** Of the gradient, from the second step on. Default 0. */
  dampening?: number;
  weightDecay?: number;
  /** Needs a momentum and no dampening. Two rounds more, and one truncation more for each element. */
  nesterov?: boolean;
}
export interface SgdOptions extends SgdGroupOptions, Clipping, Resumable {}
type SgdGroup = Group<SgdGroupOptions>;

/** Updates stay below 2^6, far above anything sensible, so that one can be added to a product without truncating that first. */
const updateBits = 6;
/** With a schedule: a product with this scale and the schedule's power of two still has room. Gradients of smaller rates are smaller. */
const mostScheduledOrders = 11;

export function sgd(parameters: Parameters<SgdGroupOptions>, options: SgdOptions): Optimizer {
  const defaults = { momentum: 0, dampening: 0, weightDecay: 0, nesterov: false };
  checkOptions("sgd", options, { lr: true, ...defaults, ...optimizerNames });
  const { clipGradNorm, clipGradValue, steps = 0, ...given } = options;
  const clipping = definedOnly({ clipGradNorm, clipGradValue });
  checkClipping("sgd", clipping);
  const groups = groupsOf<SgdGroupOptions>("sgd", parameters, { ...defaults, ...given });
  for (const { nesterov, momentum, dampening } of groups)
    if (nesterov && (momentum <= 0 || dampening !== 0))
      throw new InputError(
        `sgd: expected a momentum and no dampening for Nesterov's momentum, got ${momentum} and ${dampening}; try momentum: 0.9`,
      );
  const all = groups.flatMap(({ params }) => params);
  const updates = new Map<Variable, Variable>();
  const keeps = ({ momentum }: SgdGroup) => momentum !== 0;
  const state = () => groups.flatMap((group) => (keeps(group) ? group.params.map(updateOf) : []));

  let done = steps;
  function minimize(loss: Tensor): void {
    done++;
    const { graph } = loss;
    const b = graph.recorder;
    const resumed = state().some(({ stored }) => stored);
    const chosen = groups.map((group) => {
      const { lr, dampening, lastLr } = group;
      const known = peakOf(group, mostOrder + 1);
      const peak = group.peakLr === undefined && !hasRoom(graph, known) ? undefined : known;
      const isFirst = !resumed && lastLr === undefined;
      // With dampening the first step's rate is another one than that of all others, in the same plan.
      return { lr: isFirst ? lr : lr * (1 - dampening), peak: dampening === 0 ? peak : Math.max(peak ?? 0, lr) };
    });
    const rates = chosen.map(({ lr, peak }) => splitRate(lr, peak));
    const shared = !isClipped(clipping) && rates.every((rate) => sameRate(rate, rates[0]!));
    const { gradients, rate, orders } = shared
      ? withRate(loss, all, chosen[0]!)
      : { gradients: gradientsOf(loss, all, clipping), rate: undefined, orders: 0 };
    const order = rate && orderScalar(graph, rate);
    let at = 0;
    groups.forEach((group, i) => {
      const { momentum, weightDecay, nesterov, lr, params } = group;
      const name = (what: string) => (i === 0 ? what : `${what}.${i}`);
      const { fraction } = graph.host.env;
      const factor = rate ?? { lead: 1, largest: 1 };
      const decay =
        weightDecay === 0
          ? undefined
          : graph.scalar(name("weightDecay"), factor.lead * weightDecay, fraction, factor.largest * weightDecay);
      const own = shared ? undefined : rateScalar(graph, name("lr"), rates[i]!);
      const before = group.lastLr ?? (resumed ? group.initialLr : lr);
      const carried = momentum * (before === 0 ? 1 : lr / before);
      const scheduled = group.peakLr !== undefined;
      const carry = keeps(group) ? carryScalar(graph, name("momentum"), carried, scheduled) : undefined;
      const nesterovs = nesterov ? graph.scalar(name("nesterov"), momentum, fraction) : undefined;
      group.lastLr = lr;
      for (const parameter of params) {
        const gradient = gradients[at++];
        if (!gradient) continue;
        const weight = graph.read(parameter);
        let update = decay ? build.add(b, gradient, build.mul(b, weight, decay)) : gradient;
        if (own) update = build.mul(b, build.share(b, update), own);
        if (order) update = build.mul(b, update, order);
        update = build.scaleBy(b, update, 2 ** -orders);
        if (carry) {
          const kept = updateOf(parameter);
          const next = build.share(b, build.add(b, update, build.mul(b, graph.read(kept), carry)));
          graph.write(kept, next);
          update = nesterovs ? build.add(b, update, build.mul(b, next, nesterovs)) : next;
        }
        graph.write(parameter, build.sub(b, weight, build.share(b, update)));
      }
    });
  }

  function updateOf(parameter: Variable): Variable {
    let update = updates.get(parameter);
    if (!update) {
      update = new Variable(`${parameter.name}.update`, parameter.shape, () => 0, updateBits);
      updates.set(parameter, update);
    }
    return update;
  }
  return optimizerOf("sgd", groups, { minimize, state, steps: () => done });
}

/** Whether the power of two of all rates up to `peak` fits behind a product: else it would cost truncations. */
function hasRoom({ host }: Graph, peak: number): boolean {
  return peak > 0.5 && host.env.fraction <= 20;
}

function sameRate(a: Rate, b: Rate): boolean {
  return a.lead === b.lead && a.order === b.order && a.largest === b.largest;
}

/** Gradients times `rate.lead`: those of the loss times the chosen rate without its `order`, times 2^orders. */
function withRate(
  loss: Tensor,
  parameters: readonly Variable[],
  chosen: { readonly lr: number; readonly peak: number | undefined },
): { gradients: (Ref | undefined)[]; rate: Rate; orders: number } {
  const { graph } = loss;
  const { value, factor } = build.splitFactor(graph.recorder, loss.ref);
  const { lead, largest, order } = splitRate(chosen.lr, chosen.peak, factor);
  const room = mostFraction - graph.host.env.fraction;
  // Gradients are as large as if the rate were about 1, whatever it is, so that they keep their precision.
  const most = order === undefined ? room : Math.min(room, mostScheduledOrders);
  const orders = Math.min(Math.max(0, orderOf(factor) - orderOf(largest * factor)), most);
  const rate = { lead: lead * 2 ** orders, largest: largest * 2 ** orders, order };
  const seed = graph.scalar("lr", rate.lead * factor, room, rate.largest * factor);
  return { gradients: graph.gradients(value, parameters, seed), rate, orders };
}

/** What the last update is multiplied by: less than 1 while the rate does not grow. In a schedule it may be large, where a rate starts again. */
function carryScalar(graph: Graph, name: string, carried: number, scheduled: boolean): Ref {
  const { fraction } = graph.host.env;
  if (!scheduled) return graph.scalar(name, carried, fraction, Math.max(carried, 0.75));
  const order = Math.min(Math.max(0, orderOf(carried) + 1), mostOrder);
  const lead = graph.scalar(name, carried / 2 ** order, fraction, 0.75);
  return build.mul(graph.recorder, lead, graph.scalar(`${name}.order`, 2 ** order, 0, 2 ** mostOrder));
}
