/**
 * Elements picked by public position, and overlapping stretches of an axis: PyTorch's take, unbind, unfold and index_add, composed of
 * the operators in `layout.ts` and `gather.ts`. All are free and differentiable. Records nodes, computes nothing.
 */
import { ShapeError } from "../errors.js";
import { formatShape, normalizeAxis, sameShape, size } from "../ring/index.js";
import { add, numeric, reshape, slice } from "./build.js";
import { encodeIndex } from "./gather.js";
import type { Builder, Ref } from "./op.js";
import { gather, type Index, indexSelect, moveAxis } from "./rearrange.js";

/** Elements at row-major positions, in the shape of the index. */
export function take(b: Builder, x: Ref, index: Index): Ref {
  const count = size(index.shape);
  const flat = gather(b, reshape(b, x, [size(x.type.shape)]), 0, { shape: [count], data: index.data });
  return reshape(b, flat, index.shape);
}

/** The parts at each position of an axis, without it. */
export function unbind(b: Builder, x: Ref, axis: number): Ref[] {
  const { shape } = x.type;
  const at = normalizeAxis(axis, shape.length, "unbind");
  const rest = shape.filter((_, i) => i !== at);
  return Array.from({ length: shape[at]! }, (_, i) => reshape(b, slice(b, x, at, i, i + 1), rest));
}

/** Stretches of `length` elements of an axis, `step` apart: their number takes the axis' place, their elements a new last axis. */
export function unfold(b: Builder, x: Ref, axis: number, length: number, step: number): Ref {
  const { shape } = x.type;
  const at = normalizeAxis(axis, shape.length, "unfold");
  if (!Number.isInteger(length) || !Number.isInteger(step) || length < 1 || step < 1 || length > shape[at]!)
    throw new ShapeError(
      `unfold: expected a length from 1 to ${shape[at]} and a step from 1, got ${length} and ${step}; try another axis of ${formatShape(shape)}`,
    );
  const count = Math.floor((shape[at]! - length) / step) + 1;
  const places = Array.from({ length: count * length }, (_, i) => Math.floor(i / length) * step + (i % length));
  const cut = [...shape.slice(0, at), count, length, ...shape.slice(at + 1)];
  return moveAxis(b, reshape(b, indexSelect(b, x, at, places), cut), at + 1, -1);
}

/** x with row i of `source` added at the public position index[i] of an axis; several may meet. */
export function indexAdd(b: Builder, x: Ref, axis: number, index: ArrayLike<number>, source: Ref): Ref {
  const { shape } = x.type;
  const at = normalizeAxis(axis, shape.length, "indexAdd");
  const wanted = shape.map((length, i) => (i === at ? index.length : length));
  if (!sameShape(source.type.shape, wanted))
    throw new ShapeError(
      `indexAdd: expected a source of shape ${formatShape(wanted)}, got ${formatShape(source.type.shape)}; try reshape`,
    );
  for (let i = 0; i < index.length; i++)
    if (!Number.isInteger(index[i]) || index[i]! < 0 || index[i]! >= shape[at]!)
      throw new ShapeError(`indexAdd: expected positions from 0 to ${shape[at]! - 1}, got ${index[i]}; try others`);
  const put = { axis: at, index: encodeIndex(Array.from(index)), length: shape[at]! };
  return add(b, x, b.node("scatterAdd", [numeric(b, source)], put));
}
