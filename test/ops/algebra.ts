/**
 * One vocabulary for two engines: programs written once run through plans and the protocol, and through the float64
 * oracle. Beside the protocol every plan also runs in the clear, which must say the same. What the tests of values and gradients are written in.
 */
import assert from "node:assert/strict";
import * as build from "../../src/ops/build.js";
import { max } from "../../src/ops/extremes.js";
import type { Ref } from "../../src/ops/index.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { inTheClear } from "../clear/run.js";
import type { Cluster } from "../engine/run.js";
import type { Dims, Real } from "./oracle.js";
import * as oracle from "./oracle.js";

export interface Algebra<T> {
  dims(x: T): Dims;
  add(x: T, y: T): T;
  sub(x: T, y: T): T;
  mul(x: T, y: T): T;
  neg(x: T): T;
  scale(x: T, factor: number): T;
  constant(dims: Dims, value: number): T;
  matmul(x: T, y: T): T;
  sum(x: T, axes: Dims, keep?: boolean): T;
  cumsum(x: T, axis: number): T;
  mean(x: T, axes: Dims, keep?: boolean): T;
  reshape(x: T, dims: Dims): T;
  transpose(x: T, axes: Dims): T;
  broadcast(x: T, dims: Dims): T;
  slice(x: T, axis: number, start: number, end: number): T;
  concat(parts: readonly T[], axis: number): T;
  pad(x: T, axis: number, before: number, after: number): T;
  relu(x: T): T;
  maximum(x: T, y: T): T;
  /** x where p < q, else y. */
  whereLess(p: T, q: T, x: T, y: T): T;
  less(x: T, y: T): T;
  equal(x: T, y: T): T;
  max(x: T, axis: number): { max: T; argmax: T };
  /** An operation of one test: how a plan records it, and what it is. */
  own(record: (b: Recorder, ...values: Ref[]) => Ref, compute: (...values: Real[]) => Real, ...values: T[]): T;
}
export type Program = <T>(a: Algebra<T>, leaves: readonly T[]) => T;

export interface Leaf {
  readonly dims: Dims;
  readonly data: readonly number[];
}

export const reals: Algebra<Real> = {
  ...oracle,
  dims: (x) => x.dims,
  neg: (x) => oracle.scale(x, -1),
  whereLess: (p, q, x, y) => oracle.where(oracle.less(p, q), x, y),
  own: (_, compute, ...values) => compute(...values),
};

export function recorded(b: Recorder): Algebra<Ref> {
  return {
    dims: (x) => x.type.shape,
    add: (x, y) => build.add(b, x, y),
    sub: (x, y) => build.sub(b, x, y),
    mul: (x, y) => build.mul(b, x, y),
    neg: (x) => build.neg(b, x),
    scale: (x, factor) => build.scaleBy(b, x, factor),
    constant: (dims, value) => build.constant(b, value, dims, build.exactScale(value, b.env.fraction)),
    matmul: (x, y) => build.matmul(b, x, y),
    sum: (x, axes, keep) => build.sum(b, x, axes, keep),
    cumsum: (x, axis) => build.cumsum(b, x, axis),
    mean: (x, axes, keep) => build.mean(b, x, axes, keep),
    reshape: (x, dims) => build.reshape(b, x, dims),
    transpose: (x, axes) => build.transpose(b, x, axes),
    broadcast: (x, shape) => (`${x.type.shape}` === `${shape}` ? x : b.node("broadcast", [x], { shape })),
    slice: (x, axis, start, end) => build.slice(b, x, axis, start, end),
    concat: (parts, axis) => build.concat(b, parts, axis),
    pad: (x, axis, before, after) => b.node("pad", [x], { axis, before, after }),
    relu: (x) => build.relu(b, x),
    maximum: (x, y) => build.maximum(b, x, y),
    whereLess: (p, q, x, y) => build.where(b, build.less(b, p, q), x, y),
    less: (x, y) => build.less(b, x, y),
    equal: (x, y) => build.equal(b, x, y),
    max: (x, axis) => {
      const { value, position } = max(b, x, axis);
      return { max: value, argmax: position() };
    },
    own: (record, _, ...values) => record(b, ...values),
  };
}

export interface Results {
  readonly value: Float64Array;
  readonly dims: Dims;
  /** Of sum(value * weights), by leaf. */
  readonly gradients: readonly Float64Array[];
  /** The same by the plan's evaluation in the clear. */
  readonly clear?: Results;
}

/** Weights that give every element of a result another importance: 1, -1/2, 3/4, … */
function weightsFor(dims: Dims): Float64Array {
  return Float64Array.from({ length: oracle.count(dims) }, (_, i) => [1, -0.5, 0.75, -1.25, 0.25][i % 5]!);
}

/** undefined if a comparison on the way was too near to a tie to say. */
export function byOracle(program: Program, leaves: readonly Leaf[], margin = 1e-3): Results | undefined {
  const inputs = leaves.map(({ dims, data }) => new oracle.Real(dims, Float64Array.from(data)));
  const output = program(reals, inputs);
  if (output.margin < margin) return undefined;
  const weights = new oracle.Real(output.dims, weightsFor(output.dims));
  oracle.total(oracle.mul(output, weights)).backward();
  return { value: output.data, dims: output.dims, gradients: inputs.map((input) => input.grad) };
}

/** The same through a plan. Gradients only if wanted. */
export async function byPlan(
  cluster: Cluster,
  program: Program,
  leaves: readonly Leaf[],
  options: { gradients?: boolean; fraction?: number } = {},
): Promise<Results> {
  const { gradients = true, fraction = 20 } = options;
  const b = new Recorder({ fraction });
  const inputs = leaves.map(({ dims }, i) =>
    b.node("input", [], { slot: `x${i}`, shape: dims, scale: fraction, bound: fraction + 15 }),
  );
  const output = program(recorded(b), inputs);
  const show = (label: string, ref: Ref) =>
    b.node("reveal", [build.share(b, ref)], { label, release: "open", recipients: ["test"] });
  show("value", output);
  const dims = output.type.shape;
  let parts: (Ref | undefined)[] = [];
  if (gradients) {
    const weights = build.constant(b, weightsFor(dims), dims, 2);
    parts = differentiate(b, build.sum(b, build.mul(b, output, weights)), inputs);
    parts.forEach((part, i) => {
      if (part) show(`g${i}`, part);
    });
  }
  const plan = b.close();
  const used = Object.fromEntries(leaves.map(({ data }, i) => [`x${i}`, data]));
  const { revealed } = await cluster.run(plan, { inputs: used });
  const results = (get: (label: string) => Float64Array): Results => ({
    value: get("value"),
    dims,
    gradients: parts.map((part, i) => (part ? get(`g${i}`) : new Float64Array(leaves[i]!.data.length))),
  });
  const clear = inTheClear(plan, { inputs: used });
  assert.deepEqual(clear.overflows, []);
  return { ...results((label) => revealed[label]!), clear: results((label) => clear.revealed.get(label)!) };
}

/** |got - expected| <= tolerance (1 + |expected|), element by element. */
export function assertNear(got: Float64Array, expected: Float64Array, tolerance: number, what: string): void {
  assert.equal(got.length, expected.length, `${what}: length`);
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i]! - expected[i]!);
    assert.ok(
      error <= tolerance * (1 + Math.abs(expected[i]!)),
      `${what}[${i}]: expected ${expected[i]}, got ${got[i]} (off by ${error})`,
    );
  }
}

/** Runs both and compares. Returns false where a tie made them incomparable. */
export async function agree(
  cluster: Cluster,
  program: Program,
  leaves: readonly Leaf[],
  options: { gradients?: boolean; tolerance?: number; fraction?: number } = {},
): Promise<boolean> {
  const expected = byOracle(program, leaves);
  if (!expected) return false;
  const { tolerance = 1e-4 } = options;
  const got = await byPlan(cluster, program, leaves, options);
  assert.deepEqual([...got.dims], [...expected.dims], "shape");
  for (const [who, { value, gradients }] of Object.entries({ secret: got, clear: got.clear! })) {
    assertNear(value, expected.value, tolerance, `${who} value`);
    if (options.gradients !== false)
      gradients.forEach((gradient, i) => {
        assertNear(gradient, expected.gradients[i]!, 4 * tolerance, `${who} gradient of input ${i}`);
      });
  }
  return true;
}
