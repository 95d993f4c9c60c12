/** The lowest bits of words, as a number. Not comparisons, which look at the highest. */
import * as v from "valibot";
import { inSequence } from "../protocol/index.js";
import { shareOf } from "./evaluate.js";
import type { Operator } from "./op.js";
import { elements, expectKind } from "./type.js";

const attrs = v.strictObject({ count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(31)) });

/** The word modulo 2^count, at scale 0. Rounds with rep3: 3 up to 5 bits, 4 up to 9, 5 above. */
export const lowBits: Operator<v.InferOutput<typeof attrs>> = {
  attrs,
  arity: 1,
  infer([a], { count }) {
    expectKind("lowBits", a!, "share");
    return { ...a!, kind: "product", scale: 0, bound: count, proved: true };
  },
  looks: (_inputs, { count }) => [{ input: 0, as: { width: count } }],
  cost: (costs, [a], { count }, _output, pivot) =>
    inSequence(costs.toBits(elements(a!), count, pivot), costs.weigh(elements(a!), count, 1, pivot)),
  *evaluate({ protocol, site }, [a], { count }) {
    const bits = yield* protocol.toBits(site, shareOf(a), count);
    const weights = Array.from({ length: count }, (_, bit) => 1n << BigInt(bit));
    const product = yield* protocol.weigh(site, bits, [weights]);
    protocol.free(site.scope, bits);
    return { kind: "product", product };
  },
};
