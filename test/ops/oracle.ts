/**
 * A tiny reverse-mode engine on float64 arrays, written from the definitions and sharing no code with src: the second
 * opinion on values and gradients. Slow on purpose: every operator is a loop over indices.
 */

export type Dims = readonly number[];

export const count = (dims: Dims): number => dims.reduce((product, dim) => product * dim, 1);

/** All index tuples of a shape, in row-major order. */
export function* indices(dims: Dims): Generator<number[]> {
  if (count(dims) === 0) return;
  const at = dims.map(() => 0);
  for (;;) {
    yield [...at];
    let axis = dims.length - 1;
    while (axis >= 0 && ++at[axis]! === dims[axis]) at[axis--] = 0;
    if (axis < 0) return;
  }
}

/** The offset of an index in an array that may be broadcast: missing axes in front, axes of length 1. */
function offset(dims: Dims, index: readonly number[]): number {
  const skip = index.length - dims.length;
  return dims.reduce((sum, dim, axis) => sum * dim + (dim === 1 ? 0 : index[axis + skip]!), 0);
}

function common(a: Dims, b: Dims): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [p, q] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    return p === 1 ? q : p;
  });
}

export class Real {
  grad: Float64Array;
  /** How near any comparison on the way here was to a tie: results beyond are not comparable. */
  margin: number;
  constructor(
    readonly dims: Dims,
    readonly data: Float64Array,
    readonly parents: readonly Real[] = [],
    /** Adds to the parents' gradients. */
    readonly back: (self: Real) => void = () => {},
    margin = Number.POSITIVE_INFINITY,
  ) {
    this.grad = new Float64Array(data.length);
    this.margin = Math.min(margin, ...parents.map((parent) => parent.margin));
  }

  /** Fills `grad` of everything that this one-element value depends on. */
  backward(): void {
    const order: Real[] = [];
    const seen = new Set<Real>();
    const visit = (node: Real) => {
      if (seen.has(node)) return;
      seen.add(node);
      node.parents.forEach(visit);
      order.push(node);
    };
    visit(this);
    this.grad.fill(1);
    for (const node of order.reverse()) node.back(node);
  }
}

/** Element-wise of two, broadcast; `slopes` are the partial derivatives. */
function pointwise(
  a: Real,
  b: Real,
  value: (x: number, y: number) => number,
  slopes: (x: number, y: number) => readonly [number, number],
  margin?: (x: number, y: number) => number,
): Real {
  const dims = common(a.dims, b.dims);
  const data = new Float64Array(count(dims));
  let near = Number.POSITIVE_INFINITY;
  let i = 0;
  for (const index of indices(dims)) {
    const [x, y] = [a.data[offset(a.dims, index)]!, b.data[offset(b.dims, index)]!];
    data[i++] = value(x, y);
    if (margin) near = Math.min(near, margin(x, y));
  }
  return new Real(
    dims,
    data,
    [a, b],
    (self) => {
      let j = 0;
      for (const index of indices(dims)) {
        const [p, q] = [offset(a.dims, index), offset(b.dims, index)];
        const [s, t] = slopes(a.data[p]!, b.data[q]!);
        a.grad[p]! += s * self.grad[j]!;
        b.grad[q]! += t * self.grad[j]!;
        j++;
      }
    },
    near,
  );
}

/** Every element of the result is one element of a source, or (place undefined) zero. */
export function pick(
  dims: Dims,
  sources: readonly Real[],
  from: (index: readonly number[]) => readonly [number, number] | undefined,
): Real {
  const places = [...indices(dims)].map(from);
  const data = Float64Array.from(places, (place) => (place ? sources[place[0]]!.data[place[1]]! : 0));
  return new Real(dims, data, sources, (self) => {
    places.forEach((place, i) => {
      if (place) sources[place[0]]!.grad[place[1]]! += self.grad[i]!;
    });
  });
}

export const add = (a: Real, b: Real) =>
  pointwise(
    a,
    b,
    (x, y) => x + y,
    () => [1, 1],
  );
export const sub = (a: Real, b: Real) =>
  pointwise(
    a,
    b,
    (x, y) => x - y,
    () => [1, -1],
  );
export const mul = (a: Real, b: Real) =>
  pointwise(
    a,
    b,
    (x, y) => x * y,
    (x, y) => [y, x],
  );
const distance = (x: number, y: number) => Math.abs(x - y);
export const maximum = (a: Real, b: Real) =>
  a === b ? a : pointwise(a, b, Math.max, (x, y) => (x < y ? [0, 1] : [1, 0]), distance);
export const less = (a: Real, b: Real) =>
  pointwise(
    a,
    b,
    (x, y) => (x < y ? 1 : 0),
    () => [0, 0],
    distance,
  );
/** Exact: for whole numbers. */
export const equal = (a: Real, b: Real) =>
  pointwise(
    a,
    b,
    (x, y) => (x === y ? 1 : 0),
    () => [0, 0],
  );
export const constant = (dims: Dims, value: number) => new Real(dims, new Float64Array(count(dims)).fill(value));
export const scale = (a: Real, factor: number) => mul(a, constant([], factor));
export const relu = (a: Real) => maximum(a, constant([], 0));
export const where = (bit: Real, x: Real, y: Real) => add(mul(bit, x), mul(sub(constant([], 1), bit), y));
export const reshape = (a: Real, dims: Dims) => {
  let i = 0;
  return pick(dims, [a], () => [0, i++]);
};
export const broadcast = (a: Real, dims: Dims) => pick(dims, [a], (index) => [0, offset(a.dims, index)]);
export const transpose = (a: Real, axes: Dims) =>
  pick(
    axes.map((axis) => a.dims[axis]!),
    [a],
    (index) => [
      0,
      offset(
        a.dims,
        a.dims.map((dim, axis) => (dim === 1 ? 0 : index[axes.indexOf(axis)]!)),
      ),
    ],
  );
export const slice = (a: Real, axis: number, start: number, end: number) =>
  pick(
    a.dims.map((dim, i) => (i === axis ? end - start : dim)),
    [a],
    (index) => [
      0,
      plainOffset(
        a.dims,
        index.map((value, i) => (i === axis ? value + start : value)),
      ),
    ],
  );
export const plainOffset = (dims: Dims, index: readonly number[]) =>
  dims.reduce((sum, dim, axis) => sum * dim + index[axis]!, 0);
export function concat(parts: readonly Real[], axis: number): Real {
  const starts: number[] = [];
  let length = 0;
  for (const part of parts) {
    starts.push(length);
    length += part.dims[axis]!;
  }
  return pick(
    parts[0]!.dims.map((dim, i) => (i === axis ? length : dim)),
    parts,
    (index) => {
      let source = parts.length - 1;
      while (index[axis]! < starts[source]! || parts[source]!.dims[axis] === 0) source--;
      const own = index.map((value, i) => (i === axis ? value - starts[source]! : value));
      return [source, plainOffset(parts[source]!.dims, own)];
    },
  );
}

export function pad(a: Real, axis: number, before: number, after: number): Real {
  const zeros = (length: number) => constant(a.dims.with(axis, length), 0);
  return concat([zeros(before), a, zeros(after)], axis);
}

export function sum(a: Real, axes: Dims, keep = false): Real {
  const kept = a.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const data = new Float64Array(count(kept));
  let i = 0;
  for (const index of indices(a.dims)) data[offset(kept, index)]! += a.data[i++]!;
  const dims = keep ? kept : a.dims.filter((_, axis) => !axes.includes(axis));
  return new Real(dims, data, [a], (self) => {
    let j = 0;
    for (const index of indices(a.dims)) a.grad[j++]! += self.grad[offset(kept, index)]!;
  });
}
export const cumsum = (a: Real, axis: number) =>
  concat(
    Array.from({ length: a.dims[axis]! }, (_, i) => sum(slice(a, axis, 0, i + 1), [axis], true)),
    axis,
  );
export const total = (a: Real) =>
  sum(
    a,
    a.dims.map((_, axis) => axis),
  );
export const mean = (a: Real, axes: Dims, keep = false) =>
  scale(sum(a, axes, keep), 1 / count(axes.map((axis) => a.dims[axis]!)));

export function matmul(a: Real, b: Real): Real {
  const [m, k, n] = [a.dims[0]!, a.dims[1]!, b.dims[1]!];
  const left = reshape(a, [m, k, 1]);
  const right = reshape(b, [1, k, n]);
  return sum(mul(left, right), [1]);
}

/** The largest along an axis and where it is; ties go to the lower position. */
export function max(a: Real, axis: number): { max: Real; argmax: Real } {
  const dims = a.dims.filter((_, i) => i !== axis);
  const n = a.dims[axis]!;
  const at = (index: readonly number[], p: number) =>
    plainOffset(a.dims, [...index.slice(0, axis), p, ...index.slice(axis)]);
  let near = Number.POSITIVE_INFINITY;
  const best = new Map<string, number>();
  for (const index of indices(dims)) {
    let found = 0;
    for (let p = 1; p < n; p++) if (a.data[at(index, p)]! > a.data[at(index, found)]!) found = p;
    for (let p = 0; p < n; p++)
      if (p !== found) near = Math.min(near, distance(a.data[at(index, p)]!, a.data[at(index, found)]!));
    best.set(`${index}`, found);
  }
  const picked = pick(dims, [a], (index) => [0, at(index, best.get(`${index}`)!)]);
  picked.margin = Math.min(picked.margin, near);
  const argmax = new Real(
    dims,
    Float64Array.from(indices(dims), (index) => best.get(`${index}`)!),
    [a],
    () => {},
    near,
  );
  return { max: picked, argmax };
}
