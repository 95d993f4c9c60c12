/** The operands of benchmark cases: the same numbers whoever measures, and whatever was measured before. */
import { type Shape, size } from "../src/ring/index.js";

/** Values that are shared before (set-up) or with (timed) a run. */
export interface Given {
  readonly shape: Shape;
  readonly data: Float64Array;
}
/** Deterministic pseudo-random values in [-limit, limit): operands, not secrets. */
function values(shape: Shape, limit: number, seed: number): Given {
  let state = seed >>> 0 || 1;
  const data = Float64Array.from({ length: size(shape) }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) / 2 ** 31 - 1) * limit;
  });
  return { shape, data };
}
let seed = 1;
/** A case has the same operands, whichever were measured before it, and whoever measures it: `peers/` makes the same numbers. */
export function restartValues(): void {
  seed = 1;
}
export const anew = (shape: Shape, limit: number) => values(shape, limit, seed++ * 2654435761);

/** One-hot rows, as `peers/` makes them: of as many numbers the position of the largest. */
export function labels(rows: number, classes: number): Given {
  const { shape, data } = anew([rows, classes], 1);
  const hot = new Float64Array(data.length);
  for (let from = 0; from < data.length; from += classes) {
    const row = data.subarray(from, from + classes);
    hot[from + row.indexOf(Math.max(...row))] = 1;
  }
  return { shape, data: hot };
}
