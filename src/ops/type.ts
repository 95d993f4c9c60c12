/**
 * Arithmetic on static types that operators share: kinds, bounds, widths. Not flows, which are in `flow.ts`, and not the
 * operators' own rules.
 */
import { BoundError, PlanError, ShapeError } from "../errors.js";
import { formatShape, sameShape, size } from "../ring/index.js";
import type { Kind, PlanEnv, ValueType } from "./op.js";

/** By default results are declared to stay below 2^15 (docs/decisions/0003-bounds.md). */
export const declaredIntegerBits = 15;
/** maxBound of words of 64 bits, for which functions are made that need them. */
export const widestBound = 62;
/** Above this a word no longer survives truncation, which needs |x| < 2^(wordBits - 2). */
export const maxBound = ({ wordBits }: PlanEnv): number => wordBits - 2;

export function expectKind(where: string, type: ValueType, ...kinds: readonly Kind[]): void {
  if (!kinds.includes(type.kind))
    throw new PlanError(
      `${where}: expected a ${kinds.join(" or ")}, got a ${type.kind}; try recording through ops/build`,
    );
}

export function refuseBits(where: string, type: ValueType): void {
  if (type.kind === "bits") throw new PlanError(`${where}: expected a number, got bits; try fromBits`);
}

export function expectSameShape(where: string, a: ValueType, b: ValueType): void {
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError(
      `${where}: expected equal shapes, got ${formatShape(a.shape)} and ${formatShape(b.shape)}; try broadcasting first`,
    );
}

/** Caps a bound that can no longer be proved to the declaration that results are small. */
export function capBound(bound: number, proved: boolean, env: PlanEnv): Pick<ValueType, "bound" | "proved"> {
  const most = maxBound(env);
  return bound > most ? { bound: most, proved: false } : { bound, proved };
}

/** Bits a comparison needs: |x| < 2^bound is a (bound+1)-bit signed number. */
export function comparisonWidth(type: ValueType): number {
  const width = Math.max(2, type.bound + 1);
  if (width > 64)
    throw new BoundError(
      `comparison: expected a value of at most 63 bits, got a bound of ${type.bound}; try truncating`,
    );
  return width;
}

/** log2 rounded up: the bits that a sum of n < 2^31 terms needs on top. */
export function sumBits(n: number): number {
  return n <= 1 ? 0 : 32 - Math.clz32(n - 1);
}

export function elements(type: ValueType): number {
  return size(type.shape);
}
