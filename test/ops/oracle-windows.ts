/** Convolutions, pooling and Einstein sums of the second opinion: sums of products over lists of places, from the definitions. */
import { count, type Dims, indices, pick, plainOffset, Real } from "./oracle.js";

/** Each term is a place of the result to which the product of a place of a and one of b is added. */
type Term = readonly [to: number, a: number, b: number];
function products(dims: Dims, a: Real, b: Real, terms: readonly Term[]): Real {
  const data = new Float64Array(count(dims));
  for (const [to, p, q] of terms) data[to]! += a.data[p]! * b.data[q]!;
  return new Real(dims, data, [a, b], (self) => {
    for (const [to, p, q] of terms) {
      a.grad[p]! += b.data[q]! * self.grad[to]!;
      b.grad[q]! += a.data[p]! * self.grad[to]!;
    }
  });
}
const ones = (a: Real) => new Real([], Float64Array.of(1), [], () => {}, a.margin);
const sums = (dims: Dims, a: Real, terms: readonly (readonly [number, number])[]) =>
  products(
    dims,
    a,
    ones(a),
    terms.map(([to, from]) => [to, from, 0]),
  );

export function einsum(axes: string, a: Real, b: Real): Real {
  const [x, y, out] = axes.split(/,|->/) as [string, string, string];
  const lengths = new Map([
    ...[...x].map((letter, axis) => [letter, a.dims[axis]!] as const),
    ...[...y].map((letter, axis) => [letter, b.dims[axis]!] as const),
  ]);
  const letters = [...lengths.keys()];
  const dims = [...out].map((letter) => lengths.get(letter)!);
  const terms: Term[] = [];
  for (const index of indices([...lengths.values()])) {
    const at = (of: string, shape: Dims) =>
      plainOffset(
        shape,
        [...of].map((letter) => index[letters.indexOf(letter)]!),
      );
    terms.push([at(out, dims), at(x, a.dims), at(y, b.dims)]);
  }
  return products(dims, a, b, terms);
}

/** The operator itself: x [batch, groups, channels, height, width], w [groups, filters, channels, height, width]. */
export interface Convolve {
  readonly stride: Dims;
  readonly dilation: Dims;
  readonly spread: Dims;
  readonly padding: Dims;
  readonly size: Dims;
}
export function convolve(x: Real, w: Real, { stride, dilation, spread, padding, size }: Convolve): Real {
  const [batch, groups, channels] = x.dims as [number, number, number];
  const dims = [batch, groups, w.dims[1]!, ...size];
  const terms: Term[] = [];
  for (const index of indices([...dims, channels, ...w.dims.slice(3)])) {
    const [n, g, o, y, z, c, u, v] = index as [number, number, number, number, number, number, number, number];
    const row = (y * stride[0]! + u * dilation[0]! - padding[0]!) / spread[0]!;
    const column = (z * stride[1]! + v * dilation[1]! - padding[1]!) / spread[1]!;
    const inside = (place: number, length: number) => Number.isInteger(place) && place >= 0 && place < length;
    if (inside(row, x.dims[3]!) && inside(column, x.dims[4]!))
      terms.push([
        plainOffset(dims, [n, g, o, y, z]),
        plainOffset(x.dims, [n, g, c, row, column]),
        plainOffset(w.dims, [g, o, c, u, v]),
      ]);
  }
  return products(dims, x, w, terms);
}

export interface Layer {
  readonly stride: Dims;
  readonly padding: Dims;
  readonly dilation: Dims;
  readonly groups: number;
}
/** x [batch, channels, height, width], w [filters, channels / groups, height, width]. */
export function conv2d(x: Real, w: Real, { stride, padding, dilation, groups }: Layer): Real {
  const [filters, channels] = w.dims as [number, number];
  const size = [0, 1].map((i) => {
    const span = x.dims[2 + i]! + 2 * padding[i]! - dilation[i]! * (w.dims[2 + i]! - 1) - 1;
    return Math.floor(span / stride[i]!) + 1;
  });
  const dims = [x.dims[0]!, filters, ...size];
  const terms: Term[] = [];
  for (const index of indices([...dims, ...w.dims.slice(1)])) {
    const [n, o, y, z, c, u, v] = index as [number, number, number, number, number, number, number];
    const row = y * stride[0]! + u * dilation[0]! - padding[0]!;
    const column = z * stride[1]! + v * dilation[1]! - padding[1]!;
    const channel = Math.floor(o / (filters / groups)) * channels + c;
    if (row >= 0 && row < x.dims[2]! && column >= 0 && column < x.dims[3]!)
      terms.push([
        plainOffset(dims, [n, o, y, z]),
        plainOffset(x.dims, [n, channel, row, column]),
        plainOffset(w.dims, [o, c, u, v]),
      ]);
  }
  return products(dims, x, w, terms);
}
/** x [batch, channels, height, width], w [channels, filters / groups, height, width]: each element adds its filters to the output. */
export function convTranspose2d(x: Real, w: Real, outputPadding: Dims, { stride, padding, dilation, groups }: Layer) {
  const [, channels] = x.dims as [number, number];
  const filters = w.dims[1]!;
  const size = [0, 1].map((i) => {
    const whole = (x.dims[2 + i]! - 1) * stride[i]! + dilation[i]! * (w.dims[2 + i]! - 1) + 1;
    return whole - 2 * padding[i]! + outputPadding[i]!;
  });
  const dims = [x.dims[0]!, filters * groups, ...size];
  const terms: Term[] = [];
  for (const index of indices([...x.dims, ...w.dims.slice(1)])) {
    const [n, c, y, z, o, u, v] = index as [number, number, number, number, number, number, number];
    const row = y * stride[0]! + u * dilation[0]! - padding[0]!;
    const column = z * stride[1]! + v * dilation[1]! - padding[1]!;
    const filter = Math.floor(c / (channels / groups)) * filters + o;
    if (row >= 0 && row < size[0]! && column >= 0 && column < size[1]!)
      terms.push([
        plainOffset(dims, [n, filter, row, column]),
        plainOffset(x.dims, [n, c, y, z]),
        plainOffset(w.dims, [c, o, u, v]),
      ]);
  }
  return products(dims, x, w, terms);
}

/** The places of x [..., height, width] in each window of a pooling layer, by output in row-major order. */
export function windowsOf(x: Real, rows: readonly (readonly number[])[], columns: readonly (readonly number[])[]) {
  const lead = x.dims.slice(0, -2);
  const dims = [...lead, rows.length, columns.length];
  const places = [...indices(dims)].map((index) => {
    const front = index.slice(0, -2);
    const [y, z] = index.slice(-2) as [number, number];
    return rows[y]!.flatMap((row) => columns[z]!.map((column) => plainOffset(x.dims, [...front, row, column])));
  });
  return { dims, places };
}
/** Sums over windows, divided by what belongs to each output. */
export function averages(x: Real, { dims, places }: ReturnType<typeof windowsOf>, divisors: readonly number[]): Real {
  const shares = new Real(
    [places.length],
    Float64Array.from(places, (_, i) => 1 / divisors[i % divisors.length]!),
  );
  return products(
    dims,
    x,
    shares,
    places.flatMap((window, to) => window.map((from) => [to, from, to] as const)),
  );
}
export function maxima(x: Real, { dims, places }: ReturnType<typeof windowsOf>): Real {
  let margin = Number.POSITIVE_INFINITY;
  const chosen = places.map((window) => {
    const values = [...new Set(window)].map((at) => x.data[at]!).sort((p, q) => q - p);
    margin = Math.min(margin, (values[0] ?? 0) - (values[1] ?? Number.NEGATIVE_INFINITY));
    return window.reduce((best, at) => (x.data[at]! > x.data[best]! ? at : best), window[0]!);
  });
  let i = 0;
  const result = pick(dims, [x], () => [0, chosen[i++]!]);
  result.margin = Math.min(result.margin, margin);
  return result;
}
/** Each element of the source is added to a place of the result. */
export const addedAt = (dims: Dims, source: Real, places: readonly number[]): Real =>
  sums(
    dims,
    source,
    places.map((to, from) => [to, from]),
  );
