/**
 * Runs a recorded function over many points with the real engine and holds it against float64. The points are rounded to the
 * session's fraction first, so that what is measured is the function's own error, its stochastic rounding included.
 */
import { share } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { Recorder } from "../../src/plan/index.js";
import { type ProtocolDefinition, plain } from "../../src/protocol/index.js";
import { runOnce } from "../engine/run.js";

export interface Miss {
  /** The smaller of the absolute and the relative error. */
  readonly error: number;
  readonly absolute: number;
  readonly relative: number;
  readonly at: readonly number[];
  readonly got: number;
  readonly wanted: number;
}
export interface SweepOptions {
  /** Fraction bits of the session. */
  readonly fraction: number;
  /** Default: plain, which rounds as the others do. */
  readonly definition?: ProtocolDefinition;
}

/** Points of one run. */
const BATCH = 2 ** 17;

/** The worst point of f(x), or f(x, y) for two lists of equal length. */
export async function worst(
  record: (b: Builder, ...inputs: Ref[]) => Ref,
  reference: (...values: number[]) => number,
  inputs: readonly ArrayLike<number>[],
  { fraction, definition = plain }: SweepOptions,
): Promise<Miss> {
  const count = inputs[0]!.length;
  const step = 2 ** fraction;
  let found: Miss = { error: -1, absolute: 0, relative: 0, at: [], got: 0, wanted: 0 };
  for (let from = 0; from < count; from += BATCH) {
    const n = Math.min(BATCH, count - from);
    const rounded = inputs.map((list) =>
      Float64Array.from({ length: n }, (_, i) => Math.round(list[from + i]! * step) / step),
    );
    const b = new Recorder({ fraction });
    const refs = rounded.map((_, i) =>
      b.node("input", [], { slot: `x${i}`, shape: [n], scale: fraction, bound: fraction + 15 }),
    );
    b.node("reveal", [share(b, record(b, ...refs))], { label: "y", release: "open", recipients: ["driver"] });
    const given = Object.fromEntries(rounded.map((values, i) => [`x${i}`, values]));
    const { revealed } = await runOnce(definition, b, { inputs: given });
    const values = revealed.y!;
    for (let i = 0; i < n; i++) {
      const at = rounded.map((list) => list[i]!);
      const wanted = reference(...at);
      const got = values[i]!;
      const absolute = Math.abs(got - wanted);
      const relative = absolute / Math.abs(wanted);
      const error = Math.min(absolute, relative);
      if (!(error <= found.error)) found = { error, absolute, relative, at, got, wanted };
    }
  }
  return found;
}

/** `count` points from `from` to `to`, both included, evenly spaced. */
export const evenly = (from: number, to: number, count: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => from + ((to - from) * i) / Math.max(1, count - 1));
/** The same with even ratios; both ends positive. */
export const geometrically = (from: number, to: number, count: number): Float64Array =>
  evenly(Math.log(from), Math.log(to), count).map(Math.exp);
