/**
 * Operators on public numbers only: what exporters compute shapes with, and constants that were not folded. In float64, at import
 * or while a forward is recorded. Nothing secret comes here.
 */
import { broadcastShapes, broadcastStrides, normalizeAxis, type Shape, size, strides } from "../../ring/index.js";
import { checkedShape, Numbers } from "../numbers.js";
import type { Attributes } from "./call.js";
import { tensorNumbers } from "./tensor.js";

type Fold = (inputs: readonly (Numbers | undefined)[], attributes: Attributes) => Numbers | readonly Numbers[];

/** Elements of a folded constant: shapes and tables are small; what is larger is a weight and was stored as one. */
const mostFolded = 2 ** 24;

const trained = (inputs: readonly (Numbers | undefined)[]) => inputs.some((input) => input?.trained);

/** New elements of this shape, each from its index. */
function build(
  attributes: Attributes,
  inputs: readonly (Numbers | undefined)[],
  shape: Shape,
  kind: Numbers["kind"],
  at: (index: readonly number[], i: number) => number,
): Numbers {
  checkedShape(attributes.node.type, shape);
  const n = size(shape);
  if (n > mostFolded) attributes.refuse(`a constant of ${n} elements would have to be computed`);
  const data = new Float64Array(n);
  const index = shape.map(() => 0);
  for (let i = 0; i < n; i++) {
    data[i] = at(index, i);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return new Numbers(shape, data, kind, trained(inputs));
}
const placeOf = (index: readonly number[], steps: readonly number[]): number =>
  steps.reduce((sum, step, axis) => sum + step * index[axis]!, 0);

const unary =
  (f: (x: number) => number, kind?: Numbers["kind"]): Fold =>
  ([x], attributes) =>
    build(attributes, [x], need(x, attributes).shape, kind ?? x!.kind, (_, i) => f(x!.data[i]!));

const folding =
  (f: (x: number, y: number, whole: boolean) => number, kind?: Numbers["kind"]): Fold =>
  (inputs, attributes) => {
    const all = inputs.map((input) => need(input, attributes));
    const shape = broadcastShapes(...all.map((each) => each.shape));
    const steps = all.map((each) => broadcastStrides(each.shape, shape));
    const whole = all.every((each) => each.kind !== "float");
    return build(attributes, all, shape, kind ?? all[0]!.kind, (index) =>
      all.map((each, i) => each.data[placeOf(index, steps[i]!)]!).reduce((x, y) => f(x, y, whole)),
    );
  };

function need(input: Numbers | undefined, attributes: Attributes): Numbers {
  if (input === undefined) attributes.refuse("an input is missing");
  return input;
}
const ints = (input: Numbers | undefined): number[] | undefined => input && [...input.data];

/** Elements of x moved: `from` gives the place in x of each index of the result. */
function moved(
  x: Numbers,
  attributes: Attributes,
  shape: Shape,
  from: (index: readonly number[]) => readonly number[],
): Numbers {
  const steps = strides(x.shape);
  return build(attributes, [x], shape, x.kind, (index) => x.data[placeOf(from(index), steps)]!);
}
const reshaped = (x: Numbers, shape: Shape): Numbers => new Numbers(shape, x.data, x.kind, x.trained);

/** The lengths that Reshape asks for. */
export function reshapeTo(own: Shape, asked: readonly number[], keepZeros: boolean): number[] {
  const shape = asked.map((length, axis) => (length === 0 && !keepZeros ? (own[axis] ?? 0) : length));
  const known = shape.reduce((product, length) => (length === -1 ? product : product * length), 1);
  return shape.map((length) => (length === -1 ? (known === 0 ? 0 : size(own) / known) : length));
}
/** First, step and number of elements along an axis that Slice takes. */
export function sliceRange(length: number, start: number, end: number, step: number) {
  const clip = (value: number, low: number, high: number) =>
    Math.min(Math.max(value < 0 ? value + length : value, low), high);
  const first = step > 0 ? clip(start, 0, length) : clip(start, 0, length - 1);
  const last = step > 0 ? clip(end, 0, length) : clip(end, -1, length - 1);
  return { first, step, count: Math.max(0, Math.ceil((last - first) / step)) };
}
/** Start, end and step by axis, for attributes (before version 10) and inputs. */
export function slices(
  rank: number,
  starts: readonly number[],
  ends: readonly number[],
  axes?: readonly number[],
  steps?: readonly number[],
) {
  const over = axes?.map((axis) => normalizeAxis(axis, rank, "Slice")) ?? starts.map((_, i) => i);
  return over.map((axis, i) => ({ axis, start: starts[i]!, end: ends[i]!, step: steps?.[i] ?? 1 }));
}

/** `start`: of no elements. */
const reduceAll =
  (f: (sum: number, value: number) => number, start: number): Fold =>
  ([given, axesInput], attributes) => {
    const x = need(given, attributes);
    const axes = ints(axesInput) ?? attributes.ints("axes") ?? x.shape.map((_, i) => i);
    const over = axes.map((axis) => normalizeAxis(axis, x.shape.length, attributes.node.type));
    const kept = x.shape.map((length, axis) => (over.includes(axis) ? 1 : length));
    const data = new Float64Array(size(checkedShape(attributes.node.type, kept))).fill(start);
    const steps = broadcastStrides(kept, x.shape);
    const index = x.shape.map(() => 0);
    for (const value of x.data) {
      const place = placeOf(index, steps);
      data[place] = f(data[place]!, value);
      for (let axis = index.length - 1; axis >= 0 && ++index[axis]! === x.shape[axis]; axis--) index[axis] = 0;
    }
    if (attributes.node.type === "ReduceMean")
      for (let i = 0; i < data.length; i++) data[i] = (data[i]! * data.length) / x.size;
    const shape = attributes.flag("keepdims", true) ? kept : x.shape.filter((_, axis) => !over.includes(axis));
    return new Numbers(shape, data, x.kind, x.trained);
  };
const plus = (x: number, y: number) => x + y;

export const folds: Readonly<Record<string, Fold>> = {
  Identity: ([x], a) => need(x, a),
  Cast: ([x], a) => {
    const to = a.int("to", 1);
    const value = need(x, a);
    if (to === 9) return unary((v) => (v === 0 ? 0 : 1), "bool")([value], a);
    if (to === 1 || to === 10 || to === 11 || to === 16)
      return new Numbers(value.shape, value.data, "float", value.trained);
    return unary((v) => Math.trunc(v), "int")([value], a);
  },
  Add: folding((x, y) => x + y),
  Sub: folding((x, y) => x - y),
  Mul: folding((x, y) => x * y),
  Div: folding((x, y, whole) => (whole ? Math.trunc(x / y) : x / y)),
  Mod: folding((x, y) => x - y * Math.floor(x / y)),
  Pow: folding((x, y) => x ** y),
  Min: folding((x, y) => Math.min(x, y)),
  Max: folding((x, y) => Math.max(x, y)),
  Sum: folding((x, y) => x + y),
  Equal: folding((x, y) => (x === y ? 1 : 0), "bool"),
  Less: folding((x, y) => (x < y ? 1 : 0), "bool"),
  Greater: folding((x, y) => (x > y ? 1 : 0), "bool"),
  LessOrEqual: folding((x, y) => (x <= y ? 1 : 0), "bool"),
  GreaterOrEqual: folding((x, y) => (x >= y ? 1 : 0), "bool"),
  And: folding((x, y) => (x && y ? 1 : 0), "bool"),
  Or: folding((x, y) => (x || y ? 1 : 0), "bool"),
  Not: unary((x) => (x ? 0 : 1), "bool"),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Sqrt: unary(Math.sqrt),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Reciprocal: unary((x) => 1 / x),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Sign: unary(Math.sign),
  ReduceSum: reduceAll(plus, 0),
  ReduceMean: reduceAll(plus, 0),
  ReduceProd: reduceAll((x, y) => x * y, 1),
  ReduceMax: reduceAll(Math.max, -Infinity),
  ReduceMin: reduceAll(Math.min, Infinity),
  ConstantOfShape: ([shape], a) => {
    const value = a.node.attributes.get("value")?.tensor;
    const filling = value ? tensorNumbers(value) : new Numbers([1], Float64Array.of(0), "float");
    return build(a, [], ints(need(shape, a))!, filling.kind, () => filling.data[0] ?? 0);
  },
  Range: ([start, limit, delta], a) => {
    const [from, to, step] = [start, limit, delta].map(
      (each) => need(each, a).only ?? a.refuse("a bound is no number"),
    );
    const length = Math.max(0, Math.ceil((to! - from!) / step!));
    return build(a, [], [length], start!.kind, (_, i) => from! + i * step!);
  },
  Size: ([x], a) => Numbers.ints([need(x, a).size], []),
  Shape: ([x], a) => {
    const { shape } = need(x, a);
    const end = a.int("end");
    return Numbers.ints(shape.slice(a.int("start", 0), end));
  },
  Reshape: ([x, shape], a) => {
    const value = need(x, a);
    const to = reshapeTo(value.shape, ints(shape) ?? a.ints("shape") ?? a.refuse("no shape"), a.flag("allowzero"));
    return checkedSize(value, to, a);
  },
  Flatten: ([x], a) => {
    const { shape } = need(x, a);
    const axis = a.int("axis", 1);
    const at = axis < 0 ? axis + shape.length : axis;
    return checkedSize(x!, [size(shape.slice(0, at)), size(shape.slice(at))], a);
  },
  Squeeze: ([x, axes], a) => {
    const { shape } = need(x, a);
    const over = (ints(axes) ?? a.ints("axes"))?.map((axis) => normalizeAxis(axis, shape.length, "Squeeze"));
    return checkedSize(
      x!,
      shape.filter((length, axis) => (over ? !over.includes(axis) : length !== 1)),
      a,
    );
  },
  Unsqueeze: ([x, axes], a) => {
    const value = need(x, a);
    return reshaped(value, unsqueezed(value.shape, ints(axes) ?? a.ints("axes") ?? a.refuse("no axes")));
  },
  Transpose: ([x], a) => {
    const value = need(x, a);
    const order = a.ints("perm") ?? value.shape.map((_, i) => value.shape.length - 1 - i);
    const back = order.map((_, axis) => order.indexOf(axis));
    return moved(
      value,
      a,
      order.map((axis) => value.shape[axis]!),
      (index) => back.map((axis) => index[axis]!),
    );
  },
  Expand: ([x, shape], a) => {
    const value = need(x, a);
    const to = broadcastShapes(value.shape, ints(need(shape, a))!);
    const steps = broadcastStrides(value.shape, to);
    return build(a, [value], to, value.kind, (index) => value.data[placeOf(index, steps)]!);
  },
  Concat: (inputs, a) => {
    const parts = inputs.map((input) => need(input, a));
    const [first] = parts as [Numbers];
    const axis = normalizeAxis(a.int("axis", 0), first.shape.length, "Concat");
    const owner = parts.flatMap((part, p) => Array.from({ length: part.shape[axis]! }, (_, i) => [p, i] as const));
    const steps = parts.map((part) => strides(part.shape));
    return build(a, parts, first.shape.with(axis, owner.length), first.kind, (index) => {
      const [p, i] = owner[index[axis]!]!;
      return parts[p]!.data[placeOf(index.with(axis, i), steps[p]!)]!;
    });
  },
  Gather: ([x, positions], a) => {
    const [value, index] = [need(x, a), need(positions, a)];
    const axis = normalizeAxis(a.int("axis", 0), value.shape.length, "Gather");
    const own = strides(index.shape);
    const length = value.shape[axis]!;
    const rank = index.shape.length;
    const shape = [...value.shape.slice(0, axis), ...index.shape, ...value.shape.slice(axis + 1)];
    return moved(value, a, shape, (at) => {
      const position = index.data[placeOf(at.slice(axis, axis + rank), own)]!;
      if (!(position >= -length && position < length)) a.refuse(`position ${position} of ${length}`);
      return [...at.slice(0, axis), position < 0 ? position + length : position, ...at.slice(axis + rank)];
    });
  },
  Slice: ([x, starts, ends, axes, steps], a) => {
    const value = need(x, a);
    const [from, to] = [ints(starts) ?? a.ints("starts"), ints(ends) ?? a.ints("ends")];
    if (!from || !to) return a.refuse("no starts or ends");
    const cuts = slices(value.shape.length, from, to, ints(axes) ?? a.ints("axes"), ints(steps));
    const ranges = value.shape.map((length) => ({ first: 0, step: 1, count: length }));
    for (const { axis, start, end, step } of cuts) ranges[axis] = sliceRange(value.shape[axis]!, start, end, step);
    return moved(
      value,
      a,
      ranges.map(({ count }) => count),
      (index) => index.map((i, axis) => ranges[axis]!.first + i * ranges[axis]!.step),
    );
  },
  Where: ([condition, x, y], a) => {
    const all = [condition, x, y].map((each) => need(each, a));
    const shape = broadcastShapes(...all.map((each) => each.shape));
    const steps = all.map((each) => broadcastStrides(each.shape, shape));
    return build(a, all, shape, all[1]!.kind, (index) => {
      const [bit, yes, no] = all.map((each, i) => each.data[placeOf(index, steps[i]!)]!);
      return bit ? yes! : no!;
    });
  },
};

function checkedSize(x: Numbers, shape: Shape, attributes: Attributes): Numbers {
  if (size(checkedShape(attributes.node.type, shape)) !== x.size)
    attributes.refuse(`[${x.shape}] has no shape [${shape}]`);
  return reshaped(x, shape);
}
/** With axes of length 1, at these places of the result. */
export function unsqueezed(shape: Shape, axes: readonly number[]): number[] {
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => normalizeAxis(axis, rank, "Unsqueeze")));
  let next = 0;
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : shape[next++]!));
}
