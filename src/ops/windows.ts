/**
 * Sums over windows that slide over the last two axes, and their transpose: what pooling by average is made of. Not pooling
 * itself (`pooling.ts`), and no maxima.
 */
import * as v from "valibot";
import { ShapeError } from "../errors.js";
import { type Block, size as count, formatShape, type Shape } from "../ring/index.js";
import { mapLinear, withInts } from "./evaluate.js";
import { moved } from "./flow.js";
import type { EvalContext, Operator, PlanEnv, Value, ValueType } from "./op.js";
import { dimension, noCost } from "./source.js";
import { capBound, refuseBits, sumBits } from "./type.js";

/** Places in an image. */
const farthest = 2 ** 24;
/** Of one operator: minutes of one core. */
const mostAdditions = 2 ** 36;
const pairOf = (smallest: number) => {
  const item = v.pipe(v.number(), v.integer(), v.minValue(smallest), v.maxValue(farthest));
  return v.tuple([item, item]);
};
const attrs = v.strictObject({
  kernel: pairOf(1),
  stride: pairOf(1),
  /** Zeros before the image; behind it there are as many as are needed. */
  padding: pairOf(0),
  /** Of what comes out: windows for sumWindows, the image for spreadWindows. */
  size: v.tuple([dimension, dimension]),
});
type Attrs = v.InferOutput<typeof attrs>;

/** [..., height, width] -> [..., size]: the sum over the window at stride q - padding, for each q. */
export const sumWindows: Operator<Attrs> = {
  attrs,
  arity: 1,
  infer: ([a], given, env) =>
    infer("sumWindows", a!, given, given.size, (axis, image) => Math.min(given.kernel[axis], image), env),
  gradient: (builder, [a], given, _output, gradient) => [
    builder.node("spreadWindows", [gradient], { ...given, size: a!.type.shape.slice(-2) }),
  ],
  cost: noCost,
  evaluate: (context, [a], given, { inputs, output }) =>
    slide(context, a!, given, given.size, inputs[0]!.shape.slice(-2), output.shape, "sumWindows"),
};

/** [..., windows] -> [..., size]: each place of the image gets the sum of the windows that it is part of. */
export const spreadWindows: Operator<Attrs> = {
  attrs,
  arity: 1,
  infer([a], given, env) {
    const over = (axis: 0 | 1, windows: number) =>
      Math.min(Math.ceil(given.kernel[axis] / given.stride[axis]), windows);
    return infer("spreadWindows", a!, given, a!.shape.slice(-2), over, env);
  },
  gradient: (builder, [a], given, _output, gradient) => [
    builder.node("sumWindows", [gradient], { ...given, size: a!.type.shape.slice(-2) }),
  ],
  cost: noCost,
  evaluate: (context, [a], given, { inputs, output }) =>
    slide(context, a!, given, inputs[0]!.shape.slice(-2), given.size, output.shape, "spreadWindows"),
};

/** `terms`: how many elements along an axis of the input, of this length, at most go into one of the result. */
function infer(
  where: string,
  a: ValueType,
  given: Attrs,
  windows: Shape,
  terms: (axis: 0 | 1, length: number) => number,
  env: PlanEnv,
): ValueType {
  refuseBits(where, a);
  const rank = a.shape.length;
  if (rank < 2)
    throw new ShapeError(`${where}: expected [..., height, width], got ${formatShape(a.shape)}; try reshape`);
  const shape = [...a.shape.slice(0, -2), ...given.size];
  const { kernel, stride, padding } = given;
  const reach = windows.map((length, axis) => length * stride[axis]! + kernel[axis]! + padding[axis]!);
  const additions = count(shape.slice(0, -2)) * count(windows) * count(kernel);
  if (reach.some((places) => places > farthest) || additions > mostAdditions)
    throw new ShapeError(
      `${where}: expected windows over less than 2^24 places and 2^36 additions, got ${formatShape(kernel)} over ${formatShape(a.shape)}; try smaller ones`,
    );
  const alike = a.alike.map((value, axis) => value && axis < rank - 2);
  const [height, width] = a.shape.slice(-2) as [number, number];
  const bounds = capBound(a.bound + sumBits(terms(0, height) * terms(1, width)), a.proved, env);
  return { ...a, shape, ...bounds, ...moved(a, shape, alike, (axis) => (axis < rank - 2 ? axis : undefined)) };
}

function slide(
  context: EvalContext,
  value: Value,
  { kernel, stride, padding }: Attrs,
  windows: Shape,
  image: Shape,
  shape: Shape,
  how: "sumWindows" | "spreadWindows",
): Value {
  const { kernels } = context.ring;
  const fields = [...kernel, ...windows, ...image, ...stride, ...padding];
  return mapLinear(context, [value], count(shape), (dst: Block, [src]) =>
    withInts(context, [fields], ([at]) => kernels[how](dst.ptr, src!.ptr, at!, count(shape.slice(0, -2)))),
  );
}
