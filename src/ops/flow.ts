/**
 * Information flow as static types: on which rows of which sources a value depends, and whether it treats them alike. Not
 * a policy: releases (`sink.ts`) ask here what they pool, owners decide by grants.
 *
 * The one rule: a sum over rows counts as pooled over n rows only if every row enters it by the same function. What varies
 * along the row axis by the driver's choice (a constant mask, a variable, the driver's own input) makes rows distinguishable,
 * so a dataset's rows that meet it count as 1 row from there on. A mask of the parties' coin (`coin.ts`) is nobody's choice and
 * leaves at least a tenth of the rows on average, so rows that meet it stay alike, although several leave fewer. What cannot be
 * seen statically is a function that is the same for every row and still singles one out by its content, such as a comparison
 * with values that the driver put into a model, or with another dataset whose owner helps the driver. Labels stop mistakes;
 * against such a driver only an owner's approval of the plan's digest protects, or differential privacy.
 */
import { PlanError } from "../errors.js";
import { type Shape, size } from "../ring/index.js";
import type { Flow, ValueType } from "./op.js";

/** The part of a type that says where the value comes from. */
export type Provenance = Pick<ValueType, "flows" | "alike">;

/** Limits on what a stranger's plan costs to check; of one value, and beyond what real networks have. */
const mostFlows = 1024;
const mostRowSources = 128;
const mostOfSource = 16;

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
  const flows = mergeAll(inputs.map((input) => input.flows));
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
  const flows = changed(input.flows, (flow, at) => {
    const axis = to(at);
    return axis === undefined ? lost(flow) : axis === at ? flow : { ...flow, axis };
  });
  return settle(shape, flows, alike);
}

/** Of the rows along `axis` only start … end-1 are left. */
export function cut(flows: readonly Flow[], axis: number, start: number, end: number): readonly Flow[] {
  return changed(flows, (flow, at) => {
    if (at !== axis) return flow;
    return { ...flow, rows: end - start, first: flow.first === undefined ? undefined : flow.first + start };
  });
}

/** Replaces the flows of rows that lie apart. The same list if there are none, which is the usual case in a network. */
function changed(flows: readonly Flow[], change: (flow: Flow, axis: number) => Flow): readonly Flow[] {
  if (flows.every((flow) => flow.axis === undefined)) return flows;
  return sorted(flows.map((flow) => (flow.axis === undefined ? flow : change(flow, flow.axis))));
}

/** Sums over axes: rows along them are pooled; that their positions are alike is the invariant. `to` places other axes. */
export function summed(
  input: ValueType,
  shape: Shape,
  axes: readonly number[],
  to: (axis: number) => number,
): Provenance {
  const flows = changed(input.flows, (flow, axis) => ({ ...flow, axis: axes.includes(axis) ? undefined : to(axis) }));
  const alike: boolean[] = [];
  input.alike.forEach((value, axis) => {
    if (!axes.includes(axis)) alike[to(axis)] = value;
  });
  return settle(shape, flows, alike);
}

/**
 * Where the axes of a factor go in a sum of products: an axis of the result; a sum, by a negative number that the axes of other
 * factors have which are summed in step; or undefined where its positions mix in another way.
 */
export type Places = readonly (number | undefined)[];

/** A sum of products. Rows are pooled where all that they meet treats them alike. */
export function contracted(
  shape: Shape,
  ...factors: readonly { readonly type: ValueType; readonly to: Places }[]
): Provenance {
  const even = (place: number) =>
    factors.every(({ type, to }) => type.alike.every((alike, axis) => alike || to[axis] !== place));
  const flows = factors.map(({ type, to }) =>
    changed(type.flows, (flow, at) => {
      const place = to[at];
      if (place === undefined || (place < 0 && !even(place))) return lost(flow);
      return { ...flow, axis: place < 0 ? undefined : place };
    }),
  );
  const known = (axis: number) => factors.some(({ to }) => to.includes(axis));
  return settle(
    shape,
    mergeAll(flows),
    shape.map((_, axis) => known(axis) && even(axis)),
  );
}

/** Two by two, so that many short lists cost little. */
function mergeAll(lists: readonly (readonly Flow[])[]): readonly Flow[] {
  let level = lists;
  while (level.length > 1) {
    const next: (readonly Flow[])[] = [];
    for (let i = 0; i < level.length; i += 2) next.push(merge(level[i]!, level[i + 1] ?? []));
    level = next;
  }
  return level[0] ?? [];
}

/** All flows of both, each once. Both are sorted. */
export function merge(a: readonly Flow[], b: readonly Flow[]): readonly Flow[] {
  // The same list as before if nothing is added: most merges of a large network end here.
  if (a === b || b.length === 0 || (b.length <= 4 && b.every((flow) => contains(a, flow)))) return a;
  if (a.length === 0) return b;
  const both: Flow[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const order = i === a.length ? 1 : j === b.length ? -1 : compare(a[i]!, b[j]!);
    both.push(order <= 0 ? a[i]! : b[j]!);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  if (both.length === a.length) return a;
  if (both.length === b.length) return b;
  return both.length <= mostOfSource ? both : bounded(both);
}

function contains(flows: readonly Flow[], wanted: Flow): boolean {
  let [low, high] = [0, flows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compare(flows[middle]!, wanted);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Keeps lists short, so that a stranger's plan is cheap to check: many slices of one source become "one may stand out". */
function bounded(flows: readonly Flow[]): readonly Flow[] {
  const rows = new Map<string, number>();
  for (const flow of flows) if (flow.label === "row") rows.set(flow.source, (rows.get(flow.source) ?? 0) + 1);
  const tooMany = (flow: Flow) => flow.label === "row" && rows.get(flow.source)! > mostOfSource;
  const result = flows.some(tooMany) ? sorted(flows.map((flow) => (tooMany(flow) ? lost(flow) : flow))) : flows;
  if (result.length > mostFlows || rows.size > mostRowSources)
    throw new PlanError(
      `plan: expected a value to depend on at most ${mostFlows} variables and ${mostRowSources} datasets and inputs, got more; try several plans`,
    );
  return result;
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
