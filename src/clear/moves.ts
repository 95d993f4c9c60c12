/** Float64 meanings of operators that move elements. Bits move like numbers here. */
import { positionsOf } from "../ops/gather.js";
import { broadcastStrides, type Shape, size, strides } from "../ring/index.js";
import type { Meanings, Reals } from "./meaning.js";

type Some = Pick<
  Meanings,
  "reshape" | "transpose" | "broadcast" | "flip" | "slice" | "pad" | "concat" | "gather" | "scatterAdd"
>;

/** Calls visit(from) for each place of `dims` in row-major order, `from` moving by `steps`; neighbours along the last axis at once. */
function walk(dims: Shape, steps: readonly number[], start: number, visit: (from: number, to: number) => void): void {
  const rank = dims.length;
  const total = size(dims);
  if (total === 0) return;
  const index = new Int32Array(rank);
  let from = start;
  for (let to = 0; to < total; to++) {
    visit(from, to);
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < dims[axis]!) break;
      from -= steps[axis]! * dims[axis]!;
      index[axis] = 0;
    }
  }
}
export function gathered(x: Reals, dims: Shape, steps: readonly number[], start = 0): Reals {
  const out = new Float64Array(size(dims));
  walk(dims, steps, start, (from, to) => {
    out[to] = x[from]!;
  });
  return out;
}

/** Elements before an axis and behind it. */
const around = (shape: Shape, axis: number) => [size(shape.slice(0, axis)), size(shape.slice(axis + 1))] as const;

export const moves: Some = {
  reshape: (_, [x]) => x!,
  transpose({ types }, [x], { axes }) {
    const steps = strides(types.inputs[0]!.shape);
    return gathered(
      x!,
      types.output.shape,
      axes.map((axis) => steps[axis]!),
    );
  },
  broadcast: ({ types }, [x], { shape }) => gathered(x!, shape, broadcastStrides(types.inputs[0]!.shape, shape)),
  flip({ types }, [x], { axes }) {
    const { shape } = types.output;
    const steps = strides(shape);
    const start = axes.reduce((sum, axis) => sum + Math.max(0, shape[axis]! - 1) * steps[axis]!, 0);
    return gathered(
      x!,
      shape,
      steps.map((step, axis) => (axes.includes(axis) ? -step : step)),
      start,
    );
  },
  slice({ types }, [x], { axis, start, step = 1 }) {
    const own = strides(types.inputs[0]!.shape);
    const steps = own.map((each, i) => (i === axis ? each * step : each));
    return gathered(x!, types.output.shape, steps, start * own[axis]!);
  },
  pad({ types }, [x], { axis, before, step = 1 }) {
    const own = strides(types.output.shape);
    const steps = own.map((each, i) => (i === axis ? each * step : each));
    const out = new Float64Array(size(types.output.shape));
    walk(types.inputs[0]!.shape, steps, before * own[axis]!, (place, i) => {
      out[place] = x![i]!;
    });
    return out;
  },
  concat({ types }, inputs, { axis }) {
    const { shape } = types.output;
    const [outer, inner] = around(shape, axis);
    const out = new Float64Array(size(shape));
    let at = 0;
    inputs.forEach((x, i) => {
      const length = types.inputs[i]!.shape[axis]! * inner;
      for (let o = 0; o < outer; o++) out.set(x.subarray(o * length, (o + 1) * length), o * shape[axis]! * inner + at);
      at += length;
    });
    return out;
  },
  gather({ types }, [x], attrs) {
    const positions = positionsOf(attrs);
    const { shape } = types.inputs[0]!;
    const [outer, inner] = around(shape, attrs.axis);
    const out = new Float64Array(size(types.output.shape));
    for (let o = 0; o < outer; o++)
      positions.forEach((place, i) => {
        const from = (o * shape[attrs.axis]! + place) * inner;
        out.set(x!.subarray(from, from + inner), (o * positions.length + i) * inner);
      });
    return out;
  },
  scatterAdd({ types }, [x], attrs) {
    const positions = positionsOf(attrs);
    const { shape } = types.output;
    const [outer, inner] = around(shape, attrs.axis);
    const out = new Float64Array(size(shape));
    for (let o = 0; o < outer; o++)
      positions.forEach((place, i) => {
        const [from, to] = [(o * positions.length + i) * inner, (o * shape[attrs.axis]! + place) * inner];
        for (let k = 0; k < inner; k++) out[to + k]! += x![from + k]!;
      });
    return out;
  },
};
