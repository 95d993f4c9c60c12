/**
 * Operators that move elements and compute nothing: reshape, transpose, broadcast, flip, slice, pad, concat. All are free.
 * By tables of positions: gather.ts.
 */
import * as v from "valibot";
import { PlanError, ShapeError } from "../errors.js";
import { type Block, broadcastStrides, formatShape, type Shape, sameShape, size, strides } from "../ring/index.js";
import { mapBits, mapLinear, withInts } from "./evaluate.js";
import { cut, moved, reshapedAlike, reshapedAxis, together } from "./flow.js";
import type { EvalContext, Operator, Value, ValueType } from "./op.js";
import { axisSchema, dimension, mostAxes, noCost, shapeSchema } from "./source.js";
import { elements } from "./type.js";

/** Gathers by strides, starting `offset` words into the source. */
function gather(context: EvalContext, value: Value, dims: Shape, steps: readonly number[], offset = 0): Value {
  const { kernels, wordBytes } = context.ring;
  const gathered = (dst: Block, [src]: readonly Block[]) =>
    withInts(context, [dims, steps], ([dimsAt, stepsAt]) => {
      if (dst.words === 0) return;
      if (value.kind === "bits") kernels.gatherBits(dst.ptr, src!.ptr, offset, dims.length, dimsAt!, stepsAt!);
      else kernels.gatherStrided(dst.ptr, src!.ptr + offset * wordBytes, dims.length, dimsAt!, stepsAt!);
    });
  return value.kind === "bits"
    ? mapBits(context, [value], size(dims), gathered)
    : mapLinear(context, [value], size(dims), gathered, true);
}

const shapeAttrs = v.strictObject({ shape: shapeSchema });
/** The same elements in row-major order under another shape. */
export const reshape: Operator<v.InferOutput<typeof shapeAttrs>> = {
  attrs: shapeAttrs,
  arity: 1,
  infer([a], { shape }) {
    if (size(shape) !== elements(a!))
      throw new ShapeError(`reshape: expected ${elements(a!)} elements, got [${shape}]; try a shape with that product`);
    const alike = reshapedAlike(a!.shape, a!.alike, shape);
    return { ...a!, shape, ...moved(a!, shape, alike, (axis) => reshapedAxis(a!.shape, shape, axis)) };
  },
  gradient: (builder, [a], _attrs, _output, gradient) => [
    builder.node("reshape", [gradient], { shape: a!.type.shape }),
  ],
  layout: true,
  cost: noCost,
  evaluate: (_context, [a]) => a!,
};

const axesAttrs = v.strictObject({ axes: v.pipe(v.array(axisSchema), v.maxLength(mostAxes)) });
/** Axis i of the result is axis axes[i] of the input. */
export const transpose: Operator<v.InferOutput<typeof axesAttrs>> = {
  attrs: axesAttrs,
  arity: 1,
  infer([a], { axes }) {
    if (axes.length !== a!.shape.length || new Set(axes).size !== axes.length || axes.some((x) => x >= axes.length))
      throw new ShapeError(`transpose: expected a permutation of ${a!.shape.length} axes, got [${axes}]`);
    const shape = axes.map((axis) => a!.shape[axis]!);
    const alike = axes.map((axis) => a!.alike[axis]!);
    return { ...a!, shape, ...moved(a!, shape, alike, (axis) => axes.indexOf(axis)) };
  },
  gradient(builder, _inputs, { axes }, _output, gradient) {
    const inverse = axes.map((_, i) => axes.indexOf(i));
    return [builder.node("transpose", [gradient], { axes: inverse })];
  },
  layout: true,
  cost: noCost,
  evaluate(context, [a], { axes }, { inputs, output }) {
    if (axes.length === 2 && axes[0] === 1 && a!.kind !== "bits") {
      const [rows, cols] = inputs[0]!.shape as [number, number];
      const turned = (dst: Block, [src]: readonly Block[]) =>
        context.ring.kernels.transpose(dst.ptr, src!.ptr, rows, cols);
      return mapLinear(context, [a!], rows * cols, turned, true);
    }
    const steps = strides(inputs[0]!.shape);
    return gather(
      context,
      a!,
      output.shape,
      axes.map((axis) => steps[axis]!),
    );
  },
};

/** Repeats elements along axes of length 1 or missing axes at the front (NumPy's rules). */
export const broadcast: Operator<v.InferOutput<typeof shapeAttrs>> = {
  attrs: shapeAttrs,
  arity: 1,
  infer([a], { shape }) {
    broadcastStrides(a!.shape, shape);
    const offset = shape.length - a!.shape.length;
    const same = (axis: number) => a!.shape[axis] === shape[axis + offset];
    const alike = shape.map((_, i) => i < offset || !same(i - offset) || a!.alike[i - offset]!);
    return { ...a!, shape, ...moved(a!, shape, alike, (axis) => (same(axis) ? axis + offset : undefined)) };
  },
  gradient(builder, [a], { shape }, _output, gradient) {
    const own = a!.type.shape;
    const offset = shape.length - own.length;
    const axes = shape.map((_, i) => i).filter((i) => i < offset || own[i - offset] !== shape[i]);
    const summed = axes.length > 0 ? builder.node("sum", [gradient], { axes }) : gradient;
    return [sameShape(summed.type.shape, own) ? summed : builder.node("reshape", [summed], { shape: own })];
  },
  layout: true,
  cost: noCost,
  evaluate: (context, [a], { shape }, { inputs }) =>
    gather(context, a!, shape, broadcastStrides(inputs[0]!.shape, shape)),
};

/** Turns axes over: their last elements come first. */
export const flip: Operator<v.InferOutput<typeof axesAttrs>> = {
  attrs: axesAttrs,
  arity: 1,
  infer([a], { axes }) {
    if (axes.some((axis, i) => axis >= a!.shape.length || axis <= (axes[i - 1] ?? -1)))
      throw new ShapeError(`flip: expected ascending axes of ${formatShape(a!.shape)}, got [${axes}]`);
    const kept = (axis: number) => !axes.includes(axis) || a!.shape[axis] === 1;
    const alike = a!.alike.map((value, axis) => value && kept(axis));
    return { ...a!, ...moved(a!, a!.shape, alike, (axis) => (kept(axis) ? axis : undefined)) };
  },
  gradient: (builder, _inputs, { axes }, _output, gradient) => [builder.node("flip", [gradient], { axes })],
  layout: true,
  cost: noCost,
  evaluate(context, [a], { axes }, { output: { shape } }) {
    const steps = strides(shape);
    const last = axes.reduce((sum, axis) => sum + (shape[axis]! - 1) * steps[axis]!, 0);
    const back = steps.map((step, axis) => (axes.includes(axis) ? -step : step));
    return gather(context, a!, shape, back, last);
  },
};

/** Of slices that leave elements out, and pads that put zeros between; elements in line have none. */
const stepSchema = v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(2 ** 31 - 1)));

const sliceAttrs = v.strictObject({ axis: axisSchema, start: dimension, end: dimension, step: stepSchema });
/** Elements start … end-1 along one axis, every `step`-th of them. */
export const slice: Operator<v.InferOutput<typeof sliceAttrs>> = {
  attrs: sliceAttrs,
  arity: 1,
  infer([a], { axis, start, end, step }) {
    const length = a!.shape[axis];
    if (length === undefined || start > end || end > length)
      throw new ShapeError(
        `slice: expected 0 <= start <= end <= ${length} along axis ${axis} of [${a!.shape}], got ${start}:${end}`,
      );
    const shape = a!.shape.map((d, i) => (i === axis ? Math.ceil((end - start) / (step ?? 1)) : d));
    const left = { ...a!, flows: cut(a!.flows, axis, start, end) };
    return { ...left, shape, ...moved(left, shape, a!.alike, (at) => (at === axis && step ? undefined : at)) };
  },
  gradient(builder, [a], { axis, start, step }, output, gradient) {
    const after = a!.type.shape[axis]! - start - paddedLength(output.type.shape[axis]!, step);
    return [builder.node("pad", [gradient], { axis, before: start, after, ...(step ? { step } : {}) })];
  },
  layout: true,
  cost: noCost,
  evaluate(context, [a], { axis, start, step = 1 }, { inputs, output }) {
    const steps = strides(inputs[0]!.shape);
    const stepped = steps.map((each, i) => (i === axis ? step * each : each));
    return gather(context, a!, output.shape, stepped, start * steps[axis]!);
  },
};

/** From the first of n elements to the last, `step` apart. */
const paddedLength = (n: number, step = 1): number => (n === 0 ? 0 : (n - 1) * step + 1);

const padAttrs = v.strictObject({ axis: axisSchema, before: dimension, after: dimension, step: stepSchema });
/** Zeros before and after along one axis, and between elements if they come to lie `step` apart: the transpose of slice. */
export const pad: Operator<v.InferOutput<typeof padAttrs>> = {
  attrs: padAttrs,
  arity: 1,
  infer([a], { axis, before, after, step }) {
    if (axis >= a!.shape.length) throw new ShapeError(`pad: expected an axis of [${a!.shape}], got ${axis}`);
    const shape = a!.shape.map((d, i) => (i === axis ? before + paddedLength(d, step) + after : d));
    const kept = (at: number) => at !== axis || shape[at] === a!.shape[at];
    const alike = a!.alike.map((value, at) => value && kept(at));
    return { ...a!, shape, ...moved(a!, shape, alike, (at) => (kept(at) ? at : undefined)) };
  },
  gradient(builder, [a], { axis, before, step }, _output, gradient) {
    const end = before + paddedLength(a!.type.shape[axis]!, step);
    return [builder.node("slice", [gradient], { axis, start: before, end, ...(step ? { step } : {}) })];
  },
  cost: noCost,
  evaluate(context, [a], { axis, before, step = 1 }, { inputs, output }) {
    if (a!.kind === "bits") return joinBits(context, [a!], inputs, output, axis, before, step);
    const steps = strides(output.shape);
    const stepped = steps.map((each, i) => (i === axis ? step * each : each));
    const dims = inputs[0]!.shape;
    const { kernels, wordBytes } = context.ring;
    return mapLinear(context, [a!], size(output.shape), (dst, [src]) =>
      withInts(context, [dims, stepped], ([dimsAt, stepsAt]) => {
        kernels.fill(dst.ptr, 0n, dst.words);
        if (src!.words > 0)
          kernels.scatterAddStrided(
            dst.ptr + before * steps[axis]! * wordBytes,
            src!.ptr,
            dims.length,
            dimsAt!,
            stepsAt!,
          );
      }),
    );
  },
};

const concatAttrs = v.strictObject({ axis: axisSchema });
/** Joins values of one kind and scale along an axis. */
export const concat: Operator<v.InferOutput<typeof concatAttrs>> = {
  attrs: concatAttrs,
  arity: "any",
  infer(inputs, { axis }) {
    const [first] = inputs;
    if (!first || axis >= first.shape.length)
      throw new ShapeError(`concat: expected inputs with an axis ${axis}, got [${first?.shape}]; try another axis`);
    let length = 0;
    for (const input of inputs) {
      if (input.kind !== first.kind || input.scale !== first.scale)
        throw new PlanError(
          `concat: expected ${first.kind}s at scale ${first.scale}, got a ${input.kind} at scale ${input.scale}`,
        );
      if (input.shape.length !== first.shape.length || input.shape.some((d, i) => i !== axis && d !== first.shape[i]))
        throw new ShapeError(
          `concat: expected shapes equal but for axis ${axis}, got [${first.shape}] and [${input.shape}]`,
        );
      length += input.shape[axis]!;
    }
    const shape = first.shape.map((d, i) => (i === axis ? length : d));
    const all = { ...first, ...together(first.shape, ...inputs) };
    const kept = (at: number) => at !== axis || inputs.length === 1;
    const alike = all.alike.map((value, at) => value && kept(at));
    return {
      ...first,
      shape,
      bound: inputs.reduce((most, input) => Math.max(most, input.bound), 0),
      proved: inputs.every((input) => input.proved),
      ...moved(all, shape, alike, (at) => (kept(at) ? at : undefined)),
    };
  },
  gradient(builder, inputs, { axis }, _output, gradient) {
    let start = 0;
    return inputs.map((input) => {
      const end = start + input.type.shape[axis]!;
      const part = builder.node("slice", [gradient], { axis, start, end });
      start = end;
      return part;
    });
  },
  cost: noCost,
  evaluate(context, inputs, { axis }, types) {
    if (inputs[0]!.kind === "bits") return joinBits(context, inputs, types.inputs, types.output, axis, 0);
    const inner = size(types.output.shape.slice(axis + 1));
    const outer = size(types.output.shape.slice(0, axis));
    const row = types.output.shape[axis]! * inner;
    const { kernels, wordBytes } = context.ring;
    return mapLinear(context, inputs, elements(types.output), (dst, sources) => {
      let at = 0;
      sources.forEach((src, i) => {
        const words = types.inputs[i]!.shape[axis]! * inner;
        for (let o = 0; o < outer; o++)
          kernels.copy(dst.ptr + (o * row + at) * wordBytes, src.ptr + o * words * wordBytes, words);
        at += words;
      });
    });
  },
};

/** Bits one after the other along an axis, from position `before` on, `step` apart; zeros around them. */
function joinBits(
  context: EvalContext,
  inputs: readonly Value[],
  types: readonly ValueType[],
  { shape }: ValueType,
  axis: number,
  before: number,
  step = 1,
): Value {
  const { kernels } = context.ring;
  const inner = size(shape.slice(axis + 1));
  const outer = size(shape.slice(0, axis));
  const row = shape[axis]! * inner;
  return mapBits(context, inputs, size(shape), (dst, sources) => {
    kernels.fill(dst.ptr, 0n, dst.words);
    let at = before * inner;
    sources.forEach((src, i) => {
      const length = types[i]!.shape[axis]!;
      // Neighbours move together.
      const [runs, run] = step === 1 ? [1, length * inner] : [length, inner];
      for (let o = 0; o < outer; o++)
        for (let k = 0; k < runs; k++)
          kernels.copyBits(dst.ptr, o * row + at + k * step * inner, src.ptr, (o * runs + k) * run, run);
      at += length * inner;
    });
  });
}
