/**
 * What all optimizers have in common: groups of parameters with options of their own, and the form in which a learning rate
 * enters a plan. Not the formulas, which are a file each, nor the rates of a schedule (schedules.ts).
 */
import { InputError } from "../errors.js";
import * as build from "../ops/build.js";
import type { Ref } from "../ops/index.js";
import { checkOptions } from "../options.js";
import type { Graph, Tensor, Variable } from "../tensor/index.js";

export interface Optimizer {
  /** Records gradients of the loss and the updates of all parameters. Nothing is computed before the plan runs. */
  minimize(loss: Tensor): void;
  /**
   * Of the first group; when set, of all. Takes effect with the next minimize().
   *
   * One plan, so one digest and one grant, are: of sgd at up to 20 fraction bits all rates in [2^-10, 1); of the others all in
   * [2^-8, 1), all in [2^-16, 2^-8); from 1 on all below the next power of two; of a schedule all of its rates; else those of a binary
   * order of magnitude. A rate that is set lower in the same session stays in its plan: with 9 bits down to 2^-10 of the range, fewer
   * below. Where a rate grows, the step that carries a momentum over is another plan.
   */
  lr: number;
  readonly paramGroups: readonly ParamGroup[];
  /** Taken so far. */
  readonly steps: number;
  /** What the parties keep from step to step besides the parameters, for session.resume(). */
  state(): Variable[];
}

export interface Resumable {
  /** After session.resume() of state(): how many steps were taken. */
  steps?: number;
}

/** What every optimizer takes beside the options of its groups. */
export const optimizerNames = { steps: true, clipGradNorm: true, clipGradValue: true };

/** Parameters that are updated alike. */
export interface ParamGroup {
  readonly params: readonly Variable[];
  lr: number;
  /** The rate that schedules start from. */
  initialLr: number;
  /** The largest rate to come of a schedule: rates down to 2^-19 of it keep the plan's digest. */
  peakLr: number | undefined;
  /** Without a schedule: what peakOf() found for the largest rate so far. */
  range: number | undefined;
  /** The rate of the last step, if there was one. */
  lastLr: number | undefined;
  /** What a schedule may change besides the rate. */
  momentum?: number;
  betas?: readonly [number, number];
}

/** The same, with an optimizer's options. */
export type Group<O> = Required<O> & ParamGroup;
/** Parameters, or groups of them, each with the options in which it differs. */
export type Parameters<O> = readonly Variable[] | readonly (Partial<O> & { readonly params: readonly Variable[] })[];

export function groupsOf<O extends { lr: number }>(
  where: string,
  parameters: Parameters<O>,
  options: Required<O>,
): Group<O>[] {
  const isGroup = (item: (typeof parameters)[number]) => "params" in item;
  const given = (parameters.length > 0 && isGroup(parameters[0]!) ? parameters : [{ params: parameters }]) as readonly {
    readonly params: readonly Variable[];
  }[];
  const seen = new Set<Variable>();
  return given.map((own) => {
    for (const parameter of own.params) {
      if (seen.has(parameter))
        throw new InputError(`${where}: expected each parameter in one group, got ${parameter.name} in two; try one`);
      seen.add(parameter);
    }
    checkOptions(where, own, { ...options, params: true });
    const all = { ...options, ...own };
    checkRate(where, all.lr);
    return { ...all, initialLr: all.lr, peakLr: undefined, range: undefined, lastLr: undefined } as Group<O>;
  });
}

export function checkRate(where: string, lr: number): void {
  if (!Number.isFinite(lr) || lr < 0)
    throw new InputError(`${where}: expected a learning rate of 0 or more, got ${lr}; try 0.01`);
}

/** The most fraction bits a value may have. */
export const mostFraction = 61;

/** The object that users hold. */
export function optimizerOf(
  name: string,
  paramGroups: readonly ParamGroup[],
  parts: Pick<Optimizer, "minimize" | "state"> & { steps(): number },
): Optimizer {
  const text = () =>
    `${name}(lr ${paramGroups.map(({ lr }) => lr).join(", ")}, ${paramGroups.reduce((n, { params }) => n + params.length, 0)} parameters)`;
  return {
    ...{ toString: text, [Symbol.for("nodejs.util.inspect.custom")]: text },
    paramGroups,
    get lr() {
      return paramGroups[0]!.lr;
    },
    set lr(rate: number) {
      checkRate(name, rate);
      for (const group of paramGroups) group.lr = rate;
    },
    get steps() {
      return parts.steps();
    },
    state: () => parts.state(),
    minimize(loss: Tensor) {
      for (const { lr } of paramGroups) checkRate(name, lr);
      parts.minimize(loss);
    },
  };
}

/** A rate as lead / 2^order, so that one number of 10 bits and one power of two hold all the rates of a plan. */
export interface Rate {
  readonly lead: number;
  /** 0 … mostOrder; undefined where the plan is for one order of magnitude. */
  readonly order: number | undefined;
  /** No lead of the plan is larger. */
  readonly largest: number;
}
/** 2^-9 … 1 are the powers of two that a run-time scalar of 10 bits can be. */
export const mostOrder = 9;

/** Just below 1: a power of two itself would take a bit more than all numbers below it. */
const below = 1 - 2 ** -20;

/** `factor`: what the lead is to be multiplied by; their product is of one binary order of magnitude, so that it has all its bits. */
export function splitRate(rate: number, peak: number | undefined, factor = 1): Rate {
  if (peak === undefined) return { lead: rate, order: undefined, largest: rate };
  const top = orderOf(Math.max(peak, rate) * factor);
  const order = rate === 0 ? 0 : Math.min(Math.max(0, top - orderOf(rate * factor)), mostOrder);
  return { lead: rate * 2 ** order, order, largest: (2 ** (top + 1) * below) / Math.abs(factor) };
}

/**
 * The largest rate of the plan that this step belongs to: that of the group's schedule, else below the next power of 2^-orders. A
 * rate that falls stays in its plan, so that owners who granted it need not be asked again.
 */
export function peakOf(group: ParamGroup, orders: number): number {
  const { peakLr, lr } = group;
  if (peakLr !== undefined) return Math.max(peakLr, lr);
  if (group.range === undefined || lr > group.range)
    group.range =
      below *
      (lr >= 1 ? 2 ** (orderOf(lr) + 1) : lr === 0 ? 1 : 2 ** (-orders * (Math.ceil(-Math.log2(lr) / orders) - 1)));
  return group.range;
}

/** A whole rate as one public number. */
export function rateScalar(graph: Graph, name: string, rate: Rate): Ref {
  const { fraction } = graph.host.env;
  const order = orderScalar(graph, rate, name);
  const lead = graph.scalar(name, rate.lead, mostFraction - fraction - (order?.type.scale ?? 0), rate.largest);
  return order ? build.mul(graph.recorder, lead, order) : lead;
}
export function orderScalar(graph: Graph, { order }: Rate, name = "lr"): Ref | undefined {
  return order === undefined ? undefined : graph.scalar(`${name}.order`, 2 ** -order, mostFraction, 1);
}

/** An object without what is undefined. */
export function definedOnly<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}

/** The place of a number's leading bit. */
export function orderOf(x: number): number {
  return x === 0 ? 0 : Math.floor(Math.log2(Math.abs(x)));
}
