/**
 * What a plan will cost, from the declared costs of its primitives. Not a measurement; `engine/` runs nodes as early as
 * their inputs allow, so the rounds counted here are the rounds that are run.
 */
import { operator } from "../ops/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import { size } from "../ring/index.js";
import type { Plan, PlanCost } from "./plan.js";

export function planCost(plan: Plan, definition: ProtocolDefinition): PlanCost {
  const finish: number[] = [];
  const bytes = new Array<number>(definition.parties).fill(0);
  const perOperator: Record<string, { nodes: number; bytes: number }> = {};
  const unproved: { node: number; op: string; bound: number }[] = [];
  let elements = 0;
  plan.nodes.forEach((node, id) => {
    const types = node.inputs.map((input) => plan.nodes[input]!.type);
    const cost = operator(node.op)!.cost(definition.costs, types, node.attrs as never, node.type, id);
    finish.push(Math.max(0, ...node.inputs.map((input) => finish[input]!)) + cost.rounds);
    cost.bytes.forEach((count, party) => {
      bytes[party] = bytes[party]! + count;
    });
    const row = (perOperator[node.op] ??= { nodes: 0, bytes: 0 });
    row.nodes++;
    row.bytes += Math.max(...cost.bytes);
    if (!node.type.proved && (node.op === "truncate" || node.op === "variable" || node.op === "input"))
      unproved.push({ node: id, op: node.op, bound: node.type.bound });
    elements += size(node.type.shape);
  });
  return { rounds: Math.max(0, ...finish), bytes, perOperator, unproved, elements };
}

/** A link between parties, for estimates. */
export interface Link {
  readonly roundTripMs: number;
  readonly megabitsPerSecond: number;
}
/** Seconds that communication alone takes on a link: half a round trip a round, and the largest sender's bytes. */
export function secondsOnLink(cost: PlanCost, link: Link): number {
  return (cost.rounds * link.roundTripMs) / 2000 + (Math.max(...cost.bytes) * 8) / (link.megabitsPerSecond * 1e6);
}
