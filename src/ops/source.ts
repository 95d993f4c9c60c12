/**
 * Where secrets come from: the driver's inputs, datasets, variables. Not how they are stored or sent: the party answers
 * through EvalHost. Public numbers are in `constant.ts`.
 */
import * as v from "valibot";
import { PlanError } from "../errors.js";
import { type Cost, type Costs, freeOfCharge } from "../protocol/index.js";
import { formatShape, size } from "../ring/index.js";
import type { Operator, ValueType } from "./op.js";

/** Axes of a value: what the schemas of shapes and axes allow. */
export const mostAxes = 6;
export const dimension = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
export const axisSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(mostAxes - 1));
export const shapeSchema = v.pipe(v.array(dimension), v.maxLength(mostAxes));
export const scaleSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(61));
export const boundSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(62));
export const nameSchema = v.pipe(v.string(), v.maxLength(200), v.regex(/^[A-Za-z0-9_.:/-]+$/));
const countSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 31 - 1));

/** Local operators. */
export const noCost = (costs: Costs, ..._rest: readonly unknown[]): Cost => {
  let free = free0.get(costs);
  if (!free) {
    free = freeOfCharge(costs.reveal(0).bytes.length);
    free0.set(costs, free);
  }
  return free;
};
const free0 = new WeakMap<Costs, Cost>();

const inputAttrs = v.strictObject({ slot: nameSchema, shape: shapeSchema, scale: scaleSchema, bound: boundSchema });
/** Words that the driver shares with this very run. Its rows, along axis 0, are the driver's own choice. */
export const input: Operator<v.InferOutput<typeof inputAttrs>> = {
  attrs: inputAttrs,
  arity: 0,
  infer: (_, { slot, shape, scale, bound }) => ({
    kind: "share",
    shape,
    scale,
    bound,
    proved: false,
    flows: [
      // Where in the input its rows lie does not matter to anybody but the driver: no `first`.
      { source: `input:${slot}`, label: "row", axis: shape.length > 0 ? 0 : undefined, rows: shape[0] ?? 1 },
    ],
    alike: shape.map((length) => length <= 1),
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
  rowShape: v.pipe(v.array(dimension), v.maxLength(mostAxes - 1)),
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
    const most = Math.min(rows, stride);
    if (batch > most)
      throw new PlanError(`dataset ${name}: expected a batch of at most ${most} rows, got ${batch}; try a smaller one`);
    const flow = { source: `dataset:${name}`, label: "row" as const, axis: 0, rows: batch, first: 0 };
    const alike = [true, ...rowShape.map((length) => length <= 1)];
    return { kind: "share", shape: [batch, ...rowShape], scale, bound, proved: true, flows: [flow], alike };
  },
  cost: noCost,
  evaluate({ protocol, site, host }, _, attrs) {
    const { name, batch, stride, shuffle, rowShape } = attrs;
    const data = host.dataset(name);
    if (data.rowWords !== size(rowShape) || data.rows !== attrs.rows)
      throw new PlanError(
        `dataset ${name}: expected ${attrs.rows} rows of shape ${formatShape(rowShape)}, got ${data.rows} rows of ${data.rowWords} words; try recording the plan anew`,
      );
    const rows = host.rows({
      dataset: name,
      batch,
      stride,
      shuffle,
      epoch: Number(host.scalar(attrs.epoch)),
      position: Number(host.scalar(attrs.position)),
    });
    if (rows.length !== batch)
      throw new PlanError(`dataset ${name}: expected ${batch} row numbers, got ${rows.length}; try another position`);
    return { kind: "share", share: protocol.incoming(site, data.stored, data.rowWords, rows) };
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
    alike: shape.map((length) => length <= 1),
  }),
  cost: noCost,
  evaluate({ host }, _, { name, shape }) {
    const share = host.variable(name);
    if (share.n !== size(shape))
      throw new PlanError(
        `variable ${name}: expected ${size(shape)} words, got ${share.n}; try recording the plan anew`,
      );
    return { kind: "share", share };
  },
};
