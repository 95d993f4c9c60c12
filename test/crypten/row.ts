/** What a row of the conformance table says: one method of CrypTen, how it is written here, and what it must give. */
import type { Tensor, Values } from "../../src/tensor/index.js";
import type { Clear } from "./clear.js";

export interface Row {
  /** CrypTen's name. */
  readonly crypten: string;
  readonly inputs: readonly Clear[];
  /** Here, of secret inputs. */
  readonly here: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** In float64, by nothing but test code. */
  readonly clear: (...inputs: Clear[]) => Clear | readonly Clear[];
  /** |got - wanted| <= tolerance max(1, |wanted|) at 20 fraction bits; 0: exact. */
  readonly tolerance: number;
}

/** What one truncation may leave: 2^-14, where CrypTen's tests allow half of the value. */
export const rounding = 2 ** -14;
/** What functions may be off at 20 fraction bits: a fifth of the bar that they are swept with. */
export const approximation = 2e-4;

/** As nested arrays, for operands that are public. */
export function values({ shape, data }: Clear): Values {
  let level: unknown[] = [...data];
  for (const length of shape.slice(1).reverse())
    level = Array.from({ length: level.length / length }, (_, i) => level.slice(i * length, (i + 1) * length));
  return shape.length === 0 ? data[0]! : level;
}
