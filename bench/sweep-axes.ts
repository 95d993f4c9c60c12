/** Holds a function along an axis against float64 over many rows of several lengths, as sweep.ts does for single elements. */
import type { AxisEntry } from "../src/functions/table-axes.js";
import { share } from "../src/ops/build.js";
import { Recorder } from "../src/plan/index.js";
import { BATCH, type Miss, nothing, onGrid, type RunPlan, worse } from "./sweep.js";

export interface Rows {
  readonly length: number;
  /** Row by row. */
  readonly data: Float64Array;
}

/** About `count` numbers, as many of each kind and length, and the entry's own row. */
export function rowsOf(entry: AxisEntry, fraction: number, count: number): Rows[] {
  let state = 2654435769;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  };
  const own = entry.row ? [{ length: entry.row.length, data: Float64Array.from(entry.row) }] : [];
  const each = Math.ceil(count / (entry.rows.length * entry.lengths.length));
  const drawn = entry.rows.flatMap(({ limit, around = 0, steps }) =>
    entry.lengths.map((length) => ({
      length,
      data: Float64Array.from({ length: Math.ceil(each / length) * length }, () => {
        const value = around + limit * random();
        return steps ? Math.round(value / steps) * steps : value;
      }),
    })),
  );
  return [...own, ...drawn].map(({ length, data }) => ({ length, data: data.map((value) => onGrid(value, fraction)) }));
}

/** The worst result of any row; `at` is the row. */
export async function worstRow(
  { record, reference }: AxisEntry,
  given: readonly Rows[],
  fraction: number,
  run: RunPlan,
): Promise<Miss> {
  let found = nothing;
  for (const { length, data } of given) {
    const most = Math.max(1, Math.floor(BATCH / length)) * length;
    for (let from = 0; from < data.length; from += most) {
      const part = data.slice(from, from + most);
      const b = new Recorder({ fraction });
      const shape = [part.length / length, length];
      const x = b.node("input", [], { slot: "x0", shape, scale: fraction, bound: fraction + 15 });
      b.node("reveal", [share(b, record(b, x))], { label: "y", release: "open", recipients: ["driver"] });
      const values = await run(b, { x0: part });
      const each = values.length / shape[0]!;
      for (let row = 0; row < shape[0]!; row++) {
        const at = [...part.subarray(row * length, (row + 1) * length)];
        reference(at).forEach((wanted, i) => {
          found = worse(found, at, values[row * each + i]!, wanted);
        });
      }
    }
  }
  return found;
}
