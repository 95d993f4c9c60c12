/** Cases of training compute what their float64 references do; their slopes are derivatives; labels are those of the peers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Case, cases, convTraining, regression, training } from "../../bench/cases.js";
import { memoryCluster } from "../../bench/cluster.js";
import { measure } from "../../bench/measure.js";
import { forward, slopes } from "../../bench/reference.js";
import { type Given, labels, restartValues } from "../../bench/values.js";

const tiny: readonly Case[] = [
  training("mlp", [12, 9, 7, 5], 8, "mse", 1),
  training("mlp", [12, 9, 7, 5], 8, "ce", 1),
  regression(20, 5, 12, 10, 1),
  convTraining("conv", [["conv", 2, 5], ["max"], ["relu"], ["dense", 10]], 3, "ce", 1),
];
/**
 * For each step. The learning rate has 10 bits in a plan, the reference has all of it: with it ten steps of the regression are off by
 * 3e-5, with the plan's rate by 4e-6. One step of the network with squared error, which moves most, is off by 1.5e-5.
 */
const limit = 3e-5;
const stepsOf = ({ name }: Case) => Number(/(\d+) epochs/.exec(name)?.[1] ?? 1);

for (const protocol of ["plain", "rep3", "additive-2"])
  test(`steps of training: ${protocol}`, async () => {
    const cluster = await memoryCluster(protocol);
    for (const item of tiny) {
      const { maxError } = await measure(cluster, protocol, item, { warmUpMs: 0 });
      assert.ok(maxError > 0 && maxError < limit * stepsOf(item), `${item.name}: ${maxError}`);
    }
  });

test("a step follows the loss: cross-entropy by finite differences of the outputs", () => {
  restartValues();
  const [item] = tiny.filter(({ name }) => name === "mlp b8 train ce");
  const given: Record<string, Given> = { ...item!.state(), ...item!.fresh() };
  const [outputs, target] = [forward(given, [12, 9, 7, 5], 8), given.t!.data];
  const loss = (list: Float64Array) => {
    let sum = 0;
    for (let row = 0; row < 8; row++) {
      const powers = list.subarray(row * 5, row * 5 + 5).map(Math.exp);
      const all = powers.reduce((total, power) => total + power, 0);
      for (let j = 0; j < 5; j++) sum -= target[row * 5 + j]! * Math.log(powers[j]! / all);
    }
    return sum / 8;
  };
  const slope = slopes.ce(outputs, target, 8);
  for (const i of outputs.keys()) {
    const moved = (by: number) => loss(outputs.map((value, j) => (i === j ? value + by : value)));
    assert.ok(Math.abs((moved(1e-5) - moved(-1e-5)) / 2e-5 - slope[i]!) < 1e-7);
  }
});

test("labels have one 1 a row, and the cases of the issue are there", () => {
  const { data } = labels(50, 10);
  for (let row = 0; row < 50; row++)
    assert.equal(
      data.subarray(row * 10, row * 10 + 10).reduce((sum, value) => sum + value, 0),
      1,
    );
  const names = new Set(cases.map(({ name }) => name));
  for (const name of [
    ...["mlp64 b64 train mse", "mlp128 b128 train ce", "mlp128 b128 infer", "mlp128 b1 infer", "lenet b128 train ce"],
    ...["lenet b1 infer", "convnet b1 infer", "convnet b64 infer", "logreg b100 10 epochs ce", "relu 100000"],
    ...["relu 1000000", "matmul 512x512x512", "mul 1000000", "softmax 128x128", "maxpool2 32x20x24x24"],
  ])
    assert.ok(names.has(name), name);
});
