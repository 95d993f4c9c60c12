/**
 * Holds a recorded function against float64 over many points. The points are rounded to the session's fraction first, so that what
 * is measured is the function's own error, its stochastic rounding included. Does not run plans: the caller brings that.
 */
import type { FunctionEntry, Interval } from "../src/functions/table.js";
import { share } from "../src/ops/build.js";
import type { Builder, Ref } from "../src/ops/index.js";
import { Recorder } from "../src/plan/index.js";

export interface Miss {
  /** The smaller of the absolute and the relative error. */
  readonly error: number;
  readonly absolute: number;
  readonly relative: number;
  readonly at: readonly number[];
  readonly got: number;
  readonly wanted: number;
}
export const nothing: Miss = { error: -1, absolute: 0, relative: 0, at: [], got: 0, wanted: 0 };
/** Of the worst miss so far and another result the worse one. */
export function worse(found: Miss, at: readonly number[], got: number, wanted: number): Miss {
  const absolute = Math.abs(got - wanted);
  const relative = absolute === 0 ? 0 : absolute / Math.abs(wanted);
  const error = Math.min(absolute, relative);
  return error <= found.error ? found : { error, absolute, relative, at, got, wanted };
}
/** Runs a plan that reveals one value, whose inputs are x0, x1, … */
export type RunPlan = (recorded: Recorder, inputs: Record<string, Float64Array>) => Promise<Float64Array>;

/** Points of one run. */
export const BATCH = 2 ** 17;

/** The worst point of f(x), or f(x, y) for two lists of equal length. */
export async function worst(
  record: (b: Builder, ...inputs: Ref[]) => Ref,
  reference: (...values: number[]) => number,
  inputs: readonly ArrayLike<number>[],
  fraction: number,
  run: RunPlan,
): Promise<Miss> {
  const count = inputs[0]!.length;
  let found = nothing;
  for (let from = 0; from < count; from += BATCH) {
    const n = Math.min(BATCH, count - from);
    const rounded = inputs.map((list) => Float64Array.from({ length: n }, (_, i) => onGrid(list[from + i]!, fraction)));
    const b = new Recorder({ fraction });
    const refs = rounded.map((_, i) =>
      b.node("input", [], { slot: `x${i}`, shape: [n], scale: fraction, bound: fraction + 15 }),
    );
    b.node("reveal", [share(b, record(b, ...refs))], { label: "y", release: "open", recipients: ["driver"] });
    const values = await run(b, Object.fromEntries(rounded.map((list, i) => [`x${i}`, list])));
    for (let i = 0; i < n; i++) {
      const at = rounded.map((list) => list[i]!);
      found = worse(found, at, values[i]!, reference(...at));
    }
  }
  return found;
}
export const onGrid = (value: number, fraction: number) => Math.round(value * 2 ** fraction) / 2 ** fraction;

/** `count` points from `from` to `to`, both included, evenly spaced. */
export const evenly = (from: number, to: number, count: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => from + ((to - from) * i) / Math.max(1, count - 1));
/** The same with even ratios; both ends of one sign. */
export const geometrically = (from: number, to: number, count: number): Float64Array =>
  evenly(Math.log(Math.abs(from)), Math.log(Math.abs(to)), count).map((value) => Math.sign(from) * Math.exp(value));

/** Arguments in a function's domain: about `count` in dense sets, and all kinds of edges. */
export function argumentsOf(entry: FunctionEntry, fraction: number, count: number): Float64Array[] {
  const domain = entry.domain(fraction);
  const dense = domain.map((intervals, i) => denseSet(intervals, count, i));
  const edges = domain.map((intervals) => edgeSet(intervals, entry.edges ?? [], fraction));
  const [first, second] = edges as [number[], number[] | undefined];
  const points: number[][] = [];
  for (let i = 0; i < dense[0]!.length; i++) points.push(dense.map((list) => list[i]!));
  for (const x of first) for (const y of second ?? [0]) points.push(second ? [x, y] : [x]);
  const mapped = entry.inputs ? points.map((point) => entry.inputs!(...point)) : points;
  return domain.map((_, i) => Float64Array.from(mapped, (point) => point[i]!));
}

function denseSet(intervals: readonly Interval[], count: number, argument: number): number[] {
  const each = Math.ceil(count / intervals.length);
  const list = intervals.flatMap(({ from, to, ratio }) => [...(ratio ? geometrically : evenly)(from, to, each)]);
  const n = each * intervals.length;
  // Of two arguments, the second one's points in another order: a step without a common divisor with their number.
  let step = argument === 0 ? 1 : Math.floor(n * 0.381966);
  while (divisor(step, n) > 1) step++;
  return Array.from({ length: n }, (_, i) => list[(i * step) % n] ?? list[0]!).slice(0, count);
}
const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** Ends, zero, powers of two and given values, each with neighbours, as far as they are in the domain. */
function edgeSet(intervals: readonly Interval[], given: readonly number[], fraction: number): number[] {
  const powers = Array.from({ length: fraction + 15 }, (_, i) => 2 ** (i - fraction));
  const centres = [
    0,
    ...given,
    ...powers,
    ...powers.map((value) => -value),
    ...intervals.flatMap(({ from, to }) => [from, to]),
  ];
  const near = centres.flatMap((centre) =>
    [-2, -1, 0, 1, 2].map((ulps) => onGrid(centre, fraction) + ulps / 2 ** fraction),
  );
  const inside = (value: number) =>
    intervals.some(({ from, to }) => value >= Math.min(from, to) && value <= Math.max(from, to));
  return [...new Set(near.filter(inside))];
}
