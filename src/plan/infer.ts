/**
 * Validates one node's attributes and types it: where plans from the recorder and from strangers meet. The rules
 * themselves are the operators'.
 */
import { safeParse } from "valibot";
import { PlanError, ScaleError } from "../errors.js";
import { operator, type PlanEnv, type ValueType } from "../ops/index.js";
import { checkShape } from "../ring/index.js";

export interface TypedNode {
  /** A copy with the fields in the operator's order: what is encoded. */
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly type: ValueType;
}

const nothing: Readonly<Record<string, unknown>> = Object.freeze({});
/** Of a list among the attributes; longer ones are refused before each item is looked at. */
const mostItems = 64;
/** Stops at the first problem, so that a long list of wrong numbers makes one issue. */
const early = { abortEarly: true } as const;

export function typeNode(
  op: string,
  inputs: readonly ValueType[],
  given: Readonly<Record<string, unknown>>,
  env: PlanEnv,
): TypedNode {
  const rule = operator(op);
  if (!rule) throw new PlanError(`plan: expected a known operator, got ${quoted(op)}; try one of ops/table`);
  if (rule.arity !== "any" && rule.arity !== inputs.length)
    throw new PlanError(`${op}: expected ${rule.arity} inputs, got ${inputs.length}; try ops/build`);
  const { entries } = rule.attrs;
  for (const key of Object.keys(given)) {
    // Asked with hasOwn, because the schema would let "constructor" pass.
    if (!Object.hasOwn(entries, key))
      throw new PlanError(`${op}: expected no attribute ${quoted(key)}, got one; try [${Object.keys(entries)}]`);
    const value: unknown = given[key];
    if (Array.isArray(value) && value.length > mostItems)
      throw new PlanError(`${op}: expected at most ${mostItems} items in ${key}, got ${value.length}; try fewer`);
  }
  let attrs = nothing;
  if (!isEmpty(entries)) {
    const parsed = safeParse(rule.attrs, given, early);
    if (!parsed.success) {
      const [{ path, message }] = parsed.issues;
      const where = path?.map((item) => String(item.key)).join(".") ?? "attributes";
      throw new PlanError(`${op}: expected a valid ${where.slice(0, 40)}, got ${message.slice(0, 160)}; try another`);
    }
    attrs = parsed.output as Readonly<Record<string, unknown>>;
  }
  const type = rule.infer(inputs, attrs as never, env);
  checkShape(type.shape, op);
  if (type.scale > 61)
    throw new ScaleError(`${op}: expected at most 61 fraction bits, got ${type.scale}; try truncating first`);
  return { attrs, type };
}

/** Without a list of the keys: this is asked for every node. */
function isEmpty(object: object): boolean {
  for (const _ in object) return false;
  return true;
}

/** The type of one node, from the operator's rule. Attributes are validated by the operator's schema. */
export function inferNode(
  op: string,
  inputs: readonly ValueType[],
  attrs: Record<string, unknown>,
  env: PlanEnv,
): ValueType {
  return typeNode(op, inputs, attrs, env).type;
}

/** A stranger's text in a message: short, and with nothing that a terminal would act on. */
export const quoted = (text: string): string => JSON.stringify(text.slice(0, 40));
