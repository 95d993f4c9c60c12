/** Runs the sweep of bench/sweep.ts with the real engine, under any protocol. */
import { type Miss, type RunPlan, worst as worstOf } from "../../bench/sweep.js";
import { type Rows, worstRow as worstRowOf } from "../../bench/sweep-axes.js";
import type { AxisEntry } from "../../src/functions/table-axes.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { type ProtocolDefinition, plain } from "../../src/protocol/index.js";
import { runOnce } from "../engine/run.js";

export { argumentsOf, evenly, geometrically, type Miss } from "../../bench/sweep.js";

export { rowsOf } from "../../bench/sweep-axes.js";

export interface SweepOptions {
  /** Fraction bits of the session. */
  readonly fraction: number;
  /** Default: plain, which rounds as the others do. */
  readonly definition?: ProtocolDefinition;
}

/** The worst point of f(x), or f(x, y) for two lists of equal length. */
export function worst(
  record: (b: Builder, ...inputs: Ref[]) => Ref,
  reference: (...values: number[]) => number,
  inputs: readonly ArrayLike<number>[],
  { fraction, definition = plain }: SweepOptions,
): Promise<Miss> {
  return worstOf(record, reference, inputs, fraction, runner(definition));
}
/** The worst result of any row of a function along an axis. */
export function worstRow(
  entry: AxisEntry,
  rows: readonly Rows[],
  { fraction, definition = plain }: SweepOptions,
): Promise<Miss> {
  return worstRowOf(entry, rows, fraction, runner(definition));
}
const runner =
  (definition: ProtocolDefinition): RunPlan =>
  async (recorded, given) =>
    (await runOnce(definition, recorded, { inputs: given })).revealed.y!;
