/**
 * Gradients against differences of the plan's own values: every function of tensors, every layer and every loss, along one direction of
 * all of its inputs and parameters at once. What other tests compare with PyTorch is here compared with itself.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { nn } from "../../src/index.js";
import type { Nested, Tensor } from "../../src/tensor/index.js";
import { quiet } from "../client/helpers.js";
import { call, make } from "./layers.js";
import { asList, operator } from "./operators.js";
import { evaluate, flat, leaf, recorded } from "./recorded.js";

const session = await quiet({ protocol: "plain" });
after(() => session.close());

/**
 * Powers of two, so that moved numbers are exact. The shorter one is for what the longer one carries across the bend of a relu or past
 * an equal value; rounding weighs more there.
 */
const steps = [2 ** -6, 2 ** -9] as const;
/** Of another sign and size for each number. */
const direction = (i: number) => [1, -0.5, 0.25, -1, 0.75, 0.5, -0.25][i % 7]!;
const moved = (data: Float64Array, by: number) => data.map((value, i) => value + by * direction(i));
/** How far the slope may be off, of 1 + itself. */
const tolerance = 5e-3;

interface Moved {
  readonly outputs: readonly Tensor[];
  /** What was moved, in an order that is the same for all steps. */
  readonly variables: readonly nn.Parameter[];
}
/** How far the gradients are from the slope of the outputs' weighted sum, with the first step that agrees. */
async function off(what: string, at: (by: number) => Moved): Promise<number> {
  const told: string[] = [];
  for (const step of steps) {
    const [here, left, right] = [at(0), at(-step), at(step)];
    const [own, down, up] = await Promise.all([
      evaluate(session, here.outputs, here.variables),
      evaluate(session, left.outputs, []),
      evaluate(session, right.outputs, []),
    ]);
    const slope = (total(up.outputs) - total(down.outputs)) / (2 * step);
    const claimed = own.gradients.reduce(
      (sum, gradient) => sum + gradient.reduce((part, value, i) => part + value * direction(i), 0),
      0,
    );
    const difference = Math.abs(slope - claimed) / (1 + Math.abs(slope));
    if (difference <= tolerance) return difference;
    told.push(`a step of ${step} gives ${slope}, the gradient ${claimed}`);
  }
  assert.fail(`${what}: ${told.join("; ")}`);
}
/** As evaluate() weighs them. */
const total = (values: readonly Float64Array[]) =>
  values
    .flatMap((list) => [...list].map((value, i) => value * [1, -0.5, 0.75, -1.25, 0.25][i % 5]!))
    .reduce((p, q) => p + q, 0);
const shapeOf = (nested: Nested): number[] => (Array.isArray(nested) ? [nested.length, ...shapeOf(nested[0]!)] : []);
const leavesOf = (inputs: readonly Nested[], by: number) => {
  const variables = inputs.map((values) => leaf([...moved(flat(values), by)]));
  return { variables, tensors: variables.map((each, i) => each.in(session.graph).reshape(...shapeOf(inputs[i]!))) };
};

test("every function of tensors", async (context) => {
  let worst = 0;
  for (const { name, inputs } of recorded.operators)
    worst = Math.max(
      worst,
      await off(name, (by) => {
        const { variables, tensors } = leavesOf(inputs, by);
        return { outputs: asList(operator(name)(tensors[0]!, tensors[1]!)), variables };
      }),
    );
  context.diagnostic(`largest difference ${worst.toExponential(1)}`);
});

test("every layer, with its parameters", async (context) => {
  let [worst, models] = [0, 0];
  for (const item of recorded.layers.filter(({ layer }) => layer !== "embedding")) {
    const keys = Object.keys(item.gradients);
    const difference = await off(`${item.layer} ${JSON.stringify(item.options)}`, (by) => {
      const state = Object.entries(item.state).map(([key, values]) => {
        const list = keys.includes(key) ? moved(flat(values), by) : flat(values);
        return [key, nested(list, shapeOf(values))];
      });
      const layer = nn.named(`differences${models++}`, make(item)).loadStateDict(Object.fromEntries(state));
      layer.train(item.train);
      const { variables, tensors } = leavesOf(item.inputs, by);
      const outputs = call(layer, item, tensors);
      return { outputs, variables: [...variables, ...keys.map((key) => layer.named.get(key)!)] };
    });
    worst = Math.max(worst, difference);
  }
  context.diagnostic(`largest difference ${worst.toExponential(1)}`);
});
test("every loss", async (context) => {
  let worst = 0;
  for (const { loss, options, prediction, target } of recorded.losses.filter(
    ({ options }) => options.reduction === "none",
  )) {
    const record = nn[loss as "mseLoss"] as (prediction: Tensor, target: unknown, options: unknown) => Tensor;
    const difference = await off(`${loss} ${JSON.stringify(options)}`, (by) => {
      const { variables, tensors } = leavesOf([prediction], by);
      return { outputs: [record(tensors[0]!, session.secret(target as []), options)], variables };
    });
    worst = Math.max(worst, difference);
  }
  context.diagnostic(`largest difference ${worst.toExponential(1)}`);
});
function nested(list: Float64Array, shape: readonly number[]): Nested {
  let level: Nested[] = [...list];
  for (const length of shape.slice(1).reverse())
    level = Array.from({ length: level.length / length }, (_, i) => level.slice(i * length, (i + 1) * length));
  return level;
}
