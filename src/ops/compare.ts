/**
 * Operators on secret bits: comparisons with zero, logic, selection. Not relu or maximum, which `build.ts` composes.
 */
import * as v from "valibot";
import { PlanError, ScaleError } from "../errors.js";
import { mul as times } from "./build.js";
import { bitsOf, shareOf } from "./evaluate.js";
import { share } from "./factor.js";
import { together } from "./flow.js";
import { withMask } from "./looks.js";
import type { Builder, Operator, Ref, ValueType } from "./op.js";
import { noCost } from "./source.js";
import { comparisonWidth, elements, expectKind, expectSameShape } from "./type.js";

const nothing = v.strictObject({});
const oneBit = (type: ValueType): ValueType => ({ ...type, kind: "bits", scale: 0, bound: 1, proved: true });

/** x < 0, for each element. Looks at bound + 1 bits. */
export const isNegative: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a]) {
    expectKind("isNegative", a!, "share");
    comparisonWidth(a!);
    return oneBit(a!);
  },
  looks: ([a]) => [{ input: 0, as: { width: comparisonWidth(a!) } }],
  cost: (costs, [a], _attrs, _output, pivot) => costs.msb(elements(a!), comparisonWidth(a!), pivot),
  *evaluate({ protocol, site }, [a], _attrs, { inputs }) {
    return { kind: "bits", bits: yield* protocol.msb(site, shareOf(a), comparisonWidth(inputs[0]!)) };
  },
};

/** x = 0, for each element. Looks at `bound` bits: no other multiple of 2^bound is below it. */
export const isZero: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a]) {
    expectKind("isZero", a!, "share");
    return oneBit(a!);
  },
  looks: ([a]) => [{ input: 0, as: { width: zeroWidth(a!) } }],
  cost: (costs, [a], _attrs, _output, pivot) => costs.isZero(elements(a!), zeroWidth(a!), pivot),
  *evaluate({ protocol, site }, [a], _attrs, { inputs }) {
    return { kind: "bits", bits: yield* protocol.isZero(site, shareOf(a), zeroWidth(inputs[0]!)) };
  },
};
const zeroWidth = ({ bound }: ValueType): number => Math.max(1, bound);

export const not: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a]) {
    expectKind("not", a!, "bits");
    return a!;
  },
  cost: noCost,
  evaluate: ({ protocol, site }, [a]) => ({ kind: "bits", bits: protocol.not(site, bitsOf(a)) }),
};

function inferLogic(name: string, [a, b]: readonly ValueType[]): ValueType {
  expectKind(name, a!, "bits");
  expectKind(name, b!, "bits");
  expectSameShape(name, a!, b!);
  return { ...a!, ...together(a!.shape, a!, b!) };
}

export const xor: Operator = {
  attrs: nothing,
  arity: 2,
  infer: (inputs) => inferLogic("xor", inputs),
  cost: noCost,
  evaluate: ({ protocol, site }, [a, b]) => ({ kind: "bits", bits: protocol.xor(site, bitsOf(a), bitsOf(b)) }),
};

export const and: Operator = {
  attrs: nothing,
  arity: 2,
  infer: (inputs) => inferLogic("and", inputs),
  cost: (costs, [a], _attrs, _output, pivot) => costs.and(elements(a!), 1, pivot),
  *evaluate({ protocol, site }, [a, b]) {
    return { kind: "bits", bits: yield* protocol.and(site, bitsOf(a), bitsOf(b)) };
  },
};

/** The bit as the number 0 or 1, at scale 0. */
export const fromBits: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a]) {
    expectKind("fromBits", a!, "bits");
    return { ...a!, kind: "share" };
  },
  cost: (costs, [a], _attrs, _output, pivot) => costs.fromBits(elements(a!), pivot),
  *evaluate({ protocol, site }, [a]) {
    return { kind: "share", share: yield* protocol.fromBits(site, bitsOf(a)) };
  },
};

/**
 * Up to here a round saved is worth half as many bytes again (rep3: 128 bits an element instead of 85). At 8192 elements the 44 kB
 * take as long as a round on one machine, and a fifth of one at 40 ms and 100 Mbit/s.
 */
const fewElements = 8192;

/**
 * A gradient where the bit is 1. Of few elements as a product with the bit as a number: the number takes its rounds while the
 * bit selects the value, so that the gradient takes one round instead of a selection's two.
 */
export function masked(builder: Builder, bit: Ref, gradient: Ref): Ref {
  const isPublic = gradient.type.kind === "public";
  const factor = isPublic ? gradient : share(builder, gradient);
  if (!isPublic && elements(bit.type) > fewElements) return builder.node("select", [bit, factor]);
  return times(builder, builder.node("fromBits", [bit]), factor);
}

/** bit * x, for each element: x where the bit is 1, else 0. */
export const select: Operator = {
  attrs: nothing,
  arity: 2,
  infer([bit, x]) {
    expectKind("select", bit!, "bits");
    if (x!.kind !== "share")
      throw new PlanError(`select: expected a share to choose, got a ${x!.kind}; try truncate or reshare`);
    expectSameShape("select", bit!, x!);
    return { ...x!, ...together(x!.shape, bit!, x!) };
  },
  gradient: (builder, [bit], _attrs, _output, gradient) => [undefined, masked(builder, bit!, gradient)],
  looks: () => [{ input: 1, as: "selected" }],
  cost: (costs, [, x], _attrs, _output, pivot) => costs.select(elements(x!), pivot),
  *evaluate({ protocol, site }, [bit, x]) {
    return { kind: "share", share: yield* protocol.select(site, bitsOf(bit), shareOf(x)) };
  },
};

/** x where the bit is 1, else y. Costs one selection; no wider than x and y are. */
export const choose: Operator = {
  attrs: nothing,
  arity: 3,
  infer([bit, x, y]) {
    expectKind("choose", bit!, "bits");
    expectKind("choose", x!, "share");
    expectKind("choose", y!, "share");
    expectSameShape("choose", bit!, x!);
    expectSameShape("choose", x!, y!);
    if (x!.scale !== y!.scale)
      throw new ScaleError(`choose: expected equal scales, got ${x!.scale} and ${y!.scale}; try rescale`);
    const bound = Math.max(x!.bound, y!.bound);
    return { ...x!, bound, proved: x!.proved && y!.proved, ...together(x!.shape, bit!, x!, y!) };
  },
  gradient(builder, [bit], _attrs, _output, gradient) {
    const whole = share(builder, gradient);
    const chosen = share(builder, masked(builder, bit!, whole));
    return [undefined, chosen, builder.node("sub", [whole, chosen])];
  },
  cost: (costs, [, x], _attrs, _output, pivot) => withMask(costs, elements(x!), costs.select(elements(x!), pivot)),
  *evaluate({ ring, protocol, site }, [bit, x, y]) {
    const n = shareOf(x).n;
    const { kernels } = ring;
    const difference = protocol.linear(site, [shareOf(x), shareOf(y)], n, (dst, [p, q]) =>
      kernels.sub(dst.ptr, p!.ptr, q!.ptr, n),
    );
    const chosen = yield* protocol.select(site, bitsOf(bit), difference);
    const share = protocol.linear(site, [chosen, shareOf(y)], n, (dst, [p, q]) =>
      kernels.add(dst.ptr, p!.ptr, q!.ptr, n),
    );
    protocol.free(site.scope, difference);
    protocol.free(site.scope, chosen);
    return { kind: "share", share };
  },
};
