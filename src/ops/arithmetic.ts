/**
 * Element-wise arithmetic on equal shapes and scales: add, sub, neg, mul, and rescale by a power of two. Not
 * broadcasting or scale alignment, which `build.ts` records as nodes of their own.
 */
import * as v from "valibot";
import { PlanError, ScaleError } from "../errors.js";
import { constant, sum, mul as times, timesGradient } from "./build.js";
import { type ConstantAttrs, wordsOf } from "./constant.js";
import { mapLinear, productOf, publicOf } from "./evaluate.js";
import { together } from "./flow.js";
import { productCost, productLooks } from "./looks.js";
import type { EvalContext, NodeTypes, Operator, PlanEnv, Ref, Value, ValueType } from "./op.js";
import { noCost, scaleSchema } from "./source.js";
import { capBound, elements, expectSameShape, refuseBits } from "./type.js";

const nothing = v.strictObject({});

function inferSum(name: string, [a, b]: readonly ValueType[], env: PlanEnv): ValueType {
  expectSameShape(name, a!, b!);
  if (a!.kind !== b!.kind || a!.kind === "bits")
    throw new PlanError(`${name}: expected two shares, products or public values, got ${a!.kind} and ${b!.kind}`);
  if (a!.scale !== b!.scale)
    throw new ScaleError(`${name}: expected equal scales, got ${a!.scale} and ${b!.scale}; try rescale`);
  const proved = a!.proved && b!.proved;
  return { ...a!, ...capBound(Math.max(a!.bound, b!.bound) + 1, proved, env), ...together(a!.shape, a!, b!) };
}

export const add: Operator = {
  attrs: nothing,
  arity: 2,
  infer: (inputs, _, env) => inferSum("add", inputs, env),
  gradient: (_builder, _inputs, _attrs, _output, gradient) => [gradient, gradient],
  cost: noCost,
  evaluate: (context, inputs, _, types) =>
    mapLinear(context, inputs, elements(types.output), (dst, [a, b]) =>
      context.ring.kernels.add(dst.ptr, a!.ptr, b!.ptr, dst.words),
    ),
};

export const sub: Operator = {
  attrs: nothing,
  arity: 2,
  infer: (inputs, _, env) => inferSum("sub", inputs, env),
  gradient: (builder, _inputs, _attrs, _output, gradient) => [gradient, builder.node("neg", [gradient])],
  cost: noCost,
  evaluate: (context, inputs, _, types) =>
    mapLinear(context, inputs, elements(types.output), (dst, [a, b]) =>
      context.ring.kernels.sub(dst.ptr, a!.ptr, b!.ptr, dst.words),
    ),
};

export const neg: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a]) {
    refuseBits("neg", a!);
    return a!;
  },
  gradient: (builder, _inputs, _attrs, _output, gradient) => [builder.node("neg", [gradient])],
  cost: noCost,
  evaluate: (context, inputs, _, types) =>
    mapLinear(context, inputs, elements(types.output), (dst, [a]) =>
      context.ring.kernels.neg(dst.ptr, a!.ptr, dst.words),
    ),
};

/** The kinds of a product: secret x secret is a product, public factors change nothing. */
export function productKind(name: string, a: ValueType, b: ValueType): ValueType["kind"] {
  if (a.kind === "public") return b.kind === "bits" ? bad(name, a, b) : b.kind;
  if (b.kind === "public") return a.kind === "bits" ? bad(name, a, b) : a.kind;
  return a.kind === "share" && b.kind === "share" ? "product" : bad(name, a, b);
}
function bad(name: string, a: ValueType, b: ValueType): never {
  throw new PlanError(
    `${name}: expected shares or public values, got ${a.kind} and ${b.kind}; try reshare or truncate first`,
  );
}

/**
 * Element-wise product; a public factor may be a scalar (shape []) whatever the other's shape. Scales add.
 */
export const mul: Operator = {
  attrs: nothing,
  arity: 2,
  infer([a, b], _, env) {
    const kind = productKind("mul", a!, b!);
    const scalarLeft = a!.kind === "public" && a!.shape.length === 0;
    const scalarRight = b!.kind === "public" && b!.shape.length === 0;
    if (!scalarLeft && !scalarRight) expectSameShape("mul", a!, b!);
    const shape = scalarLeft ? b!.shape : a!.shape;
    return {
      kind,
      shape,
      scale: a!.scale + b!.scale,
      ...capBound(a!.bound + b!.bound, a!.proved && b!.proved, env),
      ...together(shape, a!, b!),
    };
  },
  gradient(builder, [a, b], _attrs, output, gradient, wanted) {
    // A square: the two parts are one, and a public gradient is doubled without a bit more for the product.
    if (a === b && gradient.type.kind === "public") {
      const twice = times(builder, gradient, constant(builder, 2, [], 0));
      return [timesGradient(builder, twice, a!), undefined];
    }
    const along = (self: Ref, other: Ref) => {
      const part = timesGradient(builder, gradient, other);
      return self.type.shape.length === output.type.shape.length ? part : sum(builder, part);
    };
    return [wanted[0] ? along(a!, b!) : undefined, wanted[1] ? along(b!, a!) : undefined];
  },
  looks: productLooks,
  cost: productCost,
  evaluate(context, [a, b], _, types) {
    const n = elements(types.output);
    const { kernels } = context.ring;
    if (a!.kind === "public" && b!.kind !== "public") return timesPublic(context, b!, a!, types, 0);
    if (b!.kind === "public" && a!.kind !== "public") return timesPublic(context, a!, b!, types, 1);
    if (a!.kind === "public") {
      const [scalarSide, other] = types.inputs[0]!.shape.length === 0 ? [a!, b!] : [b!, a!];
      if (publicOf(scalarSide).words === 1 && n !== 1) return timesPublic(context, other, scalarSide, types, -1);
      return mapLinear(context, [a!, b!], n, (dst, [x, y]) => kernels.mul(dst.ptr, x!.ptr, y!.ptr, n));
    }
    return productOf(context, [a!, b!], n, (dst, x, y, accumulate) =>
      accumulate ? kernels.mulAdd(dst.ptr, x.ptr, y.ptr, n) : kernels.mul(dst.ptr, x.ptr, y.ptr, n),
    );
  },
};

/**
 * Whether a node is the constant word 1: a multiplication by it, of whatever scale, leaves the words as they are. Numbers that
 * come with a run are not asked, so that costs do not depend on them.
 */
export const isOne = ({ op, attrs, type }: { op: string; attrs: unknown; type: ValueType }): boolean =>
  op === "constant" && couldBeOne(type) && wordsOf(attrs as ConstantAttrs)[0] === 1n;
const couldBeOne = ({ shape, bound }: ValueType): boolean => shape.length === 0 && bound === 1;

function timesPublic(context: EvalContext, secretValue: Value, factor: Value, types: NodeTypes, side: number): Value {
  const n = elements(types.output);
  const words = publicOf(factor);
  const { kernels } = context.ring;
  const isScalar = side < 0 || types.inputs[side]!.shape.length === 0;
  if (isScalar && words.words === 1) {
    const c = context.ring.words(words)[0]!;
    // A negative power of two: the same words at another scale. Costs know that of constants, see isOne.
    if (c === 1n && side >= 0 && couldBeOne(types.inputs[side]!)) return secretValue;
    return mapLinear(context, [secretValue], n, (dst, [x]) => kernels.mulScalar(dst.ptr, x!.ptr, c, n));
  }
  return mapLinear(context, [secretValue], n, (dst, [x]) => kernels.mul(dst.ptr, x!.ptr, words.ptr, n));
}

const rescaleAttrs = v.strictObject({ bits: scaleSchema });
/** The same number with `bits` more fraction bits: an exact shift to the left. */
export const rescale: Operator<v.InferOutput<typeof rescaleAttrs>> = {
  attrs: rescaleAttrs,
  arity: 1,
  infer([a], { bits }, env) {
    refuseBits("rescale", a!);
    return { ...a!, scale: a!.scale + bits, ...capBound(a!.bound + bits, a!.proved, env) };
  },
  gradient: (_builder, _inputs, _attrs, _output, gradient) => [gradient],
  cost: noCost,
  evaluate: (context, inputs, { bits }, types) =>
    mapLinear(context, inputs, elements(types.output), (dst, [a]) =>
      context.ring.kernels.shl(dst.ptr, a!.ptr, bits, dst.words),
    ),
};
