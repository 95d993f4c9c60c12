/**
 * Public numbers while a plan is recorded: how many bits a factor deserves, and arithmetic on numbers that are known
 * already or come with each run. Records `constant` and `scalar` nodes; everything else is in `build.ts`.
 */
import { ScaleError, ShapeError } from "../errors.js";
import { encodeScalar, formatShape, type Shape, size } from "../ring/index.js";
import { type ConstantAttrs, encodeWords, wordsOf } from "./constant.js";
import type { Builder, Ref } from "./op.js";

/** Significant bits of a public factor that is not exact: as many as float32 has. */
export const significantBits = 24;

/** The number that a constant of shape [] is, if the value is one. */
export function numberOf(b: Builder, ref: Ref): number | undefined {
  if (ref.type.kind !== "public" || ref.type.shape.length > 0) return undefined;
  const { op, attrs } = b.made(ref);
  return op === "constant" ? Number(wordsOf(attrs as ConstantAttrs)[0]) / 2 ** ref.type.scale : undefined;
}

const moves: ReadonlySet<string> = new Set(["broadcast", "reshape", "transpose"]);

/** The public value of shape [] that is found at every place of this one, if it was recorded so. */
export function repeated(b: Builder, ref: Ref): Ref | undefined {
  let at = ref;
  while (at.type.kind === "public" && at.type.shape.length > 0) {
    const { op, inputs } = b.made(at);
    if (!moves.has(op)) return undefined;
    at = inputs[0]!;
  }
  return at.type.kind === "public" ? at : undefined;
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
  return b.node("constant", [], { shape, scale, bound, words: encodeWords(words) });
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

/** The product of two public values of shape []. */
export function timesNumber(b: Builder, x: Ref, y: Ref): Ref {
  const [p, q] = [split(b, x), split(b, y)];
  if (!p.scalar && p.number === 1) return y;
  if (!q.scalar && q.number === 1) return x;
  if (p.scalar && q.scalar) return b.node("mul", [x, y]);
  const scalar = p.scalar ?? q.scalar;
  const number = p.number * q.number;
  return scalar ? scaled(b, scalar, number) : scalarConstant(b, number, significantBits);
}

/** A public value of shape [] as a number that is known times one that is not. */
function split(b: Builder, ref: Ref): { number: number; scalar?: Ref } {
  const number = numberOf(b, ref);
  if (number !== undefined) return { number };
  const { op, inputs } = b.made(ref);
  const known = op === "mul" ? numberOf(b, inputs[1]!) : undefined;
  return known === undefined ? { number: 1, scalar: ref } : { number: known, scalar: inputs[0]! };
}

/** Beside a run-time scalar of 10 bits: a share of f + 15 bits has room for both. */
const factorBits = 16;

/** A run-time scalar times a number. Powers of two change only the scalar's exponent, so they take no bits of the result. */
function scaled(b: Builder, scalar: Ref, number: number): Ref {
  const { op, attrs } = b.made(scalar);
  const { scale } = scalar.type;
  const wanted = op === "scalar" && number !== 0 ? scale - Math.floor(Math.log2(Math.abs(number))) : scale;
  const exponent = Math.min(Math.max(0, wanted), 61);
  const shifted = exponent === scale ? scalar : b.node("scalar", [], { ...attrs, exponent });
  const rest = number * 2 ** (exponent - scale);
  return rest === 1 ? shifted : b.node("mul", [shifted, scalarConstant(b, rest, factorBits)]);
}
