/**
 * Arithmetic on static types: bounds and flows that operators share. Not the operators' own rules.
 */
import { BoundError, PlanError, ShapeError } from "../errors.js";
import { sameShape, size } from "../ring/index.js";
import type { Flow, Kind, PlanEnv, ValueType } from "./op.js";

/** A result is declared to stay below 2^15 unless a narrower bound is proved (docs/decisions/0003-bounds.md). */
export const declaredIntegerBits = 15;
/** Above this a word no longer survives truncation, which needs |x| < 2^62. */
export const maxBound = 62;

export function expectKind(where: string, type: ValueType, ...kinds: readonly Kind[]): void {
  if (!kinds.includes(type.kind))
    throw new PlanError(`${where}: expected a ${kinds.join(" or ")}, got a ${type.kind}; try recording through ops/build`);
}

export function expectSameShape(where: string, a: ValueType, b: ValueType): void {
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError(`${where}: expected equal shapes, got [${a.shape}] and [${b.shape}]; try broadcasting first`);
}

/** Caps a bound that can no longer be proved to the declaration that results are small. */
export function capBound(bound: number, proved: boolean): Pick<ValueType, "bound" | "proved"> {
  return bound > maxBound ? { bound: maxBound, proved: false } : { bound, proved };
}


/** Bits a comparison needs: |x| < 2^bound is a (bound+1)-bit signed number. */
export function comparisonWidth(type: ValueType): number {
  const width = Math.max(2, type.bound + 1);
  if (width > 64)
    throw new BoundError(`comparison: expected a value of at most 63 bits, got a bound of ${type.bound}; try truncating`);
  return width;
}

/** log2 rounded up: the bits that a sum of n terms needs on top. */
export function sumBits(n: number): number {
  return n <= 1 ? 0 : Math.ceil(Math.log2(n));
}

/** Flows of an operation whose result element i depends on element i of each input only. */
export function mergeFlows(...inputs: readonly (readonly Flow[])[]): Flow[] {
  const merged = new Map<string, Flow>();
  for (const flow of inputs.flat()) {
    const known = merged.get(flow.source);
    merged.set(flow.source, known ? stronger(known, flow) : flow);
  }
  return [...merged.values()];
}

function stronger(a: Flow, b: Flow): Flow {
  if (a.label !== b.label) return a.label === "row" ? a : b;
  return { ...a, axis: a.axis === b.axis ? a.axis : undefined, rows: Math.min(a.rows, b.rows) };
}

/** Moves each flow's row axis; `to` returns undefined where rows get mixed. */
export function moveAxes(flows: readonly Flow[], to: (axis: number) => number | undefined): Flow[] {
  return flows.map((flow) => (flow.axis === undefined ? flow : { ...flow, axis: to(flow.axis) }));
}

export function elements(type: ValueType): number {
  return size(type.shape);
}
