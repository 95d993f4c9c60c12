/**
 * Over which ring a plan is evaluated: Z_2^32 where all its numbers fit, else Z_2^64. The rule, in one place, for whoever records a plan
 * and for whoever is given one (docs/decisions/0020-ring32.md). Not the rings.
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
 * Whether a node that was typed for this environment fits its words. In words of 32 bits none does whose bound exceeds them, or rests
 * on the declaration that results are small without room for that declaration; nor an operator that needs the wide ones; nor one that
 * assigns, since variables are shares over Z_2^64, which no share over Z_2^32 can become.
 */
export function fits({ op, attrs, type }: Omit<PlanNode, "inputs">, env: PlanEnv): boolean {
  if (env.wordBits === 64) return true;
  const most = maxBound(env);
  const { bound, proved, scale } = type;
  if (op === "assign" || operator(op)!.wide || bound > most) return false;
  if (op === "truncate" && (attrs.shift as number) >= most) return false;
  return bound < most || proved || scale + env.integerBits <= most;
}
