/**
 * Rows of numbers at their owner, and what the owner may do with them before sharing. Everything here runs in the clear
 * on the owner's machine, lazily, chunk by chunk; nothing is secret-shared yet.
 */
import { InputError } from "../errors.js";
import type { ArrayData } from "./readers.js";

/** Where rows come from, in order and at any position. */
export interface RowSource {
  readonly rows: number;
  /** Shape of one row; [] if a row is one number. */
  readonly rowShape: readonly number[];
  /** Fills `target` with rows `from` to `from + count - 1`; it has room for exactly these. */
  read(from: number, count: number, target: Float64Array): void | Promise<void>;
}
export type Transform = (source: RowSource) => RowSource;

/** Numbers in one row. */
export function rowSize(rowShape: readonly number[]): number {
  return rowShape.reduce((product, length) => product * length, 1);
}

/** Room for numbers that a source must fill: what it leaves out is NaN, which nobody takes for a number or a class. */
const unread = (numbers: number): Float64Array => new Float64Array(numbers).fill(Number.NaN);

/** The first axis of an array as rows. */
export function rowsOf(data: Pick<ArrayData, "shape" | "values">): RowSource {
  const [rows, ...rowShape] = data.shape;
  if (rows === undefined) throw new InputError("rowsOf: expected an array of at least one axis, got a single number");
  const size = rowSize(rowShape);
  const { values } = data;
  return {
    rows,
    rowShape,
    read: (from, count, target) => target.set(values.subarray(from * size, (from + count) * size)),
  };
}

/** Applies transforms from left to right. */
export function transform(source: RowSource, ...transforms: readonly Transform[]): RowSource {
  return transforms.reduce((current, each) => each(current), source);
}

/** Multiplies everything by a public constant: `scale(1 / 255)` for images. */
export function scale(factor: number): Transform {
  if (!Number.isFinite(factor)) throw new InputError(`scale: expected a finite number, got ${factor}`);
  return (source) => ({
    rows: source.rows,
    rowShape: source.rowShape,
    async read(from, count, target) {
      await source.read(from, count, target);
      for (let i = 0; i < target.length; i++) target[i] = target[i]! * factor;
    },
  });
}

/**
 * (x - mean) / std with public constants: one for all, or one per number of a row. Owners of a horizontally split
 * dataset must use the same ones.
 */
export function normalize(mean: number | readonly number[], std: number | readonly number[]): Transform {
  return (source) => {
    const size = rowSize(source.rowShape);
    const means = spread("mean", mean, size);
    const factors = spread("std", std, size).map((value) => 1 / value);
    if (!factors.every((factor) => Number.isFinite(factor) && factor > 0))
      throw new InputError(
        "normalize: expected positive standard deviations, got another; try to drop constant columns",
      );
    return {
      rows: source.rows,
      rowShape: source.rowShape,
      async read(from, count, target) {
        await source.read(from, count, target);
        for (let at = 0; at < target.length; at += size)
          for (let i = 0; i < size; i++) target[at + i] = (target[at + i]! - means[i]!) * factors[i]!;
      },
    };
  };
}

/** Class numbers 0 … classes-1, one per row, as rows of zeros with a single one. */
export function oneHot(classes: number): Transform {
  if (!Number.isSafeInteger(classes) || classes < 1 || classes > 1e6)
    throw new InputError(`oneHot: expected 1 to 1000000 classes, got ${classes}`);
  return (source) => {
    if (rowSize(source.rowShape) !== 1)
      throw new InputError(
        `oneHot: expected one class number per row, got rows of shape [${source.rowShape.join(", ")}]`,
      );
    return {
      rows: source.rows,
      rowShape: [classes],
      async read(from, count, target) {
        const labels = unread(count);
        await source.read(from, count, labels);
        target.fill(0);
        for (const [row, label] of labels.entries()) {
          if (!(Number.isInteger(label) && label >= 0 && label < classes))
            throw new InputError(
              `oneHot: expected a class from 0 to ${classes - 1}, got something else in row ${from + row} (from 0); try more classes`,
            );
          target[row * classes + label] = 1;
        }
      },
    };
  };
}

/** Rows of another shape with as many numbers: `reshape(784)` flattens images of 28 x 28. */
export function reshape(...rowShape: readonly number[]): Transform {
  return (source) => {
    if (rowSize(rowShape) !== rowSize(source.rowShape) || rowShape.some((length) => !Number.isSafeInteger(length)))
      throw new InputError(
        `reshape: expected rows of ${rowSize(source.rowShape)} numbers, got shape [${rowShape.join(", ")}]`,
      );
    return { rows: source.rows, rowShape, read: (from, count, target) => source.read(from, count, target) };
  };
}

/** Some of the columns of a table; a single number instead of a list gives rows of one number. */
export function columns(which: number | readonly number[]): Transform {
  const list = typeof which === "number" ? [which] : which;
  return (source) => {
    const size = rowSize(source.rowShape);
    if (
      source.rowShape.length !== 1 ||
      !list.every((column) => Number.isInteger(column) && column >= 0 && column < size)
    )
      throw new InputError(
        `columns: expected columns of a table from 0 to ${size - 1}, got others or rows of shape [${source.rowShape.join(", ")}]`,
      );
    return {
      rows: source.rows,
      rowShape: typeof which === "number" ? [] : [list.length],
      async read(from, count, target) {
        const all = unread(count * size);
        await source.read(from, count, all);
        for (let row = 0; row < count; row++)
          for (let i = 0; i < list.length; i++) target[row * list.length + i] = all[row * size + list[i]!]!;
      },
    };
  };
}

/** Rows `from` up to, but not including, `to`: training and test parts. */
export function rows(from: number, to: number): Transform {
  return (source) => {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to <= from || to > source.rows)
      throw new InputError(`rows: expected a range inside ${source.rows} rows, got ${from} to ${to}`);
    return {
      rows: to - from,
      rowShape: source.rowShape,
      read: (start, count, target) => source.read(from + start, count, target),
    };
  };
}

function spread(what: string, value: number | readonly number[], size: number): number[] {
  const list = typeof value === "number" ? new Array<number>(size).fill(value) : [...value];
  if (list.length !== size || !list.every(Number.isFinite))
    throw new InputError(`normalize: expected a finite ${what} or ${size} of them, got ${list.length}`);
  return list;
}
