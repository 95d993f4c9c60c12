/**
 * Rules about a whole plan, which no operator sees alone: names are unambiguous, and what is pooled in one plan cannot be
 * subtracted to leave one row. Not the policy of a party, which knows datasets, owners and grants.
 */
import { PlanError, PolicyError } from "../errors.js";
import { type Flow, isDataset } from "../ops/index.js";
import type { PlanNode } from "./plan.js";

/** Throws PlanError or PolicyError. For nodes from the recorder and from strangers alike. */
export function checkPlan(nodes: readonly PlanNode[]): void {
  checkNames(nodes);
  checkBatches(nodes);
  checkPools(nodes);
}

/** Every node of a plan serves an assign or a reveal; parties would compute others for nothing. */
export function checkNeeded(nodes: readonly PlanNode[], sinks: ReadonlySet<string>): void {
  const needed = new Uint8Array(nodes.length);
  for (let id = nodes.length - 1; id >= 0; id--) {
    const node = nodes[id]!;
    if (!needed[id] && !sinks.has(node.op))
      throw new PlanError(
        `plan node ${id} (${node.op}): expected a value that something uses, got none; try recording the plan anew`,
      );
    for (const input of node.inputs) needed[input] = 1;
  }
}

/** One value for each name of each kind. */
function checkNames(nodes: readonly PlanNode[]): void {
  const known = new Map<string, string>();
  const claim = (kind: string, name: string, as: string) => {
    const key = `${kind} ${name}`;
    const before = known.get(key);
    if (before !== undefined && (before !== as || as === ""))
      throw new PlanError(
        `plan: expected each ${kind} once, got ${name} ${as === "" ? "twice" : "in two forms"}; try another name`,
      );
    known.set(key, as);
  };
  for (const { op, attrs } of nodes) {
    const at = attrs as Record<string, string>;
    if (op === "assign") claim("assigned variable", at.name!, "");
    else if (op === "reveal") claim("label", at.label!, "");
    else if (op === "input") claim("input", at.slot!, "");
    else if (op === "variable") claim("variable", at.name!, JSON.stringify(attrs));
    else if (op === "scalar") claim("scalar", at.slot!, "number");
    else if (op === "dataset") for (const slot of [at.epoch!, at.position!]) claim("scalar", slot, "position");
  }
}

/**
 * Batches of one dataset in one plan are equal or disjoint, whatever positions a run gives them: they are cut with one
 * stride from one order of one epoch. So no two sums differ in a single row.
 */
function checkBatches(nodes: readonly PlanNode[]): void {
  const orders = new Map<string, string>();
  for (const { op, attrs } of nodes) {
    if (op !== "dataset") continue;
    const { name, position: _, ...order } = attrs as { name: string; position: string };
    const text = JSON.stringify(order);
    if ((orders.get(name) ?? text) !== text)
      throw new PolicyError(
        `dataset ${name}: expected one batch size, stride and epoch in a plan, got two; try reading both batches alike`,
      );
    orders.set(name, text);
  }
}

/** Rows that are pooled in one plan are the same ones or disjoint: sums over 0:64 and 0:63 would give row 63 away. */
function checkPools(nodes: readonly PlanNode[]): void {
  const pools = new Map<string, Map<number, number>>();
  for (const { op, inputs, attrs } of nodes) {
    if (op !== "assign" && (op !== "reveal" || attrs.release === "open")) continue;
    for (const flow of nodes[inputs[0]!]!.type.flows) if (flow.label === "row" && isDataset(flow)) addPool(pools, flow);
  }
  for (const [source, ranges] of pools) {
    let last = 0;
    for (const [first, end] of [...ranges].sort(([a], [b]) => a - b)) {
      if (first < last) throw overlap(source);
      last = end;
    }
  }
}
function addPool(pools: Map<string, Map<number, number>>, { source, first, rows }: Flow): void {
  if (first === undefined) throw overlap(source);
  const ranges = pools.get(source) ?? new Map<number, number>();
  pools.set(source, ranges);
  const end = first + rows;
  if ((ranges.get(first) ?? end) !== end) throw overlap(source);
  ranges.set(first, end);
}
const overlap = (source: string) =>
  new PolicyError(
    `${source}: expected rows pooled in one plan to be the same or disjoint, got slices that overlap; try whole batches`,
  );
