/**
 * What a plan takes in and lets out: inputs, datasets, variables, scalars, assignments, reveals. Read off the nodes; no
 * judgement, which is the policy's.
 */
import type { Flow, Release, ValueType } from "../ops/index.js";
import { isDataset, mantissaBits } from "../ops/index.js";
import { size } from "../ring/index.js";
import type { Plan, PlanNode } from "./plan.js";

const of = (plan: Plan, op: string): { node: PlanNode; id: number }[] =>
  plan.nodes.map((node, id) => ({ node, id })).filter(({ node }) => node.op === op);

export interface PlanReveal {
  readonly node: number;
  readonly label: string;
  readonly release: Release;
  readonly recipients: readonly string[];
  /** Every source that the value depends on. */
  readonly flows: readonly Flow[];
  /** The fewest rows of any dataset that are pooled, 1 where rows lie apart; undefined if none contributes any. */
  readonly rows: number | undefined;
  readonly type: ValueType;
}
export function planReveals(plan: Plan): PlanReveal[] {
  return of(plan, "reveal").map(({ node, id }) => {
    const { label, release, recipients } = node.attrs as { label: string; release: Release; recipients: string[] };
    const { flows } = node.type;
    return {
      node: id,
      label,
      release,
      recipients,
      flows,
      rows: pooledRows(flows.filter((flow) => flow.label === "row" && isDataset(flow))),
      type: node.type,
    };
  });
}

/** Flows are sorted. Rows apart are not pooled, and sums over 0:64 and 0:63 in one value may leave row 63. */
function pooledRows(flows: readonly Flow[]): number | undefined {
  if (flows.length === 0) return undefined;
  let fewest = Number.POSITIVE_INFINITY;
  flows.forEach((flow, i) => {
    const before = flows[i - 1];
    const { first = 0 } = flow;
    const overlaps = before?.source === flow.source && first < (before.first ?? 0) + before.rows;
    fewest = Math.min(fewest, flow.axis !== undefined || overlaps ? 1 : flow.rows);
  });
  return fewest;
}

export interface PlanInput {
  readonly slot: string;
  readonly words: number;
  readonly type: ValueType;
}
export function planInputs(plan: Plan): PlanInput[] {
  return of(plan, "input").map(({ node }) => ({
    slot: (node.attrs as { slot: string }).slot,
    words: size(node.type.shape),
    type: node.type,
  }));
}

export interface PlanDataset {
  readonly name: string;
  readonly rows: number;
  readonly rowShape: readonly number[];
  readonly scale: number;
  readonly bound: number;
  readonly batch: number;
  readonly stride: number;
  readonly shuffle: boolean;
  readonly epoch: string;
  readonly position: string;
}
export function planDatasets(plan: Plan): PlanDataset[] {
  return of(plan, "dataset").map(({ node }) => node.attrs as unknown as PlanDataset);
}

export interface PlanVariable {
  readonly name: string;
  readonly type: ValueType;
}
export function planVariables(plan: Plan): { readonly read: PlanVariable[]; readonly assigned: PlanVariable[] } {
  const list = (op: string) =>
    of(plan, op).map(({ node }) => ({ name: (node.attrs as { name: string }).name, type: node.type }));
  return { read: list("variable"), assigned: list("assign") };
}

export interface PlanScalar {
  readonly slot: string;
  /** number: a mantissa of at most 10 bits. position: a row or epoch number, 0 … 2^31-1. */
  readonly kind: "number" | "position";
}
export function planScalars(plan: Plan): PlanScalar[] {
  const kinds = new Map<string, "number" | "position">();
  for (const { node } of of(plan, "scalar")) kinds.set((node.attrs as { slot: string }).slot, "number");
  for (const { epoch, position } of planDatasets(plan))
    for (const slot of [epoch, position]) kinds.set(slot, "position");
  return [...kinds].map(([slot, kind]) => ({ slot, kind }));
}
export function scalarFits(kind: PlanScalar["kind"], value: number): boolean {
  if (!Number.isSafeInteger(value)) return false;
  return kind === "number" ? Math.abs(value) < 2 ** mantissaBits : value >= 0 && value < 2 ** 31;
}
