/**
 * Every operator by name: the vocabulary of plans. Adding one is a file (or an export) beside this and a line here.
 */
import * as arithmetic from "./arithmetic.js";
import { bernoulli } from "./coin.js";
import * as compare from "./compare.js";
import * as constants from "./constant.js";
import { convolve } from "./convolve.js";
import { einsum } from "./einsum.js";
import { exp2 } from "./exp2.js";
import { gather, scatterAdd } from "./gather.js";
import * as layout from "./layout.js";
import { leading } from "./leading.js";
import { lowBits } from "./low-bits.js";
import * as matrix from "./matmul.js";
import type { Operator } from "./op.js";
import * as reduce from "./reduce.js";
import * as rivals from "./rivals.js";
import * as scale from "./scale.js";
import * as sink from "./sink.js";
import * as source from "./source.js";
import { octaves, waves } from "./waves.js";
import { spreadWindows, sumWindows } from "./windows.js";

const { input, dataset, variable } = source;
const { constant, scalar, secret } = constants;
const { add, sub, neg, mul, rescale } = arithmetic;
const { truncate, reshare, lift, narrow } = scale;
const { reshape, transpose, broadcast, flip, slice, pad, concat } = layout;
const { isNegative, isZero, not, and, xor, fromBits, select, choose } = compare;
const { pairDifferences, pairSums, winners, pickOne, position } = rivals;
const { assign, reveal } = sink;

export const operators = {
  ...{ input, dataset, variable, constant, scalar, bernoulli, secret },
  ...{ add, sub, neg, mul, rescale, matmul: matrix.matmul, einsum, convolve, truncate, reshare, lift, narrow },
  ...{ reshape, transpose, broadcast, flip, slice, pad, concat, gather, scatterAdd },
  ...{ sum: reduce.sum, cumsum: reduce.cumsum, sumWindows, spreadWindows, exp2, leading, octaves, waves },
  ...{ isNegative, isZero, not, and, xor, fromBits, select, choose },
  ...{ pairDifferences, pairSums, winners, pickOne, position, lowBits },
  ...{ assign, reveal },
} as const;

export type OpName = keyof typeof operators;

/** The operator, with its attribute type forgotten: callers validate attributes by its schema first. */
export function operator(name: string): Operator<never> | undefined {
  return Object.hasOwn(operators, name) ? (operators[name as OpName] as unknown as Operator<never>) : undefined;
}
/** Operators that do something besides computing a value: never dropped, never merged. */
export const sinks: ReadonlySet<string> = new Set<OpName>(["assign", "reveal"]);
