/** The type of one node, whoever wrote it: a recorder or a stranger. Not the types of operators, which are in ops/. */
import { parse } from "valibot";
import { PlanError } from "../errors.js";
import { operator, type PlanEnv, type ValueType } from "../ops/index.js";

/** The type of one node, from the operator's rule. Attributes are validated by the operator's schema. */
export function inferNode(op: string, inputs: readonly ValueType[], attrs: Record<string, unknown>, env: PlanEnv): ValueType {
  const rule = operator(op);
  if (!rule) throw new PlanError(`plan: expected a known operator, got "${op.slice(0, 40)}"`);
  if (rule.arity !== "any" && rule.arity !== inputs.length)
    throw new PlanError(`${op}: expected ${rule.arity} inputs, got ${inputs.length}`);
  const type = rule.infer(inputs, parse(rule.attrs, attrs) as never, env);
  if (type.scale > 61 || type.bound > 63)
    throw new PlanError(`${op}: expected at most 61 fraction bits, got ${type.scale}; try truncating first`);
  return type;
}
