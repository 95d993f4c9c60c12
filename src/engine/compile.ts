/**
 * A plan made ready to run many times: who waits for whom, how long values live, what it will cost. Not a run.
 */
import { type NodeTypes, type Operator, operator } from "../ops/index.js";
import { type Plan, type PlanCost, planCost } from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";

export interface Program {
  readonly plan: Plan;
  readonly cost: PlanCost;
  readonly rules: readonly Operator<never>[];
  readonly types: readonly NodeTypes[];
  /** The different inputs of node i. */
  readonly needs: readonly (readonly number[])[];
  /** Nodes that wait for node i, ascending, each listed once. */
  readonly consumers: readonly (readonly number[])[];
  /** How many different inputs node i waits for. */
  readonly waits: readonly number[];
}

export function compile(plan: Plan, definition: ProtocolDefinition): Program {
  const { nodes } = plan;
  const needs = nodes.map((node) => (node.inputs.length < 2 ? node.inputs : [...new Set(node.inputs)]));
  const consumers: number[][] = nodes.map(() => []);
  needs.forEach((inputs, id) => {
    for (const input of inputs) consumers[input]!.push(id);
  });
  return {
    plan,
    cost: planCost(plan, definition),
    rules: nodes.map((node) => operator(node.op)!),
    types: nodes.map((node) => ({ inputs: node.inputs.map((input) => nodes[input]!.type), output: node.type })),
    needs,
    consumers,
    waits: needs.map((inputs) => inputs.length),
  };
}
