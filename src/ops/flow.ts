/**
 * Information flow as static types: on which rows of which sources a value depends, and whether it treats them alike. Not
 * a policy: releases (`sink.ts`) ask here what they pool, owners decide by grants.
 *
 * The one rule: a sum over rows counts as pooled over n rows only if every row enters it by the same function. What varies
 * along the row axis by the driver's choice (a constant mask, a variable, the driver's own input) makes rows distinguishable,
 * so a dataset's rows that meet it count as 1 row from there on. What cannot be seen statically is a function that is the
 * same for every row and still singles one out by its content, such as a comparison with values that the driver put into a
 * model, or with another dataset whose owner helps the driver. Labels stop mistakes; against such a driver only an owner's
 * approval of the plan's digest protects, or differential privacy.
 */
import { PlanError } from "../errors.js";
import { type Shape, size } from "../ring/index.js";
import type { Flow, ValueType } from "./op.js";

/** The part of a type that says where the value comes from. */
export type Provenance = Pick<ValueType, "flows" | "alike">;

/** More ways to depend on sources than any real network has: a limit on what a stranger's plan costs to check. */
const mostFlows = 4096;

export const isDataset = (flow: Flow): boolean => flow.source.startsWith("dataset:");

/** Nothing is known of the mixture: it may be one row. */
const lost = (flow: Flow): Flow => ({ source: flow.source, label: flow.label, axis: undefined, rows: 1 });

/** Makes the invariant hold: rows of a dataset lie apart only along axes whose positions are alike. */
function settle(shape: Shape, flows: readonly Flow[], alike: readonly boolean[]): Provenance {
  const even = alike.map((value, axis) => value || shape[axis]! <= 1);
  const broken = (flow: Flow) => flow.axis !== undefined && !even[flow.axis] && isDataset(flow);
  if (!flows.some(broken)) return { flows, alike: even };
  return { flows: sorted(flows.map((flow) => (broken(flow) ? lost(flow) : flow))), alike: even };
}

/** Element i of the result depends on element i of each input; inputs of shape [] are everywhere the same. */
export function together(shape: Shape, ...inputs: readonly ValueType[]): Provenance {
  let flows: readonly Flow[] = [];
  for (const input of inputs) flows = merge(flows, input.flows);
  const full = inputs.filter((input) => input.shape.length > 0);
  return settle(
    shape,
    flows,
    shape.map((_, axis) => full.every((input) => input.alike[axis])),
  );
}

/**
 * Elements change places. `to` says where an axis goes, undefined where its positions do not lie along one axis any more;
 * `alike` is the result's.
 */
export function moved(
  input: ValueType,
  shape: Shape,
  alike: readonly boolean[],
  to: (axis: number) => number | undefined,
): Provenance {
  const flows = sorted(
    input.flows.map((flow) => {
      if (flow.axis === undefined) return flow;
      const axis = to(flow.axis);
      return axis === undefined ? lost(flow) : axis === flow.axis ? flow : { ...flow, axis };
    }),
  );
  return settle(shape, flows, alike);
}

/** Of the rows along `axis` only start … end-1 are left. */
export function cut(flows: readonly Flow[], axis: number, start: number, end: number): readonly Flow[] {
  return sorted(
    flows.map((flow) => {
      if (flow.axis !== axis) return flow;
      return { ...flow, rows: end - start, first: flow.first === undefined ? undefined : flow.first + start };
    }),
  );
}

/** Sums over axes: rows along them are pooled if the positions are alike. `to` places the other axes. */
export function summed(
  input: ValueType,
  shape: Shape,
  axes: readonly number[],
  to: (axis: number) => number,
): Provenance {
  const flows = sorted(
    input.flows.map((flow) => {
      if (flow.axis === undefined) return flow;
      if (!axes.includes(flow.axis)) return { ...flow, axis: to(flow.axis) };
      return input.alike[flow.axis] ? { ...flow, axis: undefined } : lost(flow);
    }),
  );
  const alike: boolean[] = [];
  input.alike.forEach((value, axis) => {
    if (!axes.includes(axis)) alike[to(axis)] = value;
  });
  return settle(shape, flows, alike);
}

/** [m, k] x [k, n]: products broadcast over three axes, then summed over the middle one. */
export function contracted(a: ValueType, b: ValueType, shape: Shape): Provenance {
  const even = a.alike[1]! && b.alike[0]!;
  const along = (flows: readonly Flow[], middle: number, kept: number) =>
    flows.map((flow) => {
      if (flow.axis === undefined || flow.axis === kept) return flow;
      return flow.axis === middle && even ? { ...flow, axis: undefined } : lost(flow);
    });
  const flows = merge(sorted(along(a.flows, 1, 0)), sorted(along(b.flows, 0, 1)));
  return settle(shape, flows, [a.alike[0]!, b.alike[1]!]);
}

/** All flows of both, each once. Both are sorted. */
export function merge(a: readonly Flow[], b: readonly Flow[]): readonly Flow[] {
  if (a === b || b.length === 0) return a;
  if (a.length === 0) return b;
  const both: Flow[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const order = i === a.length ? 1 : j === b.length ? -1 : compare(a[i]!, b[j]!);
    both.push(order <= 0 ? a[i]! : b[j]!);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  // The same list as before, if nothing was added, so that most merges of a large network end at the first line.
  if (both.length === a.length) return a;
  if (both.length === b.length) return b;
  if (both.length > mostFlows)
    throw new PlanError(`plan: expected a value to have at most ${mostFlows} flows, got more; try smaller plans`);
  return both;
}

/** Sorted and distinct. */
export function sorted(flows: readonly Flow[]): readonly Flow[] {
  for (let i = 1; i < flows.length; i++)
    if (compare(flows[i - 1]!, flows[i]!) >= 0)
      return [...flows].sort(compare).filter((flow, at, all) => at === 0 || compare(all[at - 1]!, flow) !== 0);
  return flows;
}

function compare(a: Flow, b: Flow): number {
  if (a === b) return 0;
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  if (a.label !== b.label) return a.label < b.label ? -1 : 1;
  return (a.axis ?? -1) - (b.axis ?? -1) || (a.first ?? -1) - (b.first ?? -1) || a.rows - b.rows;
}

/** Where an axis is found after a reshape: the axis of the same length with as many elements before it. */
export function reshapedAxis(from: Shape, to: Shape, axis: number): number | undefined {
  const before = size(from.slice(0, axis));
  const found = to.findIndex((length, i) => length === from[axis] && size(to.slice(0, i)) === before);
  return found < 0 ? undefined : found;
}

/** Axes that are joined are alike if all of them are; so are axes that are split. */
export function reshapedAlike(from: Shape, alike: readonly boolean[], to: Shape): boolean[] {
  const result = to.map(() => false);
  if (size(from) === 0) return result;
  for (let i = 0, j = 0; i < from.length || j < to.length; ) {
    // The fewest axes on both sides with as many elements.
    const [i0, j0] = [i, j];
    let [old, fresh] = [1, 1];
    do {
      if (old <= fresh && i < from.length) old *= from[i++]!;
      else fresh *= to[j++]!;
    } while (old !== fresh);
    result.fill(alike.slice(i0, i).every(Boolean), j0, j);
  }
  return result;
}
