/** What PyTorch computed in double precision (record.py), and the same through a session. Not the tests. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { nn, type Session } from "../../src/index.js";
import { type Nested, readValues, Tensor } from "../../src/tensor/index.js";

export interface LossCase {
  readonly loss: "mseLoss" | "l1Loss" | "crossEntropy";
  readonly options: { readonly reduction: "mean" | "sum" | "none" | "batchMean"; readonly [name: string]: unknown };
  readonly prediction: Nested;
  readonly target: Nested;
  readonly value: Nested;
  readonly gradient: Nested;
}
export interface LayerCase {
  readonly layer: string;
  readonly options: { readonly args: readonly unknown[]; readonly [name: string]: unknown };
  readonly train: boolean;
  /** How often the inputs passed through. */
  readonly steps: number;
  readonly state: Readonly<Record<string, Nested>>;
  readonly inputs: readonly Nested[];
  readonly outputs: readonly Nested[];
  readonly inputGradients: readonly (Nested | null)[];
  readonly gradients: Readonly<Record<string, Nested>>;
  readonly after: Readonly<Record<string, Nested>>;
}
export interface OperatorCase {
  readonly name: string;
  readonly inputs: readonly Nested[];
  readonly outputs: readonly Nested[];
  readonly gradients: readonly Nested[];
}
export interface OptimizerCase {
  readonly optimizer: string;
  readonly options: Readonly<Record<string, number>>;
  /** What the loss is multiplied by. */
  readonly scale: number;
  readonly steps: number;
  readonly losses: readonly number[];
  readonly weights: Readonly<Record<string, Nested>>;
}
export interface TrainingCase {
  readonly name: string;
  readonly start: Readonly<Record<string, Nested>>;
  readonly inputs: Nested;
  readonly labels: readonly number[];
  readonly options: Readonly<Record<string, number>>;
  readonly losses: readonly number[];
}
export interface Recorded {
  readonly losses: readonly LossCase[];
  readonly layers: readonly LayerCase[];
  readonly operators: readonly OperatorCase[];
  readonly optimizers: {
    readonly inputs: Nested;
    readonly targets: Nested;
    readonly start: Readonly<Record<string, Nested>>;
    readonly cases: readonly OptimizerCase[];
  };
  readonly trainings: readonly TrainingCase[];
}
export const recorded: Recorded = JSON.parse(readFileSync(new URL("recorded.json", import.meta.url), "utf8"));

export const flat = (values: Nested): Float64Array => readValues(values).data;

/** The same weights as in record.py. */
function weights({ size, shape }: Tensor): Nested {
  const list = Float64Array.from({ length: size }, (_, i) => [1, -0.5, 0.75, -1.25, 0.25][i % 5]!);
  let level: Nested[] = [...list];
  for (const length of shape.slice(1).reverse())
    level = Array.from({ length: level.length / length }, (_, i) => level.slice(i * length, (i + 1) * length));
  return shape.length === 0 ? level[0]! : level;
}

let leaves = 0;
/** A variable with these values, so that gradients can be had of them. */
export function leaf(values: Nested): nn.Parameter {
  const { data, shape } = readValues(values);
  const parameter = new nn.Parameter(shape, () => data);
  parameter.name = `leaf${leaves++}`;
  return parameter;
}

/** Outputs, and gradients of their weighted sum. Zeros where none flows. */
export async function evaluate(
  session: Session,
  outputs: readonly Tensor[],
  variables: readonly nn.Parameter[],
): Promise<{ outputs: Float64Array[]; gradients: Float64Array[] }> {
  const { graph } = session;
  const total = outputs.map((output) => output.mul(weights(output)).sum()).reduce((sum, term) => sum.add(term));
  const refs = graph.gradients(total.ref, variables);
  const shown = await Promise.all([
    ...outputs.map((output) => output.reveal()),
    ...refs.map((ref) => (ref ? new Tensor(graph, ref).reveal() : undefined)),
  ]);
  const values = shown.map(
    (value, i) => value?.data ?? new Float64Array(variables[i - outputs.length]!.start().length),
  );
  return { outputs: values.slice(0, outputs.length), gradients: values.slice(outputs.length) };
}

/** |got - wanted| <= tolerance (1 + |wanted|) everywhere; returns the largest difference in these units. */
export function near(got: Float64Array, wanted: Nested, tolerance: number, what: string): number {
  const list = flat(wanted);
  assert.equal(got.length, list.length, `${what}: length`);
  let worst = 0;
  for (let i = 0; i < list.length; i++) {
    const error = Math.abs(got[i]! - list[i]!) / (1 + Math.abs(list[i]!));
    worst = Math.max(worst, error);
    assert.ok(
      error <= tolerance,
      `${what}[${i}]: PyTorch has ${list[i]}, got ${got[i]} (${[...got]} for ${[...list]})`,
    );
  }
  return worst;
}
