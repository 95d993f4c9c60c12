/**
 * Sums over axes. Not means, which multiply a sum by a public constant in `build.ts`, nor maxima, which compare.
 */
import * as v from "valibot";
import { ShapeError } from "../errors.js";
import { size } from "../ring/index.js";
import { freeValue, mapLinear } from "./evaluate.js";
import { moved, summed } from "./flow.js";
import { repeated } from "./numbers.js";
import type { EvalContext, Operator, Value } from "./op.js";
import { axisSchema, mostAxes, noCost } from "./source.js";
import { capBound, refuseBits, sumBits } from "./type.js";

const attrs = v.strictObject({
  /** Ascending, distinct; these axes disappear. */
  axes: v.pipe(v.array(axisSchema), v.minLength(1), v.maxLength(mostAxes)),
});

export const sum: Operator<v.InferOutput<typeof attrs>> = {
  attrs,
  arity: 1,
  infer([a], { axes }, env) {
    refuseBits("sum", a!);
    if (axes.some((axis, i) => axis >= a!.shape.length || (i > 0 && axis <= axes[i - 1]!)))
      throw new ShapeError(`sum: expected ascending axes of [${a!.shape}], got [${axes}]`);
    const terms = axes.reduce((n, axis) => n * a!.shape[axis]!, 1);
    const kept = a!.shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const shape = kept.map((i) => a!.shape[i]!);
    return {
      ...a!,
      shape,
      ...capBound(a!.bound + sumBits(terms), a!.proved, env),
      ...summed(a!, shape, axes, (axis) => kept.indexOf(axis)),
    };
  },
  gradient(builder, [a], { axes }, _output, gradient) {
    const number = repeated(builder, gradient);
    if (number) return [builder.node("broadcast", [number], { shape: a!.type.shape })];
    const withOnes = a!.type.shape.map((d, i) => (axes.includes(i) ? 1 : d));
    const column = builder.node("reshape", [gradient], { shape: withOnes });
    return [builder.node("broadcast", [column], { shape: a!.type.shape })];
  },
  cost: noCost,
  evaluate(context, [a], { axes }, types) {
    const shape = [...types.inputs[0]!.shape];
    let value: Value = a!;
    // From the last axis to the first; neighbouring axes are summed in one pass.
    for (let i = axes.length - 1; i >= 0; ) {
      const last = axes[i]!;
      let first = last;
      while (i > 0 && axes[i - 1] === first - 1) first = axes[--i]!;
      i--;
      const next = sumAxes(context, value, shape, first, last);
      if (value !== a) freeValue(context, value);
      value = next;
      shape.splice(first, last - first + 1);
    }
    return value;
  },
};

function sumAxes(context: EvalContext, value: Value, shape: readonly number[], first: number, last: number): Value {
  const outer = size(shape.slice(0, first));
  const axis = size(shape.slice(first, last + 1));
  const inner = size(shape.slice(last + 1));
  return mapLinear(context, [value], outer * inner, (dst, [src]) =>
    context.ring.kernels.sumAxis(dst.ptr, src!.ptr, outer, axis, inner),
  );
}

const cumsumAttrs = v.strictObject({
  axis: axisSchema,
  /** From each position to the end, instead of from the beginning. */
  reverse: v.boolean(),
});
/** Sums of all elements up to each position of an axis. Free. */
export const cumsum: Operator<v.InferOutput<typeof cumsumAttrs>> = {
  attrs: cumsumAttrs,
  arity: 1,
  infer([a], { axis }, env) {
    refuseBits("cumsum", a!);
    const length = a!.shape[axis];
    if (length === undefined) throw new ShapeError(`cumsum: expected an axis of [${a!.shape}], got ${axis}`);
    const alike = a!.alike.map((value, at) => value && at !== axis);
    return {
      ...a!,
      ...capBound(a!.bound + sumBits(length), a!.proved, env),
      ...moved(a!, a!.shape, alike, (at) => (at === axis ? undefined : at)),
    };
  },
  gradient: (builder, _inputs, { axis, reverse }, _output, gradient) => [
    builder.node("cumsum", [gradient], { axis, reverse: !reverse }),
  ],
  cost: noCost,
  evaluate(context, [a], { axis, reverse }, { output: { shape } }) {
    const [outer, inner] = [size(shape.slice(0, axis)), size(shape.slice(axis + 1))];
    return mapLinear(context, [a!], size(shape), (dst, [src]) =>
      context.ring.kernels.prefixSums(dst.ptr, src!.ptr, outer, shape[axis]!, inner, reverse ? 1 : 0),
    );
  },
};
