/**
 * Revealed numbers: a shape and float64 values, with the conversions people expect. Not secret, and not a tensor to
 * compute with.
 */
import { InputError, ShapeError } from "../errors.js";
import { type Shape, size } from "../ring/index.js";

export type Nested = number | Nested[];

export class Plaintext {
  constructor(
    readonly shape: Shape,
    readonly data: Float64Array,
  ) {}

  /** The only element. */
  item(): number {
    if (this.data.length !== 1)
      throw new ShapeError(`item: expected one element, got shape [${this.shape}]; try toArray()`);
    return this.data[0]!;
  }

  /** Nested arrays; a number for shape []. */
  toArray(): Nested {
    let level: Nested[] = Array.from(this.data);
    for (const length of this.shape.slice(1).reverse())
      level = Array.from({ length: length === 0 ? 0 : level.length / length }, (_, i) =>
        level.slice(i * length, (i + 1) * length),
      );
    return this.shape.length === 0 ? level[0]! : level;
  }
  toJSON(): Nested {
    return this.toArray();
  }
  toString(): string {
    return JSON.stringify(this.toArray());
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/**
 * Reads a number, nested arrays, a typed array (with a shape) or revealed numbers as float64 values. Throws ShapeError for a ragged
 * array, or one of another length than the shape has, and InputError for what is no number. NaN and infinity are left to who encodes.
 */
export function readValues(values: Values, shape?: Shape): { data: Float64Array; shape: Shape } {
  if (typeof values === "number") return checked(Float64Array.of(values), shape ?? []);
  if (values instanceof Plaintext) return checked(values.data, shape ?? values.shape);
  if (ArrayBuffer.isView(values) && typeof (values as ArrayLike<unknown>)[0] !== "bigint") {
    const data = Float64Array.from(values as ArrayLike<number>);
    return checked(data, shape ?? [data.length]);
  }
  const dims: number[] = [];
  for (let level: Nested | undefined = values as Nested; Array.isArray(level); level = level[0])
    dims.push(level.length);
  const flat: number[] = [];
  const walk = (level: Nested, depth: number): void => {
    if (Array.isArray(level)) {
      if (level.length !== dims[depth])
        throw new ShapeError(
          `values: expected ${dims[depth]} elements at depth ${depth}, as before, got ${level.length}; try rows of equal length`,
        );
      for (const item of level) walk(item, depth + 1);
    } else {
      if (depth !== dims.length)
        throw new ShapeError(
          "values: expected nested arrays of equal depth, got a ragged one; try rows of equal length",
        );
      if (typeof level !== "number" && typeof level !== "boolean")
        throw new InputError(`values: expected numbers, got ${level === null ? "null" : typeof level}; try Number(…)`);
      flat.push(Number(level));
    }
  };
  walk(values as Nested, 0);
  return checked(Float64Array.from(flat), shape ?? dims);
}
export type Values = number | readonly unknown[] | ArrayLike<number> | Plaintext;

function checked(data: Float64Array, shape: Shape): { data: Float64Array; shape: Shape } {
  if (data.length !== size(shape))
    throw new ShapeError(
      `values: expected ${size(shape)} numbers for shape [${shape}], got ${data.length}; try another shape`,
    );
  return { data, shape };
}
