/**
 * Where values come from: the driver's inputs, datasets, variables, public constants and run-time scalars. Not how they
 * are stored or sent: the party answers through EvalHost.
 */
import * as v from "valibot";
import { PlanError } from "../errors.js";
import { freeOfCharge } from "../protocol/index.js";
import { size } from "../ring/index.js";
import { publicOf } from "./evaluate.js";
import type { Costs } from "../protocol/index.js";
import type { Operator, ValueType } from "./op.js";
import { capBound } from "./type.js";

export const dimension = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
export const shapeSchema = v.pipe(v.array(dimension), v.maxLength(6));
export const scaleSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(61));
const boundSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(62));
const nameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:/-]{1,200}$/));
const countSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 31 - 1));

export const noCost = (costs: Costs) => freeOfCharge(costs.reveal(0).bytes.length);

const inputAttrs = v.strictObject({ slot: nameSchema, shape: shapeSchema, scale: scaleSchema, bound: boundSchema });
/** Words that the driver shares with this very run. */
export const input: Operator<v.InferOutput<typeof inputAttrs>> = {
  attrs: inputAttrs,
  arity: 0,
  infer: (_, { slot, shape, scale, bound }) => ({
    kind: "share",
    shape,
    scale,
    bound,
    proved: false,
    flows: [{ source: `input:${slot}`, label: "row", axis: shape.length > 0 ? 0 : undefined, rows: shape[0] ?? 1 }],
  }),
  cost: noCost,
  evaluate({ protocol, site, host }, _, { slot, shape }) {
    const words = size(shape);
    const { stored } = host.input(slot, words);
    return { kind: "share", share: protocol.incoming(site, stored, words, Uint32Array.of(0)) };
  },
};

const datasetAttrs = v.strictObject({
  name: nameSchema,
  rows: countSchema,
  rowShape: shapeSchema,
  scale: scaleSchema,
  bound: boundSchema,
  batch: countSchema,
  stride: countSchema,
  shuffle: v.boolean(),
  epoch: nameSchema,
  position: nameSchema,
});
/** A batch of rows of a stored dataset: rows position … position + batch of the epoch's order. */
export const dataset: Operator<v.InferOutput<typeof datasetAttrs>> = {
  attrs: datasetAttrs,
  arity: 0,
  infer(_, { name, rows, rowShape, scale, bound, batch, stride }): ValueType {
    if (batch > rows || batch > stride)
      throw new PlanError(`dataset ${name}: expected a batch of at most ${Math.min(rows, stride)} rows, got ${batch}`);
    const flows = [{ source: `dataset:${name}`, label: "row" as const, axis: 0, rows: batch }];
    return { kind: "share", shape: [batch, ...rowShape], scale, bound, proved: true, flows };
  },
  cost: noCost,
  evaluate({ protocol, site, host }, _, attrs) {
    const data = host.dataset(attrs.name);
    const rows = host.rows({
      dataset: attrs.name,
      batch: attrs.batch,
      stride: attrs.stride,
      shuffle: attrs.shuffle,
      epoch: Number(host.scalar(attrs.epoch)),
      position: Number(host.scalar(attrs.position)),
    });
    return { kind: "share", share: protocol.incoming(site, data.stored, size(attrs.rowShape), rows) };
  },
};

const variableAttrs = v.strictObject({ name: nameSchema, shape: shapeSchema, scale: scaleSchema, bound: boundSchema });
/** The current version of a variable. */
export const variable: Operator<v.InferOutput<typeof variableAttrs>> = {
  attrs: variableAttrs,
  arity: 0,
  infer: (_, { name, shape, scale, bound }) => ({
    kind: "share",
    shape,
    scale,
    bound,
    proved: false,
    flows: [{ source: `variable:${name}`, label: "model", axis: undefined, rows: 0 }],
  }),
  cost: noCost,
  evaluate: ({ host }, _, { name }) => ({ kind: "share", share: host.variable(name) }),
};

const constantAttrs = v.strictObject({
  shape: shapeSchema,
  scale: scaleSchema,
  bound: boundSchema,
  /** Little-endian 64-bit words in base64; a single word fills the shape. */
  words: v.pipe(v.string(), v.maxLength(3_000_000), v.base64()),
});
/** Public integers that travel with the plan, so that no party computes them in floating point. */
export const constant: Operator<v.InferOutput<typeof constantAttrs>> = {
  attrs: constantAttrs,
  arity: 0,
  infer(_, { shape, scale, bound, words }) {
    const count = decodeWords(words).length;
    if (count !== size(shape) && count !== 1)
      throw new PlanError(`constant: expected ${size(shape)} words or 1, got ${count}`);
    const limit = 1n << BigInt(bound);
    for (const word of decodeWords(words))
      if (word >= limit || word <= -limit) throw new PlanError(`constant: expected words below 2^${bound}, got a larger one`);
    return { kind: "public", shape, scale, bound, proved: true, flows: [] };
  },
  cost: noCost,
  evaluate({ ring, site }, _, { shape, words }) {
    const block = site.scope.alloc(size(shape));
    const values = decodeWords(words);
    if (values.length === 1) ring.kernels.fill(block.ptr, values[0]!, block.words);
    else ring.i64(block).set(values);
    return { kind: "public", words: block };
  },
};

export function encodeWords(words: BigInt64Array): string {
  return btoaBytes(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
}
function decodeWords(base64: string): BigInt64Array {
  const binary = atob(base64);
  if (binary.length % 8 !== 0) throw new PlanError(`constant: expected whole 8-byte words, got ${binary.length} bytes`);
  return new BigInt64Array(Uint8Array.from(binary, (char) => char.charCodeAt(0)).buffer);
}
function btoaBytes(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

/** A run-time scalar's mantissa has at most this many bits; its exponent is part of the plan. */
export const mantissaBits = 10;
const scalarAttrs = v.strictObject({
  slot: nameSchema,
  /** The value is mantissa / 2^exponent. */
  exponent: scaleSchema,
});
/** A public number given with each run: a learning rate, a momentum. */
export const scalar: Operator<v.InferOutput<typeof scalarAttrs>> = {
  attrs: scalarAttrs,
  arity: 0,
  infer: (_, { exponent }) => ({
    kind: "public",
    shape: [],
    scale: exponent,
    ...capBound(mantissaBits, true),
    flows: [],
  }),
  cost: noCost,
  evaluate({ ring, site, host }, _, { slot }) {
    const block = site.scope.alloc(1);
    ring.i64(block)[0] = host.scalar(slot);
    return { kind: "public", words: block };
  },
};

/** A public value made secret in form (everyone still knows it), so that it can meet secrets. */
export const secret: Operator = {
  attrs: v.strictObject({}),
  arity: 1,
  infer([type]) {
    if (type!.kind !== "public") throw new PlanError(`secret: expected a public value, got a ${type!.kind}`);
    return { ...type!, kind: "share" };
  },
  cost: noCost,
  evaluate: ({ protocol, site }, [value]) => ({ kind: "share", share: protocol.fromPublic(site, publicOf(value)) }),
};
