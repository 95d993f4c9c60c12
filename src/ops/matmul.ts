/**
 * The matrix product of two matrices. Not products of tensors (einsum.ts) or convolution.
 */
import * as v from "valibot";
import { ShapeError } from "../errors.js";
import { productKind } from "./arithmetic.js";
import { mapLinear, productOf, publicOf } from "./evaluate.js";
import { factors } from "./factor.js";
import { contracted } from "./flow.js";
import { productCost, productLooks } from "./looks.js";
import type { Operator, Ref } from "./op.js";
import { capBound, sumBits } from "./type.js";

/** [m, k] x [k, n] -> [m, n]; scales add. Secret x secret costs nothing until the product is truncated or reshared. */
export const matmul: Operator = {
  attrs: v.strictObject({}),
  arity: 2,
  infer([a, b], _, env) {
    const [m, k] = a!.shape;
    const [k2, n] = b!.shape;
    if (a!.shape.length !== 2 || b!.shape.length !== 2 || k !== k2)
      throw new ShapeError(
        `matmul: expected [m, k] and [k, n], got [${a!.shape}] and [${b!.shape}]; try transpose or reshape`,
      );
    return {
      kind: productKind("matmul", a!, b!),
      shape: [m!, n!],
      scale: a!.scale + b!.scale,
      ...capBound(a!.bound + b!.bound + sumBits(k!), a!.proved && b!.proved, env),
      ...contracted([m!, n!], { type: a!, to: [0, -1] }, { type: b!, to: [-1, 1] }),
    };
  },
  gradient(builder, [a, b], _attrs, _output, gradient, wanted) {
    const swap = (ref: Ref) => builder.node("transpose", [ref], { axes: [1, 0] });
    const [g, other] = wanted[0] ? factors(builder, gradient, b!) : [];
    const [h, own] = wanted[1] ? factors(builder, gradient, a!) : [];
    return [
      g && other ? builder.node("matmul", [g, swap(other)]) : undefined,
      h && own ? builder.node("matmul", [swap(own), h]) : undefined,
    ];
  },
  looks: productLooks,
  cost: productCost,
  evaluate(context, [a, b], _attrs, { inputs }) {
    const [m, k] = inputs[0]!.shape as [number, number];
    const n = inputs[1]!.shape[1]!;
    const { kernels } = context.ring;
    if (b!.kind === "public") {
      const words = publicOf(b);
      return mapLinear(context, [a!], m * n, (dst, [x]) => kernels.matmul(dst.ptr, x!.ptr, words.ptr, m, k, n, 0));
    }
    if (a!.kind === "public") {
      const words = publicOf(a);
      return mapLinear(context, [b!], m * n, (dst, [x]) => kernels.matmul(dst.ptr, words.ptr, x!.ptr, m, k, n, 0));
    }
    return productOf(context, [a!, b!], m * n, (dst, x, y, accumulate) =>
      kernels.matmul(dst.ptr, x.ptr, y.ptr, m, k, n, accumulate ? 1 : 0),
    );
  },
};
