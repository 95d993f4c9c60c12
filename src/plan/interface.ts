/**
 * What a plan takes in and lets out: inputs, datasets, variables, scalars, assignments, reveals. Read off the nodes; no
 * judgement, which is the policy's.
 */
import type { Flow, Release, ValueType } from "../ops/index.js";
import { mantissaBits } from "../ops/index.js";
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
  /** The fewest rows that any dataset contributes; undefined if none does. */
  readonly rows: number | undefined;
  readonly type: ValueType;
}
export function planReveals(plan: Plan): PlanReveal[] {
  return of(plan, "reveal").map(({ node, id }) => {
    const { label, release, recipients } = node.attrs as { label: string; release: Release; recipients: string[] };
    const { flows } = node.type;
    const rows = flows
      .filter((flow) => flow.label === "row" && flow.source.startsWith("dataset:"))
      .map((flow) => flow.rows);
    return {
      node: id,
      label,
      release,
      recipients,
      flows,
      rows: rows.length > 0 ? Math.min(...rows) : undefined,
      type: node.type,
    };
  });
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
