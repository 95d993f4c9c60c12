/**
 * What is measured: single operators and whole networks, each as plans (set-up, timed, check) with a float64 reference.
 * Not how it is measured (`measure.ts`).
 */
import { crossEntropy, softmax } from "../src/functions/index.js";
import * as build from "../src/ops/build.js";
import type { Precision, Ref } from "../src/ops/index.js";
import { maxPool2d } from "../src/ops/max-pooling.js";
import { type Plan, Recorder } from "../src/plan/index.js";
import { type Shape, size } from "../src/ring/index.js";
import * as convnets from "./convnets.js";
import * as reference from "./reference.js";
import { anew, type Given, labels } from "./values.js";

export interface Case {
  readonly name: string;
  readonly group: "ops" | "nets";
  readonly fraction: number;
  /** Default 15. With few enough, plans are evaluated in words of 32 bits. */
  readonly integerBits?: number;
  readonly repetitions: number;
  /** Shared once, kept as variables. */
  readonly state: () => Record<string, Given>;
  /** Shared anew for each repetition, inside the timed plan. */
  readonly fresh: () => Record<string, Given>;
  /** Records the timed plan; values named in `assign` are kept, those in `reveal` leave. */
  readonly record: (b: Recorder, values: Record<string, Ref>) => { assign?: Record<string, Ref>; reveal?: Ref };
  /** Whether a run changes the state, so that `expect` speaks of the first one only. */
  readonly trains?: true;
  /** What a run should give, in float64: the revealed values, or the assigned ones by name. */
  readonly expect: (values: Record<string, Given>) => Record<string, Float64Array>;
}

/** Of what goes in at the precision of a case. */
const form = ({ env: { fraction, integerBits } }: Recorder) => ({ scale: fraction, bound: fraction + integerBits });

/** A plan that shares values and stores them as variables. */
export function setUpPlan(precision: Precision, state: Record<string, Given>): Plan {
  const b = new Recorder(precision);
  for (const [name, { shape }] of Object.entries(state))
    b.node("assign", [b.node("input", [], { slot: name, shape, ...form(b) })], { name });
  return b.close();
}
export function timedPlan(item: Case, state: Record<string, Given>, fresh: Record<string, Given>): Plan {
  const b = new Recorder(item);
  const values: Record<string, Ref> = {};
  for (const [name, { shape }] of Object.entries(state))
    values[name] = b.node("variable", [], { name, shape, ...form(b) });
  for (const [name, { shape }] of Object.entries(fresh))
    values[name] = b.node("input", [], { slot: name, shape, ...form(b) });
  const { assign = {}, reveal } = item.record(b, values);
  for (const [name, ref] of Object.entries(assign)) b.node("assign", [build.share(b, ref)], { name });
  if (reveal) b.node("reveal", [build.share(b, reveal)], { label: "out", release: "open", recipients: ["bench"] });
  return b.close();
}
/** A plan that reveals a variable, to check it after the clock has stopped. */
export function checkPlan(precision: Precision, name: string, shape: Shape): Plan {
  const b = new Recorder(precision);
  const value = b.node("variable", [], { name, shape, ...form(b) });
  b.node("reveal", [value], { label: "out", release: "open", recipients: ["bench"] });
  return b.close();
}

const elementwise = (n: number, repetitions: number): Case => ({
  name: `mul ${n}`,
  group: "ops",
  fraction: 16,
  repetitions,
  state: () => ({ x: anew([n], 4), y: anew([n], 4) }),
  fresh: () => ({}),
  record: (b, { x, y }) => ({ assign: { out: build.mul(b, x!, y!) } }),
  expect: ({ x, y }) => ({ out: x!.data.map((value, i) => value * y!.data[i]!) }),
});
const product = (m: number, k: number, n: number, repetitions: number): Case => ({
  name: `matmul ${m}x${k}x${n}`,
  group: "ops",
  fraction: 16,
  repetitions,
  state: () => ({ x: anew([m, k], 1), y: anew([k, n], 1) }),
  fresh: () => ({}),
  record: (b, { x, y }) => ({ assign: { out: build.matmul(b, x!, y!) } }),
  expect: ({ x, y }) => ({ out: reference.matmul(x!.data, y!.data, m, k, n) }),
});
const rectifier = (n: number, repetitions: number): Case => ({
  name: `relu ${n}`,
  group: "ops",
  fraction: 16,
  repetitions,
  state: () => ({ x: anew([n], 100) }),
  fresh: () => ({}),
  record: (b, { x }) => ({ assign: { out: build.relu(b, x!) } }),
  expect: ({ x }) => ({ out: x!.data.map((value) => Math.max(0, value)) }),
});

const softmaxOf = (rows: number, columns: number): Case => ({
  name: `softmax ${rows}x${columns}`,
  group: "ops",
  fraction: 20,
  repetitions: 25,
  state: () => ({ x: anew([rows, columns], 30) }),
  fresh: () => ({}),
  record: (b, { x }) => ({ assign: { out: softmax(b, x!, -1) } }),
  expect: ({ x }) => ({ out: reference.softmax(x!.data, columns) }),
});

function weights(widths: readonly number[]): Record<string, Given> {
  const state: Record<string, Given> = {};
  for (let i = 0; i + 1 < widths.length; i++) {
    const limit = 1 / Math.sqrt(widths[i]!);
    state[`w${i}`] = anew([widths[i + 1]!, widths[i]!], limit);
    state[`b${i}`] = anew([widths[i + 1]!], limit);
  }
  return state;
}
function forward(b: Recorder, x: Ref, values: Record<string, Ref>, layers: number): Ref {
  let value = x;
  for (let i = 0; i < layers; i++) {
    value = build.linear(b, value, values[`w${i}`]!, values[`b${i}`]!);
    if (i + 1 < layers) value = build.relu(b, value);
  }
  return value;
}
export const inference = (name: string, widths: readonly number[], batch: number, repetitions: number): Case => ({
  name: `${name} b${batch} infer`,
  group: "nets",
  fraction: 16,
  repetitions,
  state: () => weights(widths),
  fresh: () => ({ x: anew([batch, widths[0]!], 1) }),
  record: (b, values) => ({ reveal: forward(b, values.x!, values, widths.length - 1) }),
  expect: (values) => ({ out: reference.forward(values, widths, batch) }),
});
/** The same in words of 32 bits: 10 fraction bits, and what results stay below declared. */
export const narrow = (item: Case): Case => ({
  ...item,
  name: `${item.name} in 32 bits`,
  fraction: 10,
  integerBits: 8,
});
export type LossName = "mse" | "ce";
/** Of a batch: the sum of squares, or the cross-entropy of one-hot rows, divided by the number of rows. */
function lossOf(b: Recorder, loss: LossName, output: Ref, target: Ref): Ref {
  const rows = loss === "mse" ? build.square(b, build.sub(b, output, target)) : crossEntropy(b, output, target);
  return build.divPublic(b, build.sum(b, rows), output.type.shape[0]!);
}
const targets = (loss: LossName, batch: number, classes: number) =>
  loss === "mse" ? anew([batch, classes], 1) : labels(batch, classes);

/** Forward, loss, backward, SGD step with learning rate 0.02: mission row 24's step with `mse`. */
export const training = (
  name: string,
  widths: readonly number[],
  batch: number,
  loss: LossName,
  repetitions: number,
): Case => ({
  ...steps(widths, batch, loss, 1, 0.02),
  name: `${name} b${batch} train ${loss}`,
  repetitions,
});
/** Logistic regression of several classes: passes over all rows, one step each, in one run. Mission row 11. */
export const regression = (
  inputs: number,
  classes: number,
  rows: number,
  epochs: number,
  repetitions: number,
): Case => ({
  ...steps([inputs, classes], rows, "ce", epochs, 0.05),
  name: `logreg b${rows} ${epochs} epochs ce`,
  repetitions,
});
const steps = (
  widths: readonly number[],
  batch: number,
  loss: LossName,
  count: number,
  lr: number,
): Omit<Case, "name" | "repetitions"> => ({
  group: "nets",
  fraction: 20,
  trains: true,
  state: () => weights(widths),
  fresh: () => ({ x: anew([batch, widths[0]!], 1), t: targets(loss, batch, widths.at(-1)!) }),
  record(b, values) {
    const layers = widths.length - 1;
    let assign: Record<string, Ref> = {};
    for (let step = 0; step < count; step++) {
      const now = { ...values, ...assign };
      assign = reference.recordSgd(b, lossOf(b, loss, forward(b, now.x!, now, layers), now.t!), now, layers, lr);
    }
    return { assign };
  },
  expect(values) {
    let updated: Record<string, Float64Array> = {};
    for (let step = 0; step < count; step++) {
      const now = Object.entries(updated).map(([name, data]) => [name, { ...values[name]!, data }]);
      updated = reference.trainStep(
        { ...values, ...Object.fromEntries(now) },
        widths,
        batch,
        lr,
        reference.slopes[loss],
      );
    }
    return updated;
  },
});

const digits: convnets.Image = [1, 28, 28];
const convolutional = (layers: readonly convnets.Layer[]) => () => {
  const state: Record<string, Given> = {};
  convnets.weightShapes(layers, digits).forEach((shape, i) => {
    const limit = 1 / Math.sqrt(size(shape.slice(1)));
    state[`w${i}`] = anew(shape, limit);
    state[`b${i}`] = anew([shape[0]!], limit);
  });
  return state;
};
const convInference = (name: string, layers: readonly convnets.Layer[], batch: number, repetitions: number): Case => ({
  name: `${name} b${batch} infer`,
  group: "nets",
  fraction: 16,
  repetitions,
  state: convolutional(layers),
  fresh: () => ({ x: anew([batch, ...digits], 1) }),
  record: (b, values) => ({ reveal: convnets.record(b, layers, values.x!, values) }),
  expect: (values) => ({ out: convnets.forward(layers, digits, batch, values) }),
});
export const convTraining = (
  name: string,
  layers: readonly convnets.Layer[],
  batch: number,
  loss: LossName,
  repetitions: number,
): Case => ({
  name: `${name} b${batch} train ${loss}`,
  group: "nets",
  fraction: 20,
  trains: true,
  repetitions,
  state: convolutional(layers),
  fresh: () => ({ x: anew([batch, ...digits], 1), t: targets(loss, batch, 10) }),
  record(b, values) {
    const output = convnets.record(b, layers, values.x!, values);
    const parameters = convnets.weightShapes(layers, digits).length;
    return { assign: reference.recordSgd(b, lossOf(b, loss, output, values.t!), values, parameters, 0.02) };
  },
  expect: (values) => convnets.trainStep(layers, digits, batch, values, 0.02, reference.slopes[loss]),
});
const maxPool = (shape: Shape, repetitions: number): Case => ({
  name: `maxpool2 ${shape.join("x")}`,
  group: "ops",
  fraction: 16,
  repetitions,
  state: () => ({ x: anew(shape, 100) }),
  fresh: () => ({}),
  record: (b, { x }) => ({ assign: { out: maxPool2d(b, x!, 2) } }),
  expect: (values) => ({ out: convnets.forward([["max"]], shape.slice(-3) as never, shape[0]!, values) }),
});

const mlp64 = [784, 128, 64, 10];
const mlp128 = [784, 128, 128, 10];
export const cases: readonly Case[] = [
  elementwise(100_000, 60),
  elementwise(1_000_000, 15),
  product(64, 784, 128, 60),
  product(512, 512, 512, 15),
  rectifier(100_000, 60),
  rectifier(1_000_000, 15),
  softmaxOf(128, 128),
  maxPool([32, 20, 24, 24], 30),
  training("mlp64", mlp64, 64, "mse", 75),
  training("mlp128", mlp128, 128, "mse", 40),
  training("mlp128", mlp128, 128, "ce", 40),
  inference("mlp64", mlp64, 1, 100),
  inference("mlp128", mlp128, 128, 75),
  narrow(inference("mlp128", mlp128, 128, 75)),
  inference("mlp128", mlp128, 1, 100),
  narrow(inference("mlp128", mlp128, 1, 100)),
  convTraining("lenet", convnets.lenet, 128, "mse", 7),
  convTraining("lenet", convnets.lenet, 128, "ce", 7),
  convInference("lenet", convnets.lenet, 1, 50),
  narrow(convInference("lenet", convnets.lenet, 1, 50)),
  convInference("convnet", convnets.convnet, 1, 100),
  narrow(convInference("convnet", convnets.convnet, 1, 100)),
  convInference("convnet", convnets.convnet, 64, 30),
  narrow(convInference("convnet", convnets.convnet, 64, 30)),
  regression(784, 10, 100, 10, 20),
];
