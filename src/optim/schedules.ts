/**
 * Learning rates over time, PyTorch's `lr_scheduler`. Not an optimizer: a schedule sets the rates of one, before the first
 * step and at each step(). Rates are run-time scalars; the largest one of a schedule is known beforehand, so that all of its
 * steps are one plan with one digest, and owners agree once. Rates have 9 bits down to 2^-10 of the largest, fewer below, and
 * are 0 below 2^-20 of it. A momentum is lost where a rate is 0.
 */
import { InputError } from "../errors.js";
import { checkOptions } from "../options.js";
import type { Optimizer, ParamGroup } from "./optimizer.js";

export interface LRScheduler {
  /** To be called after each epoch, or each step, as the schedule counts. */
  step(): void;
  /** How often step() was called. */
  readonly lastEpoch: number;
  /** By group. */
  getLastLr(): number[];
  /** Of a group at any time: for sequentialLR. */
  at(group: ParamGroup, epoch: number): Setting;
  peak(group: ParamGroup): number;
}
export interface Setting {
  readonly lr: number;
  readonly momentum?: number;
}
export interface Resumed {
  /** After session.resume(): lastEpoch of the schedule that was left; its next rates are then in force. Default -1: the beginning. */
  lastEpoch?: number;
}

function schedule(
  optimizer: Optimizer,
  parts: { at(group: ParamGroup, epoch: number): Setting; peak(group: ParamGroup): number },
  { lastEpoch = -1 }: Resumed,
): LRScheduler {
  const groups = optimizer.paramGroups;
  let epoch = lastEpoch;
  const step = (): void => {
    epoch++;
    for (const group of groups) {
      const { lr, momentum } = parts.at(group, epoch);
      group.lr = lr;
      if (momentum === undefined) continue;
      if (group.betas) group.betas = [momentum, group.betas[1]];
      else group.momentum = momentum;
    }
  };
  for (const group of groups) {
    group.peakLr = parts.peak(group);
    if (epoch >= 0) group.lastLr ??= parts.at(group, epoch).lr;
  }
  step();
  return {
    ...parts,
    step,
    getLastLr: () => groups.map(({ lr }) => lr),
    get lastEpoch() {
      return epoch;
    },
  };
}

/** A schedule whose rates are the first rate times a factor that is never above `most`. */
function factors(optimizer: Optimizer, factor: (epoch: number) => number, most: number, options: Resumed): LRScheduler {
  const at = ({ initialLr }: ParamGroup, epoch: number) => ({ lr: initialLr * factor(epoch) });
  return schedule(optimizer, { at, peak: ({ initialLr }) => initialLr * most }, options);
}

function positive(where: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new InputError(`${where}: expected ${name} of at least 1, got ${value}; try a whole number of steps`);
}

/** lr gamma^floor(epoch / stepSize); gamma is 0.1 unless given, and at most 1. */
export function stepLR(optimizer: Optimizer, options: Resumed & { stepSize: number; gamma?: number }): LRScheduler {
  checkOptions("stepLR", options, { stepSize: true, gamma: true, lastEpoch: true });
  const { stepSize, gamma = 0.1 } = options;
  positive("stepLR", "a stepSize", stepSize);
  decay("stepLR", gamma);
  return factors(optimizer, (epoch) => gamma ** Math.floor(epoch / stepSize), 1, options);
}
/** lr times gamma for each milestone that is reached. */
export function multiStepLR(
  optimizer: Optimizer,
  options: Resumed & { milestones: readonly number[]; gamma?: number },
): LRScheduler {
  checkOptions("multiStepLR", options, { milestones: true, gamma: true, lastEpoch: true });
  const { milestones, gamma = 0.1 } = options;
  decay("multiStepLR", gamma);
  return factors(optimizer, (epoch) => gamma ** milestones.filter((at) => at <= epoch).length, 1, options);
}
/** lr gamma^epoch. */
export function exponentialLR(optimizer: Optimizer, options: Resumed & { gamma: number }): LRScheduler {
  checkOptions("exponentialLR", options, { gamma: true, lastEpoch: true });
  decay("exponentialLR", options.gamma);
  return factors(optimizer, (epoch) => options.gamma ** epoch, 1, options);
}
function decay(where: string, gamma: number): void {
  if (!(gamma > 0 && gamma <= 1))
    throw new InputError(`${where}: expected a gamma in (0, 1], got ${gamma}; try lambdaLR for rates that grow`);
}
/** lr times a factor that goes from startFactor (1/3) to endFactor (1) in totalIters (5): a warm-up, or a linear decay. */
export function linearLR(
  optimizer: Optimizer,
  options: Resumed & { startFactor?: number; endFactor?: number; totalIters?: number } = {},
): LRScheduler {
  checkOptions("linearLR", options, { startFactor: true, endFactor: true, totalIters: true, lastEpoch: true });
  const { startFactor: start = 1 / 3, endFactor: end = 1, totalIters = 5 } = options;
  positive("linearLR", "totalIters", totalIters);
  const factor = (epoch: number) => start + ((end - start) * Math.min(epoch, totalIters)) / totalIters;
  return factors(optimizer, factor, Math.max(start, end), options);
}
/** lr times `factor` (1/3) for the first totalIters (5) epochs. */
export function constantLR(
  optimizer: Optimizer,
  options: Resumed & { factor?: number; totalIters?: number } = {},
): LRScheduler {
  checkOptions("constantLR", options, { factor: true, totalIters: true, lastEpoch: true });
  const { factor = 1 / 3, totalIters = 5 } = options;
  return factors(optimizer, (epoch) => (epoch < totalIters ? factor : 1), Math.max(1, factor), options);
}
/** lr (1 - epoch / totalIters)^power, 0 from then on. */
export function polynomialLR(
  optimizer: Optimizer,
  options: Resumed & { totalIters?: number; power?: number } = {},
): LRScheduler {
  checkOptions("polynomialLR", options, { totalIters: true, power: true, lastEpoch: true });
  const { totalIters = 5, power = 1 } = options;
  positive("polynomialLR", "totalIters", totalIters);
  return factors(optimizer, (epoch) => (1 - Math.min(epoch, totalIters) / totalIters) ** power, 1, options);
}
/** Half a cosine from lr down to etaMin (0) in tMax epochs, and up again. */
export function cosineAnnealingLR(
  optimizer: Optimizer,
  options: Resumed & { tMax: number; etaMin?: number },
): LRScheduler {
  checkOptions("cosineAnnealingLR", options, { tMax: true, etaMin: true, lastEpoch: true });
  const { tMax, etaMin = 0 } = options;
  positive("cosineAnnealingLR", "tMax", tMax);
  const at = ({ initialLr }: ParamGroup, epoch: number) => ({ lr: cosine(initialLr, etaMin, epoch / tMax) });
  return schedule(optimizer, { at, peak: ({ initialLr }) => Math.max(initialLr, etaMin) }, options);
}
/** The same over t0 epochs, then from the beginning over tMult times as many, and so on. */
export function cosineAnnealingWarmRestarts(
  optimizer: Optimizer,
  options: Resumed & { t0: number; tMult?: number; etaMin?: number },
): LRScheduler {
  checkOptions("cosineAnnealingWarmRestarts", options, { t0: true, tMult: true, etaMin: true, lastEpoch: true });
  const { t0, tMult = 1, etaMin = 0 } = options;
  positive("cosineAnnealingWarmRestarts", "t0", t0);
  positive("cosineAnnealingWarmRestarts", "tMult", tMult);
  const at = ({ initialLr }: ParamGroup, epoch: number) => {
    let [length, since] = [t0, epoch];
    while (since >= length) {
      since -= length;
      length *= tMult;
    }
    return { lr: cosine(initialLr, etaMin, since / length) };
  };
  return schedule(optimizer, { at, peak: ({ initialLr }) => Math.max(initialLr, etaMin) }, options);
}
/** From `from` at 0 to `to` at 1. */
const cosine = (from: number, to: number, at: number): number => to + ((from - to) * (1 + Math.cos(Math.PI * at))) / 2;

export interface OneCycleOptions extends Resumed {
  maxLr: number;
  totalSteps: number;
  /** The part of the steps in which the rate grows. Default 0.3. */
  pctStart?: number;
  /** The first rate is maxLr / divFactor (25), the last one that by finalDivFactor (10^4). */
  divFactor?: number;
  finalDivFactor?: number;
  annealStrategy?: "cos" | "linear";
  threePhase?: boolean;
  /** Default: for optimizers that were given a momentum. It goes from maxMomentum (0.95) to baseMomentum (0.85) and back. */
  cycleMomentum?: boolean;
  baseMomentum?: number;
  maxMomentum?: number;
}
/** Smith and Topin's 1cycle policy (arXiv 1708.07120), as in PyTorch: up to maxLr and far down again, once. */
export function oneCycleLR(optimizer: Optimizer, options: OneCycleOptions): LRScheduler {
  checkOptions("oneCycleLR", options, {
    maxLr: true,
    totalSteps: true,
    pctStart: true,
    divFactor: true,
    finalDivFactor: true,
    annealStrategy: true,
    threePhase: true,
    cycleMomentum: true,
    baseMomentum: true,
    maxMomentum: true,
    lastEpoch: true,
  });
  const { maxLr, totalSteps, pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options;
  const { annealStrategy = "cos", threePhase = false, baseMomentum = 0.85, maxMomentum = 0.95 } = options;
  positive("oneCycleLR", "totalSteps", totalSteps);
  const [first, last] = [maxLr / divFactor, maxLr / divFactor / finalDivFactor];
  const [high, low] = [maxMomentum, baseMomentum];
  const phases = threePhase
    ? [
        { end: pctStart * totalSteps - 1, lr: [first, maxLr], momentum: [high, low] },
        { end: 2 * pctStart * totalSteps - 2, lr: [maxLr, first], momentum: [low, high] },
        { end: totalSteps - 1, lr: [first, last], momentum: [high, high] },
      ]
    : [
        { end: pctStart * totalSteps - 1, lr: [first, maxLr], momentum: [high, low] },
        { end: totalSteps - 1, lr: [maxLr, last], momentum: [low, high] },
      ];
  const linear = (from: number, to: number, at: number) => from + (to - from) * at;
  const anneal = annealStrategy === "cos" ? cosine : linear;
  const at = (group: ParamGroup, epoch: number): Setting => {
    if (epoch >= totalSteps)
      throw new InputError(`oneCycleLR: expected at most ${totalSteps} steps, got one more; try a larger totalSteps`);
    let start = 0;
    const phase = phases.find(({ end }, i) => {
      if (epoch <= end || i === phases.length - 1) return true;
      start = end;
      return false;
    })!;
    const part = (epoch - start) / (phase.end - start);
    const { cycleMomentum = group.betas !== undefined || (group.momentum ?? 0) !== 0 } = options;
    const lr = anneal(phase.lr[0]!, phase.lr[1]!, part);
    return cycleMomentum ? { lr, momentum: anneal(phase.momentum[0]!, phase.momentum[1]!, part) } : { lr };
  };
  return schedule(optimizer, { at, peak: () => maxLr }, options);
}

/** lr times lrLambda(epoch). `most`: the factor is never larger, 1 unless given; where it is all the same, the plan is another one. */
export function lambdaLR(
  optimizer: Optimizer,
  options: Resumed & { lrLambda: (epoch: number) => number; most?: number },
): LRScheduler {
  checkOptions("lambdaLR", options, { lrLambda: true, most: true, lastEpoch: true });
  return factors(optimizer, options.lrLambda, options.most ?? 1, options);
}

/** One schedule after the other: the next one begins, from its own beginning, at each milestone. */
export function sequentialLR(
  optimizer: Optimizer,
  options: Resumed & { schedulers: readonly LRScheduler[]; milestones: readonly number[] },
): LRScheduler {
  checkOptions("sequentialLR", options, { schedulers: true, milestones: true, lastEpoch: true });
  const { schedulers, milestones } = options;
  if (milestones.length !== schedulers.length - 1)
    throw new InputError(
      `sequentialLR: expected ${schedulers.length - 1} milestones for ${schedulers.length} schedules, got ${milestones.length}; try one between each two`,
    );
  const at = (group: ParamGroup, epoch: number) => {
    const which = milestones.filter((milestone) => milestone <= epoch).length;
    return schedulers[which]!.at(group, epoch - (which === 0 ? 0 : milestones[which - 1]!));
  };
  const peak = (group: ParamGroup) => Math.max(...schedulers.map((each) => each.peak(group)));
  return schedule(optimizer, { at, peak }, options);
}
