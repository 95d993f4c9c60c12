/**
 * Over which ring a plan is evaluated: Z_2^32 where all its numbers fit, else Z_2^64. The rule, in one place, for whoever records a plan
 * and for whoever is given one (docs/decisions/0016-ring32.md). Not the rings.
 */
import { BoundError, ScaleError } from "../errors.js";
import { maxBound, operator, type PlanEnv, type Precision } from "../ops/index.js";
import type { PlanNode } from "./plan.js";

/** Fraction bits of a session: two of them and 2 integer bits fit a product. */
export const mostFraction = 30;
export const mostIntegerBits = 30;
export const defaultIntegerBits = 15;

/**
 * What plans of this precision are recorded for: words of 32 bits where every product that is declared fits them. Throws ScaleError
 * and BoundError for numbers out of range.
 */
export function envOf({ fraction, integerBits = defaultIntegerBits }: Precision): PlanEnv {
  if (!Number.isInteger(fraction) || fraction < 1 || fraction > mostFraction)
    throw new ScaleError(`plan: expected 1 to ${mostFraction} fraction bits, got ${fraction}; try 16 or 20`);
  if (!Number.isInteger(integerBits) || integerBits < 1 || integerBits > mostIntegerBits)
    throw new BoundError(`plan: expected 1 to ${mostIntegerBits} integer bits, got ${integerBits}; try 15`);
  return { fraction, integerBits, wordBits: productsFit(fraction, integerBits) ? 32 : 64 };
}

/** Whether products of declared values fit words of 32 bits. */
export const productsFit = (fraction: number, integerBits: number): boolean => 2 * fraction + integerBits <= 30;

/**
 * The first node that needs words of 64 bits, though the plan was typed for 32: where a bound exceeds the word, or rests on the
 * declaration that results are small and the word has no room for that declaration. And whatever assigns: variables are shares over
 * Z_2^64, which no share over Z_2^32 can become.
 */
export function misfit(nodes: readonly PlanNode[], env: PlanEnv): number | undefined {
  const most = maxBound(env);
  const at = nodes.findIndex(({ op, attrs, type: { bound, proved, scale } }) => {
    if (op === "assign" || bound > most) return true;
    if (op === "truncate" && (attrs.shift as number) > most - 1) return true;
    return bound === most && !proved && scale + env.integerBits > most;
  });
  return at < 0 ? undefined : at;
}

/** The same nodes for words of 64 bits: attributes have been validated, types are inferred anew. */
export function widened(nodes: readonly PlanNode[], env: PlanEnv): { env: PlanEnv; nodes: PlanNode[] } {
  const wide: PlanEnv = { ...env, wordBits: 64 };
  const result: PlanNode[] = [];
  for (const node of nodes) {
    const inputs = node.inputs.map((input) => result[input]!.type);
    const type = operator(node.op)!.infer(inputs, node.attrs as never, wide);
    result.push({ ...node, type });
  }
  return { env: wide, nodes: result };
}
