/**
 * Rows by public position: gather picks them, scatterAdd adds them where they belong. Positions are part of the plan; secret
 * ones are products with one-hot rows.
 */
import * as v from "valibot";
import { PlanError, ShapeError } from "../errors.js";
import { type Block, formatShape, size } from "../ring/index.js";
import { decodeBytes, encodeBytes } from "./constant.js";
import { mapLinear } from "./evaluate.js";
import { moved } from "./flow.js";
import type { EvalContext, Operator, ValueType } from "./op.js";
import { axisSchema, dimension, noCost } from "./source.js";
import { capBound, refuseBits, sumBits } from "./type.js";

/** Little-endian 32-bit positions in base64. */
const indexSchema = v.pipe(v.string(), v.maxLength(3_000_000));
const gatherAttrs = v.strictObject({ axis: axisSchema, index: indexSchema });
type GatherAttrs = v.InferOutput<typeof gatherAttrs>;

/** Position i along the axis of the result is position index[i] of the input. */
export const gather: Operator<GatherAttrs> = {
  attrs: gatherAttrs,
  arity: 1,
  infer([a], given) {
    const index = check("gather", a!, given, a!.shape[given.axis]);
    return laidOut(a!, given.axis, index.length);
  },
  gradient: (builder, [a], { axis, index }, _output, gradient) => [
    builder.node("scatterAdd", [gradient], { axis, index, length: a!.type.shape[axis]! }),
  ],
  layout: true,
  cost: noCost,
  workspace: (_, given) => positionsOf(given).length + 64,
  evaluate(context, [a], given, { inputs, output }) {
    const [outer, length, inner] = cut(inputs[0]!, given.axis);
    const positions = positionsOf(given);
    const { kernels, wordBytes } = context.ring;
    const gathered = (dst: Block, [src]: readonly Block[]) =>
      withIndex(context, positions, (at) => {
        for (let i = 0; i < outer; i++)
          kernels.gatherRows(
            dst.ptr + i * positions.length * inner * wordBytes,
            src!.ptr + i * length * inner * wordBytes,
            at,
            positions.length,
            inner,
          );
      });
    return mapLinear(context, [a!], size(output.shape), gathered, true);
  },
};

const scatterAttrs = v.strictObject({ axis: axisSchema, index: indexSchema, length: dimension });
/** Position index[i] along the axis of the result gets the sum of all such positions i of the input: the transpose of gather. */
export const scatterAdd: Operator<v.InferOutput<typeof scatterAttrs>> = {
  attrs: scatterAttrs,
  arity: 1,
  infer([a], given, env) {
    const { axis, length } = given;
    const index = check("scatterAdd", a!, given, length);
    if (index.length !== a!.shape[axis])
      throw new ShapeError(
        `scatterAdd: expected a position for each of ${a!.shape[axis]} along axis ${axis} of ${formatShape(a!.shape)}, got ${index.length}; try another axis`,
      );
    const terms = new Map<number, number>();
    for (const place of index) terms.set(place, (terms.get(place) ?? 0) + 1);
    const most = [...terms.values()].reduce((more, value) => Math.max(more, value), 1);
    return { ...laidOut(a!, axis, length), ...capBound(a!.bound + sumBits(most), a!.proved, env) };
  },
  gradient: (builder, _inputs, { axis, index }, _output, gradient) => [
    builder.node("gather", [gradient], { axis, index }),
  ],
  cost: noCost,
  workspace: (_, given) => positionsOf(given).length + 64,
  evaluate(context, [a], given, { inputs, output }) {
    const { axis, length } = given;
    const [outer, rows, inner] = cut(inputs[0]!, axis);
    const positions = positionsOf(given);
    const { kernels, wordBytes } = context.ring;
    return mapLinear(context, [a!], size(output.shape), (dst, [src]) =>
      withIndex(context, positions, (at) => {
        kernels.fill(dst.ptr, 0n, dst.words);
        for (let i = 0; i < outer; i++)
          kernels.scatterAddRows(
            dst.ptr + i * length * inner * wordBytes,
            src!.ptr + i * rows * inner * wordBytes,
            at,
            positions.length,
            inner,
          );
      }),
    );
  },
};

/** Decoded once for each node of a plan, not for each run. */
const decoded = new WeakMap<Positions, Uint32Array<ArrayBuffer>>();
interface Positions {
  readonly axis: number;
  readonly index: string;
}

/** The positions of an `index` attribute. */
export function positionsOf(given: Positions): Uint32Array<ArrayBuffer> {
  let positions = decoded.get(given);
  if (!positions) {
    const bytes = decodeBytes("gather", given.index);
    if (bytes.length % 4 !== 0)
      throw new PlanError(`gather: expected whole 4-byte positions, got ${bytes.length} bytes; try encodeIndex`);
    positions = new Uint32Array(bytes.buffer);
    decoded.set(given, positions);
  }
  return positions;
}
/** The `index` attribute for these positions. */
export function encodeIndex(positions: ArrayLike<number>): string {
  return encodeBytes(new Uint8Array(Uint32Array.from(positions).buffer));
}

/** The positions, all below `length`. */
function check(where: string, a: ValueType, given: Positions, length: number | undefined): Uint32Array {
  refuseBits(where, a);
  if (given.axis >= a.shape.length || length === undefined)
    throw new ShapeError(`${where}: expected an axis of ${formatShape(a.shape)}, got ${given.axis}; try another`);
  const positions = positionsOf(given);
  const outside = positions.find((place) => place >= length);
  if (outside !== undefined)
    throw new ShapeError(`${where}: expected positions below ${length}, got ${outside}; try another index`);
  return positions;
}

/** Whichever rows these are: they may stand anywhere, several times or not at all. */
function laidOut(a: ValueType, axis: number, length: number): ValueType {
  const shape = a.shape.map((d, i) => (i === axis ? length : d));
  const alike = a.alike.map((value, i) => value && i !== axis);
  return { ...a, shape, ...moved(a, shape, alike, (at) => (at === axis ? undefined : at)) };
}

/** Elements before the axis, along it, and behind it. */
const cut = ({ shape }: ValueType, axis: number): readonly [number, number, number] => [
  size(shape.slice(0, axis)),
  shape[axis]!,
  size(shape.slice(axis + 1)),
];

function withIndex({ ring, site }: EvalContext, positions: Uint32Array, use: (at: number) => void): void {
  const block = site.scope.alloc(Math.ceil((positions.length * 4) / ring.wordBytes));
  ring.u32(block).set(positions);
  use(block.ptr);
  site.scope.free(block);
}
