/** What every reader of a data file returns and the checks they share; the formats are in readers-*.ts. */
import { InputError } from "../errors.js";

export type NumericArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** A file's numbers in row-major order. */
export interface ArrayData {
  readonly shape: readonly number[];
  readonly values: NumericArray;
  /** Whether the file holds whole numbers: all cells of a CSV file, the element type of the binary formats. */
  readonly kind: "integer" | "float";
}

export interface ReadOptions {
  /** Names the file in errors. */
  readonly file?: string;
}

/** Axes of one array; formats allow more, data do not have them. */
export const MOST_AXES = 8;

/**
 * Checks a shape that a file claims against the bytes that are there, before anything is allocated; returns the number
 * of elements.
 */
export function checkClaim(where: string, shape: readonly number[], elementBytes: number, bytes: number): number {
  if (shape.length > MOST_AXES)
    throw new InputError(`${where}: expected at most ${MOST_AXES} axes, got ${shape.length}; try to reshape the data`);
  const elements = shape.reduce((product, length) => product * length, 1);
  // A product beyond 2^53 is inexact, but then it does not equal the length of any file.
  if (elements * elementBytes !== bytes)
    throw new InputError(
      `${where}: expected ${elements * elementBytes} bytes for shape [${shape.join(", ")}], got ${bytes}; try to download the file again`,
    );
  return elements;
}

/** Refuses NaN and infinities: once shared, nobody sees them any more. Names the place, not the value. */
export function checkFinite(where: string, shape: readonly number[], values: Float64Array | Float32Array): void {
  const rowElements = shape.slice(1).reduce((product, length) => product * length, 1);
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    const row = Math.floor(i / rowElements);
    throw new InputError(
      `${where}: expected finite numbers, got NaN or an infinity in row ${row}, element ${i - row * rowElements} (from 0); try to clean the data`,
    );
  }
}

/** Reads `count` elements of `size` bytes at `from`: a view if alignment and byte order allow it, else a copy. */
export function elements<T extends NumericArray>(
  make: { new (buffer: ArrayBufferLike, offset: number, length: number): T },
  bytes: Uint8Array,
  from: number,
  count: number,
  size: number,
  bigEndian: boolean,
): T {
  const start = bytes.byteOffset + from;
  if (size === 1 || (!bigEndian && start % size === 0)) return new make(bytes.buffer, start, count);
  // Not bytes.slice(): Buffer's shares memory.
  const copy = new Uint8Array(count * size);
  copy.set(bytes.subarray(from, from + copy.length));
  if (bigEndian) reverseBytes(copy, size);
  return new make(copy.buffer, 0, count);
}

/** Changes the byte order in place; every host of this package is little-endian (like wasm). */
function reverseBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at + size <= bytes.length; at += size)
    for (let low = at, high = at + size - 1; low < high; low++, high--) {
      const byte = bytes[low]!;
      bytes[low] = bytes[high]!;
      bytes[high] = byte;
    }
}
