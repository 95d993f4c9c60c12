/**
 * Where a plan relies on a declaration instead of a proof: values that are taken to be small, and would make comparisons or
 * truncations wrong if they were not. For people to read; nothing is refused here.
 */
import { maxBound, type PlanEnv } from "../ops/index.js";
import type { PlanCost, PlanNode } from "./plan.js";

const comparisons: ReadonlySet<string> = new Set(["isNegative", "isZero"]);

/**
 * The truncations that narrow a bound by declaration, and the variables and inputs whose declared bound decides how many
 * bits of them a comparison looks at. What only passes such values on is not listed.
 */
export function unprovedBounds(nodes: readonly PlanNode[], env: PlanEnv): PlanCost["unproved"] {
  const listed = new Set<number>();
  const compared = new Set<number>();
  for (let id = nodes.length - 1; id >= 0; id--) {
    const { op, inputs, type } = nodes[id]!;
    if (comparisons.has(op)) for (const input of inputs) compared.add(input);
    if (type.proved) continue;
    if (declares(nodes, id, env)) listed.add(id);
    else if (!compared.has(id)) continue;
    else if (op === "variable" || op === "input") listed.add(id);
    else for (const input of inputs) compared.add(input);
  }
  return [...listed]
    .sort((a, b) => a - b)
    .map((node) => {
      const { op, type, attrs } = nodes[node]!;
      const name = (attrs.name ?? attrs.slot) as string | undefined;
      return { node, op, bound: type.bound, scale: type.scale, ...(name === undefined ? {} : { name }) };
    });
}

/** A truncation whose operands prove less than its type says. */
function declares(nodes: readonly PlanNode[], id: number, env: PlanEnv): boolean {
  const { op, inputs, type, attrs } = nodes[id]!;
  if (op !== "truncate") return false;
  const { bound } = nodes[inputs[0]!]!.type;
  const carried = bound - (attrs as { shift: number }).shift + 1;
  return bound >= maxBound(env) || carried > type.scale + env.integerBits;
}
