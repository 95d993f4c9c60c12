/** Evaluates plans in the clear on what tests give to parties; masks keep everything. */
import { type ClearResult, evaluateClear } from "../../src/clear/index.js";
import type { Plan } from "../../src/plan/index.js";
import type { Given } from "../engine/run.js";

export function inTheClear(
  plan: Plan,
  { inputs = {}, variables = {}, datasets = {}, scalars = {} }: Given,
): ClearResult {
  const of = (list: ArrayLike<number> | undefined) => list && Float64Array.from(list);
  return evaluateClear(plan, {
    scalar: (slot) => scalars[slot],
    input: (slot) => of(inputs[slot]),
    variable: (name) => of(variables[name]),
    rows({ dataset, batch, position }) {
      const all = of(datasets[dataset]);
      const node = plan.nodes.find(({ attrs }) => attrs.name === dataset)!;
      const width = all && all.length / (node.attrs.rows as number);
      return all?.slice(position * width!, (position + batch) * width!);
    },
    coins: (n) => new Float64Array(n).fill(1),
  });
}
