/** Arrays in the clear and what rows of the conformance table are computed with in float64. Nothing of secretgrad. */

export interface Clear {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const count = (shape: readonly number[]) => shape.reduce((n, length) => n * length, 1);

/** An array by index. */
export function made(shape: readonly number[], value: (...index: number[]) => number): Clear {
  const data = Float64Array.from({ length: count(shape) }, (_, place) => {
    const index: number[] = [];
    let rest = place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return value(...index);
  });
  return { shape, data };
}
/** The element at an index; 0 outside. */
export function at({ shape, data }: Clear, ...index: number[]): number {
  if (index.some((i, axis) => i < 0 || i >= shape[axis]!)) return 0;
  return data[index.reduce((place, i, axis) => place * shape[axis]! + i, 0)]!;
}
export const scalar = (value: number): Clear => ({ shape: [], data: Float64Array.of(value) });
export const list = (values: ArrayLike<number>): Clear => ({ shape: [values.length], data: Float64Array.from(values) });
export const map = ({ shape, data }: Clear, f: (x: number) => number): Clear => ({ shape, data: data.map(f) });
/** Element by element; axes of length 1 and missing ones in front are repeated. */
export function zip(x: Clear, y: Clear, f: (x: number, y: number) => number): Clear {
  const rank = Math.max(x.shape.length, y.shape.length);
  const long = (shape: readonly number[]) => [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const [p, q] = [long(x.shape), long(y.shape)];
  const inside = (shape: number[], index: number[]) => index.map((i, axis) => (shape[axis] === 1 ? 0 : i));
  return made(
    p.map((length, axis) => Math.max(length, q[axis]!)),
    (...index) => f(at({ ...x, shape: p }, ...inside(p, index)), at({ ...y, shape: q }, ...inside(q, index))),
  );
}
/** Of all elements along an axis one number, or as many as they are. */
export function along(x: Clear, axis: number, f: (row: number[]) => number | number[]): Clear {
  const row = (index: number[]) =>
    Array.from({ length: x.shape[axis]! }, (_, i) => at(x, ...index.slice(0, axis), i, ...index.slice(axis)));
  const rest = x.shape.filter((_, i) => i !== axis);
  const first = f(row(rest.map(() => 0)));
  if (typeof first === "number") return made(rest, (...index) => f(row(index)) as number);
  const shape = x.shape.map((length, i) => (i === axis ? first.length : length));
  return made(shape, (...index) => (f(row(index.filter((_, i) => i !== axis))) as number[])[index[axis]!]!);
}
export const total = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);
export const largest = (values: Iterable<number>): number => [...values].reduce((most, value) => Math.max(most, value));
export const smallest = (values: Iterable<number>): number =>
  [...values].reduce((least, value) => Math.min(least, value));
/** [m, k] x [k, n]. */
export const product = (x: Clear, y: Clear): Clear =>
  made([x.shape[0]!, y.shape[1]!], (i, j) =>
    total(Array.from({ length: x.shape[1]! }, (_, k) => at(x, i!, k) * at(y, k, j!))),
  );

let seed = 1;
/** Uniform in ±1. */
export function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 31 - 1;
}
/** Numbers that 12 fraction bits hold: half of them anywhere in ±limit, half of any order of magnitude; a zero and both ends among them. */
export function wide(limit: number, ...shape: number[]): Clear {
  const n = count(shape);
  const data = Float64Array.from({ length: n }, (_, i) => {
    if (n > 4 && i < 3) return [0, limit, -limit][i]!;
    const value = i % 2 === 0 ? limit * random() : Math.sign(random()) * limit * 2 ** (-12 * Math.abs(random()));
    return Math.round(value * 4096) / 4096;
  });
  return { shape, data };
}
/** From `from` to `to`, both positive: half of them evenly, half with even ratios. */
export function between(from: number, to: number, ...shape: number[]): Clear {
  const data = Float64Array.from({ length: count(shape) }, (_, i) => {
    const part = Math.abs(random());
    return Math.round((i % 2 ? from * (to / from) ** part : from + (to - from) * part) * 4096) / 4096;
  });
  return { shape, data };
}
/** Whole numbers from `from` to `to`, so that some are equal. */
export const whole = (from: number, to: number, ...shape: number[]): Clear =>
  made(shape, () => Math.min(to, from + Math.floor((random() / 2 + 0.5) * (to - from + 1))));
