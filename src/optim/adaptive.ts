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
import { checkOptions } from "../options.js";
import { size } from "../ring/index.js";
import { type Tensor, Variable } from "../tensor/index.js";
import { type Clipping, checkClipping, gradientShare, gradientsOf } from "./gradients.js";
import {
  definedOnly,
  type Group,
  groupsOf,
  mostOrder,
  type Optimizer,
  optimizerNames,
  optimizerOf,
  orderOf,
  type Parameters,
  peakOf,
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

/** One group of parameters in one step, all of them one behind the other, so that a plan has as many nodes for many as for one. */
export interface Update<O> {
  readonly b: Builder;
  readonly group: Group<O>;
  /** Times gradScale, at the session's scale, with the group's weight decay. */
  readonly gradient: Ref;
  /** From 1. */
  readonly step: number;
  scalar(name: string, value: number, largest?: number): Ref;
  read(name: string): Ref;
  write(name: string, value: Ref): void;
  /** The root of a^2 + state^2, where the state, named "root", becomes `keep` times that. `epsFactor`: of eps, in this step. */
  divide(a: Ref, keep: number, epsFactor?: number): Pick<Hypot, "over">;
  /** Weights less the rate times a quotient, of a product or a share. `factor`: of the rate, in this step; at most `mostFactor`. */
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
  given: O & AdaptiveOptions,
  rule: Adaptive<O>,
): Optimizer {
  const { name } = rule;
  checkOptions<object>(name, given, { ...rule.defaults, ...optimizerNames, gradScale: true });
  const { gradScale = 2048, steps = 0, clipGradNorm, clipGradValue, ...options } = given;
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
      const given = gradients.slice(at, at + group.params.length);
      at += group.params.length;
      const used = group.params.filter((_, k) => given[k]);
      if (used.length === 0) return;
      const slot = (what: string) => (i === 0 ? what : `${what}.${i}`);
      const scalar = (what: string, value: number, largest = value, mostExponent = 30) =>
        graph.scalar(slot(what), value, mostExponent, largest);
      const readAll = (variables: readonly Variable[]) =>
        joined(
          b,
          variables.map((variable) => graph.read(variable)),
        );
      const writeAll = (variables: readonly Variable[], value: Ref) => {
        for (const [k, part] of parted(b, build.share(b, value), variables).entries()) graph.write(variables[k]!, part);
      };
      const states = (what: string) => used.map((parameter) => stateOf(parameter, group)[what]!);
      const weights = readAll(used);
      const decay = rule.coupledDecay(group) * gradScale;
      const shares = given.flatMap((gradient, k) => {
        if (!gradient) return [];
        if (decay === 0) return gradientShare(b, gradient, gradientBits);
        const pull = timesConstant(b, graph.read(group.params[k]!), decay, decayBits(decay));
        return gradientShare(b, build.add(b, gradient, pull), gradientBits);
      });
      rule.update({
        ...{ b, group: group as unknown as Group<O>, step: done, scalar },
        gradient: joined(b, shares),
        read: (what) => readAll(states(what)),
        write: (what, value) => writeAll(states(what), value),
        divide(a, keep, epsFactor = 1) {
          const unit = 2 ** -fraction;
          const eps = group.eps! * gradScale;
          const epsilon = scalar("eps", Math.max(eps * epsFactor, unit), Math.max(eps, unit), fraction);
          const { root, over } = hypot(b, a, readAll(states("root")), { epsilon, keep });
          writeAll(states("root"), root);
          return { over };
        },
        descend(quotient, { factor = 1, mostFactor = 1, decay: decoupled = 0 } = {}) {
          // Steps' factors are two orders more.
          const peak = peakOf(group, mostOrder - 1);
          const rate = rateScalar(graph, slot("lr"), splitRate(group.lr * factor, peak * mostFactor));
          // As many bits as leave room for the rate; no less than a weight can show.
          let step = build.mul(b, quotient(Math.min(40, 61 - rate.type.scale)), rate);
          if (decoupled !== 0)
            step = build.add(
              b,
              step,
              build.mul(b, weights, scalar("weightDecay", group.lr * decoupled, peak * decoupled)),
            );
          writeAll(used, build.sub(b, weights, build.share(b, step)));
        },
      });
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

/** Shares as one vector. */
function joined(b: Builder, parts: readonly Ref[]): Ref {
  const flat = parts.map((part) => build.reshape(b, part, [size(part.type.shape)]));
  return flat.length === 1 ? flat[0]! : build.concat(b, flat, 0);
}
/** And back, in the shapes of variables. */
function parted(b: Builder, vector: Ref, variables: readonly Variable[]): Ref[] {
  let at = 0;
  return variables.map(({ shape }) => {
    const start = at;
    at += size(shape);
    const part = variables.length === 1 ? vector : build.slice(b, vector, 0, start, at);
    return build.reshape(b, part, shape);
  });
}
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
