/** Powers of two in one exchange, by an addition theorem of four terms. Not exp as people call it, which has a domain: `functions/`. */
import * as v from "valibot";
import type { Separable } from "../protocol/index.js";
import { shareOf } from "./evaluate.js";
import type { Operator } from "./op.js";
import { elements, expectKind, widestBound } from "./type.js";

const attrs = v.strictObject({
  /** The exponent is word factor / 2^59, modulo 32. */
  factor: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  top: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30)),
});

/**
 * 2^y of y = word factor / 2^59 at 61 - top fraction bits, if top - 24 <= y < top; elsewhere it is wrong. Its own error is below
 * 2^(top - 28) and a relative one of 2^-24. rep3: 1 round, four words from one party to one other.
 *
 * Of y = s + c, where one side of the sharing knows s and the other c, each side has its power of the octaves below 8; which of four
 * digits of 8 octaves s has is told by four words of which three are zero, so that the other side can multiply each by what it
 * takes: nothing is ever larger than a word. That powers turn addends into factors is used for Poisson regression by Kelkar, Le,
 * Raykova and Seth 2022 (https://eprint.iacr.org/2021/208); the digits are ours.
 */
export const exp2: Operator<v.InferOutput<typeof attrs>> = {
  attrs,
  arity: 1,
  wide: true,
  infer([a], { top }) {
    expectKind("exp2", a!, "share");
    return { ...a!, kind: "product", scale: 61 - top, bound: widestBound, proved: true };
  },
  looks: () => [{ input: 0, as: "factor" }],
  cost: (costs, [a], _attrs, _output, pivot) => costs.separable(elements(a!), 4, 1, pivot),
  *evaluate({ ring, protocol, site }, [x], { factor, top }) {
    const kernels = ring.wide;
    const offset = BigInt.asIntN(64, BigInt(8 - top) << 59n);
    const theorem: Separable = {
      terms: 4,
      outputs: 1,
      left: (dst, s, n) => kernels.powers(dst, s, n, BigInt(factor)),
      right: (dst, _stride, c, g, n) => kernels.powersAdd(dst, c, g, n, BigInt(factor), offset),
    };
    return { kind: "product", product: yield* protocol.separable(site, shareOf(x), theorem) };
  },
};
