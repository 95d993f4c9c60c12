/**
 * A plan made ready to run many times: who consumes what, when a value dies, what it will cost. Not a run.
 */
import { operator, type Operator } from "../ops/index.js";
import { type Plan, type PlanCost, planCost } from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";

export interface Program {
  readonly plan: Plan;
  readonly cost: PlanCost;
  readonly rules: readonly Operator<never>[];
  /** Nodes that wait for node i, ascending, each listed once. */
  readonly consumers: readonly (readonly number[])[];
  /** How many different inputs node i waits for. */
  readonly waits: readonly number[];
}

export function compile(plan: Plan, definition: ProtocolDefinition): Program {
  const consumers: number[][] = plan.nodes.map(() => []);
  const waits = plan.nodes.map((node, id) => {
    const distinct = new Set(node.inputs);
    for (const input of distinct) consumers[input]!.push(id);
    return distinct.size;
  });
  return { plan, cost: planCost(plan, definition), rules: plan.nodes.map((node) => operator(node.op)!), consumers, waits };
}
