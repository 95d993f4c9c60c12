/** Weights with their axes in another order, in the clear, before they are shared. */
import { size, strides } from "../../ring/index.js";
import type { Numbers } from "../numbers.js";

/** Axis i of the result is axis order[i]. */
export function turned({ data, shape }: Pick<Numbers, "data" | "shape">, order: readonly number[]): Float64Array {
  const from = strides(shape);
  const lengths = order.map((axis) => shape[axis]!);
  const result = new Float64Array(size(shape));
  const index = lengths.map(() => 0);
  for (let i = 0; i < result.length; i++) {
    let place = 0;
    for (let axis = 0; axis < index.length; axis++) place += index[axis]! * from[order[axis]!]!;
    result[i] = data[place]!;
    for (let axis = lengths.length - 1; axis >= 0 && ++index[axis]! === lengths[axis]; axis--) index[axis] = 0;
  }
  return result;
}
