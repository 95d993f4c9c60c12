/** What products and comparisons look at, and what opening a mask costs: for protocols that open masks. Not flows: flow.ts. */
import { type Cost, type Costs, opening } from "../protocol/index.js";
import type { Look, ValueType } from "./op.js";
import { noCost } from "./source.js";
import { elements } from "./type.js";

const secret = ({ kind }: ValueType) => kind !== "public";

/** Both factors, if both are secret. */
export function productLooks(inputs: readonly ValueType[]): readonly Look[] {
  return inputs.every(secret) ? inputs.map((_, input) => ({ input, as: "factor" })) : [];
}

export function productCost(
  costs: Costs,
  inputs: readonly ValueType[],
  _attrs: unknown,
  output: ValueType,
  pivot: number,
): Cost {
  return inputs.every(secret) ? costs.product(elements(output), pivot) : noCost(costs);
}

/** The cost of a primitive that looks at n elements that nobody else looks at. */
export function withMask({ masks }: Costs, n: number, cost: Cost): Cost {
  return masks ? opening(cost, masks.open(n)) : cost;
}
