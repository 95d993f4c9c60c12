/**
 * From products back to shares: truncate, reshare, lift; and narrower bounds. Not fixed-point encoding, which is `ring/fixed.ts`.
 */
import * as v from "valibot";
import { ScaleError } from "../errors.js";
import { shareOf } from "./evaluate.js";
import type { Operator } from "./op.js";
import { boundSchema, noCost } from "./source.js";
import { elements, expectKind, maxBound } from "./type.js";

const truncateAttrs = v.strictObject({
  shift: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(61)),
  /** A narrower bound of the result that follows from what is computed, not from the bounds of its parts. */
  bound: v.optional(boundSchema),
});
/** A product with `shift` fraction bits dropped, by unbiased stochastic rounding. Rounds: the protocol's (rep3: 2). */
export const truncate: Operator<v.InferOutput<typeof truncateAttrs>> = {
  attrs: truncateAttrs,
  arity: 1,
  infer([a], { shift, bound: known }, env) {
    expectKind("truncate", a!, "product");
    const scale = a!.scale - shift;
    if (scale < 0) throw new ScaleError(`truncate: expected a shift of at most ${a!.scale}, got ${shift}`);
    const carried = Math.min(a!.bound, maxBound(env)) - shift + 1;
    if (known !== undefined)
      return { ...a!, kind: "share", scale, bound: Math.max(1, Math.min(carried, known)), proved: true };
    const declared = scale + env.integerBits;
    const bound = Math.max(1, Math.min(carried, declared));
    return { ...a!, kind: "share", scale, bound, proved: a!.proved && carried <= declared };
  },
  gradient: (_builder, _inputs, _attrs, _output, gradient) => [gradient],
  cost: (costs, [a], { shift }, _output, pivot) => costs.truncate(elements(a!), shift, pivot),
  *evaluate({ protocol, site }, [a], { shift }) {
    if (a!.kind !== "product") throw new ScaleError(`truncate: expected a product, got a ${a!.kind}`);
    return { kind: "share", share: yield* protocol.truncate(site, a!.product, shift) };
  },
};

const narrowAttrs = v.strictObject({ bound: boundSchema });
/** The same value, with a narrower bound that follows from what was computed: the result of a clamp, of a sigmoid. Free. */
export const narrow: Operator<v.InferOutput<typeof narrowAttrs>> = {
  attrs: narrowAttrs,
  arity: 1,
  infer([a], { bound }) {
    expectKind("narrow", a!, "share", "product");
    return { ...a!, bound: Math.min(a!.bound, bound) };
  },
  gradient: (_builder, _inputs, _attrs, _output, gradient) => [gradient],
  layout: true,
  cost: noCost,
  evaluate: (_context, [a]) => a!,
};

/** A product as a share at the same scale. */
export const reshare: Operator = {
  attrs: v.strictObject({}),
  arity: 1,
  infer([a]) {
    expectKind("reshare", a!, "product");
    return { ...a!, kind: "share" };
  },
  gradient: (_builder, _inputs, _attrs, _output, gradient) => [gradient],
  cost: (costs, [a], _attrs, _output, pivot) => costs.reshare(elements(a!), pivot),
  *evaluate({ protocol, site }, [a]) {
    if (a!.kind !== "product") throw new ScaleError(`reshare: expected a product, got a ${a!.kind}`);
    return { kind: "share", share: yield* protocol.reshare(site, a!.product) };
  },
};

/** A share in the form of a product, to be added to products before one truncation. Free. */
export const lift: Operator = {
  attrs: v.strictObject({}),
  arity: 1,
  infer([a]) {
    expectKind("lift", a!, "share");
    return { ...a!, kind: "product" };
  },
  gradient: (_builder, _inputs, _attrs, _output, gradient) => [gradient],
  cost: noCost,
  evaluate: ({ protocol, site }, [a]) => ({ kind: "product", product: protocol.lift(site, shareOf(a)) }),
};
