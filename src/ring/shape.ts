/** Shapes of row-major arrays: sizes, strides, axes and broadcasting as in NumPy. Holds no data. */
import { ShapeError } from "../errors.js";

export type Shape = readonly number[];

/** Elements of one array must be fewer: the kernels count them in 32 bits. */
const LIMIT = 2 ** 31;
/** Axes of one array, as many as the strided kernels can walk. */
const MAX_RANK = 16;

export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** The number of elements; 1 for the shape of a scalar. */
export function size(shape: Shape): number {
  let product = 1;
  for (const dim of shape) product *= dim;
  return product;
}

/** Row-major strides in elements. */
export function strides(shape: Shape): number[] {
  const result = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    result[axis] = step;
    step *= shape[axis]!;
  }
  return result;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** Throws ShapeError unless it is a list of non-negative integers whose product the kernels can count. */
export function checkShape(shape: Shape, where = "shape"): void {
  if (shape.length > MAX_RANK)
    throw new ShapeError(`${where}: expected at most ${MAX_RANK} axes, got ${shape.length}; try to merge axes`);
  for (const dim of shape) {
    if (!(Number.isSafeInteger(dim) && dim >= 0))
      throw new ShapeError(`${where}: expected non-negative integers, got ${formatShape(shape)}; try whole sizes`);
    if (dim >= LIMIT) throw tooLarge(shape, where);
  }
  if (size(shape) >= LIMIT) throw tooLarge(shape, where);
}

const tooLarge = (shape: Shape, where: string) =>
  new ShapeError(`${where}: expected fewer than 2^31 elements, got ${formatShape(shape)}; try smaller parts`);

/** The shape that all shapes stretch to: aligned at the last axis, sizes equal or 1. */
export function broadcastShapes(...shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let axis = 0; axis < shape.length; axis++) {
      const at = rank - shape.length + axis;
      const dim = shape[axis]!;
      if (dim === 1 || dim === result[at]) continue;
      if (result[at] !== 1) {
        const got = shapes.map(formatShape).join(" and ");
        const rule = "sizes that are equal or 1, aligned at the last axis";
        throw new ShapeError(`broadcast: expected ${rule}, got ${got}; try reshape to insert axes of size 1`);
      }
      result[at] = dim;
    }
  }
  return result;
}

/** Strides that read an array of `shape` as if it had the shape `to`: 0 where an axis is repeated. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const missing = to.length - shape.length;
  const own = strides(shape);
  return to.map((dim, at) => {
    const from = at < missing ? 1 : shape[at - missing]!;
    if (missing < 0 || (from !== dim && from !== 1)) {
      const got = `${formatShape(shape)} for ${formatShape(to)}`;
      throw new ShapeError(`broadcast: expected a shape that stretches to the other, got ${got}; try reshape`);
    }
    return from === 1 ? 0 : own[at - missing]!;
  });
}

/** An axis counted from the front; negative ones count from the back. */
export function normalizeAxis(axis: number, rank: number, where = "axis"): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!(Number.isInteger(normal) && normal >= 0 && normal < rank)) {
    const range = rank === 0 ? "no axis (a scalar has none)" : `an integer from ${-rank} to ${rank - 1}`;
    throw new ShapeError(`${where}: expected ${range}, got ${axis}; try an axis of the array`);
  }
  return normal;
}
