/**
 * A plan made ready to run many times: who waits for whom, how long values live, what it will cost. Not a run.
 */
import type { NodeTypes } from "../ops/index.js";
import { type Plan, type PlanCost, planCost, type Step, stepsOf, wordBytesOf } from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";

export interface Program {
  readonly plan: Plan;
  readonly cost: PlanCost;
  /** What is evaluated: the plan's nodes, and what the protocol adds to them. */
  readonly steps: readonly Step[];
  readonly types: readonly NodeTypes[];
  /** The different inputs of step i. */
  readonly needs: readonly (readonly number[])[];
  /** Steps that wait for step i, ascending, each listed once. */
  readonly consumers: readonly (readonly number[])[];
  /** How many different inputs step i waits for. */
  readonly waits: readonly number[];
}

export function compile(plan: Plan, definition: ProtocolDefinition): Program {
  const steps = stepsOf(plan, definition.costs(wordBytesOf(plan)));
  const needs = steps.map(({ inputs }) => (inputs.length < 2 ? inputs : [...new Set(inputs)]));
  const consumers: number[][] = steps.map(() => []);
  needs.forEach((inputs, id) => {
    for (const input of inputs) consumers[input]!.push(id);
  });
  return {
    plan,
    cost: planCost(plan, definition),
    steps,
    types: steps.map(({ inputs, type }) => ({ inputs: inputs.map((input) => steps[input]!.type), output: type })),
    needs,
    consumers,
    waits: needs.map((inputs) => inputs.length),
  };
}
