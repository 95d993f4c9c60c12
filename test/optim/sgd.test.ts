/** SGD's weights against the same formula in float64, for every kind of loss and rate; what a training step costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nn, optim, type Tensor } from "../../src/index.js";
import { planCost } from "../../src/plan/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { type Closing, Graph, Tensor as Handle } from "../../src/tensor/index.js";
import { quiet } from "../client/helpers.js";
import { assertNear } from "../ops/algebra.js";
import * as oracle from "../ops/oracle.js";
import { Real } from "../ops/oracle.js";

const rows = 6;
const numbers = (n: number, k: number, limit = 1) =>
  Float64Array.from({ length: n }, (_, i) => (limit * Math.round(512 * Math.sin(7 * k + 1.7 * i + 0.3))) / 512);
const shapes = { "0.weight": [5, 4], "0.bias": [5], "2.weight": [2, 5], "2.bias": [2] } as const;
const start = Object.fromEntries(
  Object.entries(shapes).map(([name, dims], k) => [name, numbers(oracle.count(dims), k, 0.5)]),
);
const [images, targets] = [numbers(rows * 4, 11), numbers(rows * 2, 12, 2)];

interface Case {
  /** By step. */
  readonly rates: readonly number[];
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly secret: (prediction: Tensor, target: Tensor) => Tensor;
  readonly clear: (squares: Real) => Real;
}
const mse = (reduction: "mean" | "sum" | "batchMean") => (p: Tensor, t: Tensor) => nn.mseLoss(p, t, { reduction });
const cases: Record<string, Case> = {
  "mean, a divisor that is no power of two": {
    rates: [0.05, 0.05, 0.02],
    secret: mse("mean"),
    clear: (squares) => oracle.scale(squares, 1 / (2 * rows)),
  },
  "mean over rows, momentum, a rate that changes": {
    rates: [0.1, 0.05, 0.3, 0.3],
    momentum: 0.9,
    secret: mse("batchMean"),
    clear: (squares) => oracle.scale(squares, 1 / rows),
  },
  "a sum, momentum and weight decay": {
    rates: [0.01, 0.01, 0.005],
    momentum: 0.5,
    weightDecay: 0.125,
    secret: mse("sum"),
    clear: (squares) => squares,
  },
  "a weighted sum of two losses": {
    rates: [0.05, 0.05],
    weightDecay: 0.01,
    secret: (p, t) => mse("mean")(p, t).mul(0.3).add(mse("sum")(p, t).mul(0.05)),
    clear: (squares) => oracle.scale(squares, 0.3 / (2 * rows) + 0.05),
  },
  "a negative loss and a rate of 0": {
    rates: [0.05, 0, 0.05],
    secret: (p, t) => mse("mean")(p, t).mul(-0.5),
    clear: (squares) => oracle.scale(squares, -0.25 / rows),
  },
  "rates above 1 and below 2^-17": {
    rates: [3, 5e-6],
    secret: (p, t) => mse("mean")(p, t).mul(0.0625),
    clear: (squares) => oracle.scale(squares, 0.0625 / (2 * rows)),
  },
};

/** The weights after every step, in float64. */
function expected({ rates, momentum = 0, weightDecay = 0, clear }: Case): Record<string, Float64Array> {
  const weights = Object.fromEntries(Object.entries(start).map(([name, data]) => [name, data.slice()]));
  const velocity = Object.fromEntries(Object.entries(start).map(([name, data]) => [name, data.map(() => 0)]));
  for (const lr of rates) {
    const leaves = Object.fromEntries(
      Object.entries(shapes).map(([name, dims]) => [name, new Real(dims, weights[name]!)]),
    );
    const layer = (x: Real, i: 0 | 2) =>
      oracle.add(oracle.matmul(x, oracle.transpose(leaves[`${i}.weight`]!, [1, 0])), leaves[`${i}.bias`]!);
    const output = layer(oracle.relu(layer(new Real([rows, 4], images), 0)), 2);
    const difference = oracle.sub(output, new Real([rows, 2], targets));
    clear(oracle.total(oracle.mul(difference, difference))).backward();
    for (const name of Object.keys(shapes)) {
      const [w, v] = [weights[name]!, velocity[name]!];
      for (let i = 0; i < w.length; i++) {
        v[i] = momentum * v[i]! + leaves[name]!.grad[i]! + weightDecay * w[i]!;
        w[i]! -= lr * v[i]!;
      }
    }
  }
  return weights;
}

async function trained(item: Case, protocol: "plain" | "rep3"): Promise<Record<string, Float64Array>> {
  const session = await quiet({ protocol });
  const model = nn.sequential(nn.linear(4, 5), nn.relu(), nn.linear(5, 2));
  const nested = (data: Float64Array, width: number) =>
    Array.from({ length: data.length / width }, (_, i) => [...data.subarray(i * width, (i + 1) * width)]);
  model.loadStateDict(
    Object.fromEntries(
      Object.entries(shapes).map(([name, [n, width]]) => [
        name,
        width ? nested(start[name]!, width) : [...start[name]!].slice(0, n),
      ]),
    ),
  );
  const { rates, momentum, weightDecay } = item;
  const sgd = optim.sgd(model.parameters(), {
    lr: rates[0]!,
    ...(momentum === undefined ? {} : { momentum }),
    ...(weightDecay === undefined ? {} : { weightDecay }),
  });
  for (const lr of rates) {
    sgd.lr = lr;
    sgd.minimize(item.secret(model(session.secret(nested(images, 4))), session.secret(nested(targets, 2))));
    await session.flush();
  }
  const state = await model.stateDict(session);
  await session.close();
  return Object.fromEntries(Object.entries(state).map(([name, { data }]) => [name, data]));
}

for (const [name, item] of Object.entries(cases))
  test(`weights: ${name}`, async () => {
    const wanted = expected(item);
    for (const protocol of ["plain", "rep3"] as const) {
      const got = await trained(item, protocol);
      // A rate has 10 bits.
      for (const key of Object.keys(shapes)) assertNear(got[key]!, wanted[key]!, 1e-3, `${protocol} ${key}`);
    }
  });

/** The plan of one step of the network of the README. */
async function stepOf(batch: number, reduction: "mean" | "batchMean", options: optim.SgdOptions): Promise<Closing> {
  const plans: Closing[] = [];
  const graph = new Graph({
    env: { fraction: 20 },
    recipient: "driver",
    submit: async (plan) => void plans.push(plan),
  });
  const given = (width: number) => new Handle(graph, graph.feed(new Float64Array(batch * width), [batch, width]));
  const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 64), nn.relu(), nn.linear(64, 10));
  const loss = nn.mseLoss(model(given(784)), given(10), { reduction });
  optim.sgd(model.parameters(), options).minimize(loss);
  await graph.close();
  return plans.at(-1)!;
}

test("rounds of a step do not depend on the divisor and the rate; each value is truncated once", async () => {
  for (const [batch, reduction, options, rounds] of [
    [64, "batchMean", { lr: 0.02 }, 28],
    [64, "mean", { lr: 0.02 }, 28],
    [60, "mean", { lr: 1e-4 }, 28],
    [64, "batchMean", { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }, 28],
    // The wider layer has too many elements for the bits as numbers: one round more.
    [100, "mean", { lr: 0.02, momentum: 0.9 }, 29],
  ] as const) {
    const { plan } = await stepOf(batch, reduction, options);
    assert.equal(planCost(plan, rep3).rounds, rounds, `${batch} ${reduction} ${JSON.stringify(options)}`);
    // Two layers forward, the output's gradient from its product, two more gradients, six parameters.
    assert.equal(plan.nodes.filter((node) => node.op === "truncate").length, 11);
  }
});

test("another rate of the same order of magnitude is the same plan", async () => {
  const digests = await Promise.all(
    [0.0201, 0.03, 0.0312, 0.0313].map(async (lr) => (await stepOf(64, "batchMean", { lr })).plan.digest),
  );
  assert.equal(new Set(digests.slice(0, 3)).size, 1);
  assert.notEqual(digests[3], digests[0]);
});
