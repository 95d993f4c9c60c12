/**
 * What Adam, Adagrad and RMSprop have in common: an update that is divided by the root of a mean of squared gradients, element by
 * element. Not their formulas, which are a file each.
 *
 * A mean of squares has twice the range of gradients, more than a word of fixed point has. So what the parties keep is its root, and
 * `functions/hypot.ts` goes from root to root. Gradients are taken times `gradScale`: with 2^11, the default, at 20 fraction bits, roots
 * between 10^-7 and 128 are exact to 1 %, larger ones are wrong, smaller ones count as about 10^-8. Derivatives of one row's loss at
 * any point of the network must stay below 2^15 / gradScale times the rows of a mean: 16 for a sum, 2000 for the mean of 128.
 *
 * Cost with rep3 and 20 bits: about 50 rounds more than sgd, and 370 bytes for each parameter and party, which sgd updates for 11.
 */
import { InputError } from "../errors.js";
import { type Hypot, hypot, operandBits, timesConstant, truncated } from "../functions/index.js";
import * as build from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { size } from "../ring/index.js";
import { type Graph, type Tensor, Variable } from "../tensor/index.js";
import { type Clipping, checkClipping, gradientShare, gradientsOf } from "./gradients.js";
import {
  definedOnly,
  type Group,
  groupsOf,
  type Optimizer,
  optimizerOf,
  orderOf,
  type Parameters,
  type Resumable,
  rateScalar,
  splitRate,
} from "./optimizer.js";

export interface AdaptiveOptions extends Clipping, Resumable {
  /** What gradients are multiplied by, a power of two; see adaptive.ts for the range. Default 2^11. */
  gradScale?: number;
}
export interface AdaptiveGroupOptions {
  lr?: number;
  /** Added to the root, as in PyTorch, but no less than 2^-20 / gradScale. */
  eps?: number;
}

/** Gradients with their scale stay below 2^23: those of an average that decays slowly may be far above their root. */
export const gradientBits = 23;

/** One parameter in one step. */
export interface Update<O> {
  readonly b: Builder;
  readonly graph: Graph;
  readonly group: Group<O>;
  readonly parameter: Variable;
  readonly weight: Ref;
  /** Times gradScale, at the session's scale, with the group's weight decay. */
  readonly gradient: Ref;
  /** From 1. */
  readonly step: number;
  /** A number of this step: the same slot for all parameters of a group. */
  scalar(name: string, value: number, largest?: number): Ref;
  read(name: string): Ref;
  write(name: string, value: Ref): void;
  /** The root of a^2 + state^2, where the state, named "root", becomes `keep` times that. `eps` times gradScale is added to divisors. */
  divide(a: Ref, keep: number, epsFactor?: number): Pick<Hypot, "over">;
  /** The weight less the rate times a quotient, of a product or a share. `factor`: of the rate, in this step; at most `mostFactor`. */
  descend(quotient: (bits: number) => Ref, options?: { factor?: number; mostFactor?: number; decay?: number }): void;
}

export interface Adaptive<O> {
  readonly name: string;
  readonly defaults: Required<O>;
  check(options: Required<O>): void;
  /** Names of what is kept of each parameter, and below which power of two it stays, gradScale included. */
  keeps(options: Required<O>): Readonly<Record<string, number>>;
  /** The first value of "root". */
  initialRoot?(options: Required<O>): number;
  /** Added to the gradient, times the weight. */
  coupledDecay(options: Required<O>): number;
  update(update: Update<O>): void;
}

export function adaptive<O extends AdaptiveGroupOptions>(
  parameters: Parameters<O>,
  { gradScale = 2048, steps = 0, clipGradNorm, clipGradValue, ...options }: O & AdaptiveOptions,
  rule: Adaptive<O>,
): Optimizer {
  const { name } = rule;
  if (!Number.isInteger(Math.log2(gradScale)))
    throw new InputError(`${name}: expected a gradScale that is a power of two, got ${gradScale}; try 2048`);
  const clipping = definedOnly({ clipGradNorm, clipGradValue });
  checkClipping(name, clipping);
  const groups = groupsOf<Required<O> & { lr: number }>(
    name,
    parameters as never,
    { ...rule.defaults, ...options } as never,
  );
  for (const group of groups) rule.check(group);
  const kept = new Map<Variable, Readonly<Record<string, Variable>>>();
  let done = steps;

  const stateOf = (parameter: Variable, group: Required<O>): Readonly<Record<string, Variable>> => {
    let state = kept.get(parameter);
    if (!state) {
      const first = (rule.initialRoot?.(group) ?? 0) * gradScale;
      state = Object.fromEntries(
        Object.entries(rule.keeps(group)).map(([what, bits]) => {
          const isRoot = what === "root" && first > 0;
          const initial = () => (isRoot ? new Float64Array(size(parameter.shape)).fill(first) : 0);
          return [what, new Variable(`${parameter.name}.${what}`, parameter.shape, initial, bits)];
        }),
      );
      kept.set(parameter, state);
    }
    return state;
  };

  function minimize(loss: Tensor): void {
    const { graph } = loss;
    const b = graph.recorder;
    const { fraction } = b.env;
    const all = groups.flatMap(({ params }) => params);
    const gradients = gradientsOf(loss, all, clipping, gradScale, gradientBits);
    done++;
    let at = 0;
    groups.forEach((group, i) => {
      const scalars = new Map<string, Ref>();
      const scalar = (what: string, value: number, largest = value, mostExponent = 30) => {
        const slot = i === 0 ? what : `${what}.${i}`;
        const known = scalars.get(slot) ?? graph.scalar(slot, value, mostExponent, largest);
        scalars.set(slot, known);
        return known;
      };
      let rate: Ref | undefined;
      for (const parameter of group.params) {
        const given = gradients[at++];
        if (!given) continue;
        const weight = graph.read(parameter);
        const state = stateOf(parameter, group);
        const decay = rule.coupledDecay(group) * gradScale;
        const whole = decay === 0 ? given : build.add(b, given, timesConstant(b, weight, decay, decayBits(decay)));
        const update: Update<O> = {
          ...{ b, graph, group: group as unknown as Group<O>, parameter, weight, step: done, scalar },
          gradient: gradientShare(b, whole, gradientBits),
          read: (what) => graph.read(state[what]!),
          write: (what, value) => graph.write(state[what]!, value),
          divide(a, keep, epsFactor = 1) {
            const unit = 2 ** -fraction;
            const eps = group.eps! * gradScale;
            const epsilon = scalar("eps", Math.max(eps * epsFactor, unit), Math.max(eps, unit), fraction);
            const { root, over } = hypot(b, a, graph.read(state.root!), { epsilon, keep });
            graph.write(state.root!, root);
            return { over };
          },
          descend(quotient, { factor = 1, mostFactor = 1, decay: decoupled = 0 } = {}) {
            const peak = (group.peakLr ?? group.lr) * mostFactor;
            const name = i === 0 ? "lr" : `lr.${i}`;
            rate ??= rateScalar(graph, name, splitRate(group.lr * factor, peak));
            // As many bits as leave room for the rate; no less than a weight can show.
            const value = quotient(Math.min(40, 61 - rate.type.scale));
            const step = build.mul(b, value, rate);
            const whole =
              decoupled === 0
                ? step
                : build.add(
                    b,
                    step,
                    build.mul(b, weight, scalar("weightDecay", group.lr * decoupled, peakOf(group) * decoupled)),
                  );
            graph.write(parameter, build.sub(b, weight, build.share(b, whole)));
          },
        };
        rule.update(update);
      }
      group.lastLr = group.lr;
    });
  }
  return optimizerOf(name, groups, {
    minimize,
    state: () =>
      groups.flatMap((group) => group.params.flatMap((parameter) => Object.values(stateOf(parameter, group)))),
    steps: () => done,
  });
}

const peakOf = ({ peakLr, lr }: { peakLr: number | undefined; lr: number }) => Math.max(peakLr ?? 0, lr);
/** Roots are what hypot takes at 20 fraction bits. */
export const rootIntegerBits = operandBits - 20;
/** Fraction bits at which a decay has 16 significant ones. */
const decayBits = (decay: number) => Math.max(0, 15 - orderOf(decay));

/** x times a public number, to 16 significant bits, for operands of hypot. */
export function operand(b: Builder, x: Ref, factor: number): Ref {
  const { fraction } = b.env;
  if (factor === 1) return x;
  return truncated(b, timesConstant(b, x, factor, 15 - orderOf(factor)), fraction, operandBits - fraction);
}

/** x + part (y - x), for a public part. */
export function towards(b: Builder, x: Ref, y: Ref, part: Ref): Ref {
  const { fraction } = b.env;
  return truncated(b, build.add(b, x, build.mul(b, build.sub(b, y, x), part)), fraction, gradientBits);
}
