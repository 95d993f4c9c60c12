/**
 * How much of its ring a party needs, from what plans and variables declare: an estimate from above that admission can
 * act on before a run begins. Not a measurement.
 */
import type { PlanCost } from "../plan/index.js";
import { size, type WordBytes } from "../ring/index.js";
import type { VariableMeta } from "./variable-meta.js";

/** A share of rep3 has two words an element; copies that operators make and rounding up to size classes take the rest. */
const ELEMENT_WORDS = 4;
/** Working space is not declared. It serves what is sent: up to 1.2 bytes for each that the parties send, all at once. */
const MESSAGE_FACTOR = 2;

/** Of one run, the variables that it reads included. */
export function bytesOfRun({ elements, bytes }: Pick<PlanCost, "elements" | "bytes">, wordBytes: WordBytes): number {
  return ELEMENT_WORDS * wordBytes * elements + MESSAGE_FACTOR * bytes.reduce((sum, sent) => sum + sent, 0);
}

/**
 * Of the variables, in two versions: the one before stays until all parties have the new one. What plans over Z_2^32 read has
 * half as many bytes besides, which are among those of such a run.
 */
export function bytesOfVariables(catalogue: ReadonlyMap<string, VariableMeta>): number {
  let elements = 0;
  for (const { shape } of catalogue.values()) elements += size(shape);
  return ELEMENT_WORDS * 8 * elements;
}
