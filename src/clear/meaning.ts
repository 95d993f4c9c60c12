/** What the meaning of an operator in float64 is. Not the meanings, which `table.ts` lists. */
import type { NodeTypes, Operator, operators, RowRequest } from "../ops/index.js";

/** Real numbers in row-major order; of bits 0 or 1. */
export type Reals = Float64Array;

/** What a plan takes in, in the clear. Undefined: not known here; what is made of it is not known either. */
export interface ClearHost {
  /** The mantissa, or a row or epoch number. */
  scalar(slot: string): number | undefined;
  input(slot: string): Reals | undefined;
  /** Rows of a batch, one after the other. */
  rows(request: RowRequest): Reals | undefined;
  variable(name: string): Reals | undefined;
  /** Bits that are 1 with probability keep / 2^16, for a node. */
  coins(n: number, keep: number, node: number): Reals;
}

export interface ClearContext {
  readonly host: ClearHost;
  readonly types: NodeTypes;
  readonly node: number;
  /** Whether the plan looks at low bits of words, so that a shifted value must lie on its grid. */
  readonly onGrid: boolean;
  /** Element i of the result is outside of what the operator is good for: no overflow by itself, unless somebody uses it. */
  outside(i: number): void;
}

export type Meaning<A> = (
  context: ClearContext,
  inputs: readonly Reals[],
  attrs: A,
  // A source gives undefined for what is not known.
) => Reals | undefined;

type AttrsOf<O> = O extends Operator<infer A> ? A : never;
/** One for each operator: a forgotten one does not compile. */
export type Meanings = { readonly [K in keyof typeof operators]: Meaning<AttrsOf<(typeof operators)[K]>> };
