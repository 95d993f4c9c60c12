/**
 * Public numbers while a plan is recorded: how many bits a factor deserves, and arithmetic on numbers that are known
 * already. Records `constant` nodes; everything else is in `build.ts`.
 */
import { ScaleError, ShapeError } from "../errors.js";
import { encodeScalar, formatShape, type Shape, size } from "../ring/index.js";
import { encodeWords } from "./constant.js";
import type { Builder, Ref } from "./op.js";

/** The numbers behind recorded constants of shape []. */
const known = new WeakMap<Ref, number>();

/** The number that a constant of shape [] is, if the value is one. */
export function numberOf(ref: Ref): number | undefined {
  return known.get(ref);
}

/** A public number or tensor, as integers at `scale` fraction bits. */
export function constant(b: Builder, values: number | ArrayLike<number>, shape: Shape, scale: number): Ref {
  const list = typeof values === "number" ? [values] : Array.from(values);
  if (typeof values !== "number" && list.length !== size(shape) && list.length !== 1)
    throw new ShapeError(
      `constant: expected ${size(shape)} numbers for ${formatShape(shape)}, got ${list.length}; try another shape`,
    );
  const words = new BigInt64Array(Math.max(1, list.length));
  let largest = 0n;
  list.forEach((value, i) => {
    const word = encodeScalar(value, scale);
    words[i] = word;
    if (word > largest) largest = word;
    else if (-word > largest) largest = -word;
  });
  // |word| < 2^bound
  const bound = Math.max(1, largest.toString(2).length);
  const ref = b.node("constant", [], { shape, scale, bound, words: encodeWords(words) });
  if (shape.length === 0) known.set(ref, Number(words[0]) / 2 ** scale);
  return ref;
}

/** The fewest fraction bits (at most `limit`) at which the number is exact, or `limit`. */
export function exactScale(value: number, limit: number): number {
  let scale = 0;
  while (scale < limit && !Number.isInteger(value * 2 ** scale)) scale++;
  return scale;
}

/** The fewest fraction bits at which the number is exact or has `bits` significant bits; 0 for large numbers. */
export function significantScale(value: number, bits: number): number {
  if (value === 0) return 0;
  return exactScale(value, Math.max(0, bits - 1 - Math.floor(Math.log2(Math.abs(value)))));
}

/** A factor of shape [] with up to `bits` significant bits, at no more than `mostScale` fraction bits. */
export function scalarConstant(b: Builder, value: number, bits: number, mostScale = 61): Ref {
  const scale = Math.min(significantScale(value, bits), mostScale);
  if (value !== 0 && Math.abs(value) * 2 ** scale < 0.5)
    throw new ScaleError(
      `mul: expected a factor of magnitude 2^-${scale} or more, got ${value}; try scaling in two steps`,
    );
  return constant(b, value, [], scale);
}
