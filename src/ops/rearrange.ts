/**
 * Elements in other places: what NumPy and PyTorch have beyond reshape and transpose, composed of the operators in `layout.ts` and
 * `gather.ts`. All are free and differentiable. Records nodes, computes nothing.
 */
import { ShapeError } from "../errors.js";
import { formatShape, normalizeAxis, type Shape, size, strides } from "../ring/index.js";
import {
  add,
  broadcastTo,
  concat,
  constant,
  exactScale,
  mul,
  numeric,
  reshape,
  slice,
  sub,
  sum,
  transpose,
} from "./build.js";
import { encodeIndex } from "./gather.js";
import type { Builder, Ref } from "./op.js";

const rankOf = (x: Ref) => x.type.shape.length;
const axisOf = (x: Ref, axis: number, where: string) => normalizeAxis(axis, rankOf(x), where);

/** Every `step`-th of elements start ... end-1. */
export function strided(b: Builder, x: Ref, axis: number, start: number, end: number, step: number): Ref {
  const at = axisOf(x, axis, "slice");
  return step === 1 ? slice(b, x, at, start, end) : b.node("slice", [numeric(b, x)], { axis: at, start, end, step });
}

/**
 * `value` on both sides of axes. Widths as PyTorch gives them: before and after the last axis, then the one before it, ...
 * Negative ones take elements off.
 */
export function pad(b: Builder, x: Ref, widths: readonly number[], value = 0): Ref {
  const rank = rankOf(x);
  if (widths.length % 2 !== 0 || widths.length > 2 * rank || !widths.every(Number.isInteger))
    throw new ShapeError(
      `pad: expected up to ${rank} pairs of whole numbers for ${formatShape(x.type.shape)}, got [${widths}]; try [before, after] of the last axis`,
    );
  let padded = numeric(b, x);
  let inside: Ref | undefined = value === 0 ? undefined : constant(b, value, [], exactScale(value, b.env.fraction));
  const filling = inside;
  for (let i = 0; i < widths.length; i += 2) {
    const axis = rank - 1 - i / 2;
    const [before, after] = [widths[i]!, widths[i + 1]!];
    const length = padded.type.shape[axis]!;
    if (before + after + length < 0)
      throw new ShapeError(`pad: expected to take off at most ${length} along axis ${axis}, got ${-before - after}`);
    if (before < 0 || after < 0) padded = slice(b, padded, axis, Math.max(0, -before), length - Math.max(0, -after));
    if (inside) inside = broadcastTo(b, inside, padded.type.shape);
    if (before <= 0 && after <= 0) continue;
    const zeros = { axis, before: Math.max(0, before), after: Math.max(0, after) };
    padded = b.node("pad", [padded], zeros);
    if (inside) inside = b.node("pad", [inside], zeros);
  }
  if (!inside || !filling) return padded;
  return add(b, padded, sub(b, broadcastTo(b, filling, padded.type.shape), inside));
}

/** Turns axes over; all of them if none are given. */
export function flip(b: Builder, x: Ref, axes?: readonly number[]): Ref {
  const over = axes?.map((axis) => axisOf(x, axis, "flip")) ?? x.type.shape.map((_, axis) => axis);
  return over.length === 0 ? x : b.node("flip", [numeric(b, x)], { axes: [...new Set(over)].sort((p, q) => p - q) });
}

/** Moves elements along axes, the last ones to the front. Without axes: all in row-major order. */
export function roll(b: Builder, x: Ref, shifts: readonly number[], axes?: readonly number[]): Ref {
  if (!axes) {
    const flat = reshape(b, x, [size(x.type.shape)]);
    return reshape(b, roll(b, flat, [shifts.reduce((total, shift) => total + shift, 0)], [0]), x.type.shape);
  }
  if (axes.length !== shifts.length)
    throw new ShapeError(`roll: expected a shift for each of ${axes.length} axes, got ${shifts.length}`);
  let rolled = numeric(b, x);
  axes.forEach((given, i) => {
    const axis = axisOf(x, given, "roll");
    const length = x.type.shape[axis]!;
    const shift = length === 0 ? 0 : ((shifts[i]! % length) + length) % length;
    if (shift === 0) return;
    const index = Array.from({ length }, (_, at) => (at - shift + length) % length);
    rolled = b.node("gather", [rolled], { axis, index: encodeIndex(index) });
  });
  return rolled;
}

/** Rows `index` along an axis; any number of them, in any order. */
export function indexSelect(b: Builder, x: Ref, axis: number, index: ArrayLike<number>): Ref {
  const given = { axis: axisOf(x, axis, "indexSelect"), index: positions("indexSelect", index) };
  return b.node("gather", [numeric(b, x)], given);
}
function positions(where: string, index: ArrayLike<number>): string {
  for (let i = 0; i < index.length; i++)
    if (!Number.isInteger(index[i]) || index[i]! < 0 || index[i]! >= 2 ** 32)
      throw new ShapeError(`${where}: expected positions from 0 on, got ${index[i]}; try whole numbers`);
  return encodeIndex(index);
}

/** Public positions along one axis, for every element of `shape`. */
export interface Index {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}
/** out[i, j, ...] = x[..., index[i, j, ...] along the axis, ...]: PyTorch's gather, with a public index. */
export function gather(b: Builder, x: Ref, axis: number, index: Index): Ref {
  const flat = reshape(b, numeric(b, x), [size(x.type.shape)]);
  const places = placesOf("gather", x.type.shape, axisOf(x, axis, "gather"), index);
  return reshape(b, b.node("gather", [flat], { axis: 0, index: encodeIndex(places) }), index.shape);
}
/** x with `source` added at the places that gather would read. */
export function scatterAdd(b: Builder, x: Ref, axis: number, index: Index, source: Ref): Ref {
  return add(b, x, scattered(b, x, axis, index, source, "scatterAdd"));
}
/** x with `source` at the places that gather would read; of several at one place the last one. */
export function scatter(b: Builder, x: Ref, axis: number, index: Index, source: Ref): Ref {
  const { shape } = x.type;
  const places = placesOf("scatter", shape, axisOf(x, axis, "scatter"), index);
  const last = new Map([...places].map((place, i) => [place, i]));
  const chosen = [...last.values()];
  const flat = reshape(b, numeric(b, sourceFor(b, index, source, "scatter")), [places.length]);
  const kept = b.node("gather", [flat], { axis: 0, index: encodeIndex(chosen) });
  const put = { axis: 0, index: encodeIndex([...last.keys()]), length: size(shape) };
  const outside = constant(
    b,
    Array.from({ length: size(shape) }, (_, i) => (last.has(i) ? 0 : 1)),
    shape,
    0,
  );
  return add(b, mul(b, x, outside), reshape(b, b.node("scatterAdd", [kept], put), shape));
}
function scattered(b: Builder, x: Ref, axis: number, index: Index, source: Ref, where: string): Ref {
  const { shape } = x.type;
  const places = placesOf(where, shape, axisOf(x, axis, where), index);
  const flat = reshape(b, numeric(b, sourceFor(b, index, source, where)), [places.length]);
  const put = { axis: 0, index: encodeIndex(places), length: size(shape) };
  return reshape(b, b.node("scatterAdd", [flat], put), shape);
}
/** The part of the source that the index speaks of. */
function sourceFor(b: Builder, { shape }: Index, source: Ref, where: string): Ref {
  const own = source.type.shape;
  if (own.length !== shape.length || own.some((length, axis) => length < shape[axis]!))
    throw new ShapeError(
      `${where}: expected a source of at least ${formatShape(shape)}, as the index has, got ${formatShape(own)}; try reshape`,
    );
  return shape.reduce((part, length, axis) => (own[axis] === length ? part : slice(b, part, axis, 0, length)), source);
}
/** Row-major places in x for each element of the index. */
function placesOf(where: string, shape: Shape, axis: number, index: Index): Uint32Array {
  const fits = (length: number, at: number) => at === axis || length <= shape[at]!;
  if (index.shape.length !== shape.length || !index.shape.every(fits))
    throw new ShapeError(
      `${where}: expected an index of ${shape.length} axes, none but ${axis} longer than ${formatShape(shape)}, got ${formatShape(index.shape)}; try reshape`,
    );
  const [steps, own] = [strides(shape), strides(index.shape)];
  return Uint32Array.from({ length: size(index.shape) }, (_, i) => {
    const position = index.data[i]!;
    if (!Number.isInteger(position) || position < 0 || position >= shape[axis]!)
      throw new ShapeError(`${where}: expected positions from 0 to ${shape[axis]! - 1}, got ${position}; try others`);
    return steps.reduce(
      (place, step, at) =>
        place + step * (at === axis ? position : Math.floor(i / own[at]!) % Math.max(1, index.shape[at]!)),
      0,
    );
  });
}

/** Without axes of length 1; or without those of the given ones that have it. */
export function squeeze(b: Builder, x: Ref, axes?: readonly number[]): Ref {
  const over = axes?.map((axis) => axisOf(x, axis, "squeeze"));
  return reshape(
    b,
    x,
    x.type.shape.filter((length, axis) => length !== 1 || (over !== undefined && !over.includes(axis))),
  );
}
/** A new axis of length 1, before `axis` or, counted from the end, behind. */
export function unsqueeze(b: Builder, x: Ref, axis: number): Ref {
  const at = normalizeAxis(axis, rankOf(x) + 1, "unsqueeze");
  return reshape(b, x, [...x.type.shape.slice(0, at), 1, ...x.type.shape.slice(at)]);
}
/** Axes of length 1 repeated, new ones in front; -1 keeps a length. */
export function expand(b: Builder, x: Ref, shape: Shape): Ref {
  const missing = shape.length - rankOf(x);
  if (missing < 0 || shape.some((length, axis) => length < (axis < missing ? 0 : -1)))
    throw new ShapeError(`expand: expected a shape for ${formatShape(x.type.shape)}, got ${formatShape(shape)}`);
  return broadcastTo(
    b,
    x,
    shape.map((length, axis) => (length === -1 ? x.type.shape[axis - missing]! : length)),
  );
}
/** The whole tensor again and again along each axis. */
export function repeat(b: Builder, x: Ref, times: readonly number[]): Ref {
  const missing = times.length - rankOf(x);
  if (missing < 0 || !times.every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(`repeat: expected a count for each axis of ${formatShape(x.type.shape)}, got [${times}]`);
  let repeated = reshape(b, x, [...new Array<number>(missing).fill(1), ...x.type.shape]);
  times.forEach((n, axis) => {
    if (n === 1) return;
    const { shape } = repeated.type;
    const [before, length, after] = [size(shape.slice(0, axis)), shape[axis]!, size(shape.slice(axis + 1))];
    const copies = broadcastTo(b, reshape(b, repeated, [before, 1, length * after]), [before, n, length * after]);
    repeated = reshape(b, copies, [...shape.slice(0, axis), n * length, ...shape.slice(axis + 1)]);
  });
  return repeated;
}
/** Values of one shape along a new axis. */
export function stack(b: Builder, parts: readonly Ref[], axis = 0): Ref {
  return concat(
    b,
    parts.map((part) => unsqueeze(b, part, axis)),
    parts[0] ? normalizeAxis(axis, rankOf(parts[0]) + 1, "stack") : 0,
  );
}
/** Parts of `length` elements along an axis, the last one shorter if need be; or of each of the given lengths. */
export function split(b: Builder, x: Ref, lengths: number | readonly number[], axis = 0): Ref[] {
  const at = axisOf(x, axis, "split");
  const whole = x.type.shape[at]!;
  const each =
    typeof lengths === "number"
      ? Array.from({ length: Math.ceil(whole / lengths) }, (_, i) => Math.min(lengths, whole - i * lengths))
      : lengths;
  if (!each.every((n) => Number.isInteger(n) && n >= 0) || each.reduce((total, n) => total + n, 0) !== whole)
    throw new ShapeError(`split: expected lengths that make ${whole}, got [${lengths}]; try one length for all`);
  let start = 0;
  return each.map((n) => {
    start += n;
    return slice(b, x, at, start - n, start);
  });
}
/** At most `count` parts of one length along an axis, the last one shorter if need be. */
export function chunk(b: Builder, x: Ref, count: number, axis = 0): Ref[] {
  if (!Number.isInteger(count) || count < 1) throw new ShapeError(`chunk: expected a count from 1 on, got ${count}`);
  return split(b, x, Math.max(1, Math.ceil(x.type.shape[axisOf(x, axis, "chunk")]! / count)), axis);
}
/** The elements (i, i + offset) of the last two axes. */
export function diagonal(b: Builder, x: Ref, offset = 0): Ref {
  const lead = x.type.shape.slice(0, -2);
  const [rows, columns] = x.type.shape.slice(-2);
  if (rows === undefined || columns === undefined)
    throw new ShapeError(`diagonal: expected a matrix, got ${formatShape(x.type.shape)}; try reshape`);
  const [down, right] = [Math.max(0, -offset), Math.max(0, offset)];
  const n = Math.max(0, Math.min(rows - down, columns - right));
  const flat = reshape(b, x, [...lead, rows * columns]);
  if (n === 0) return slice(b, flat, lead.length, 0, 0);
  const start = down * columns + right;
  return strided(b, flat, lead.length, start, start + (n - 1) * (columns + 1) + 1, columns + 1);
}
/** The sum of a matrix's diagonal. */
export const trace = (b: Builder, x: Ref): Ref => sum(b, diagonal(b, x), [-1]);
/** An axis in another place, the others in their order. */
export function moveAxis(b: Builder, x: Ref, from: number, to: number): Ref {
  const [p, q] = [axisOf(x, from, "movedim"), axisOf(x, to, "movedim")];
  const order = x.type.shape.map((_, axis) => axis).filter((axis) => axis !== p);
  order.splice(q, 0, p);
  return transpose(b, x, order);
}
