/** SGD's weights against the same formula in float64, for every kind of loss and rate; what a training step costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nn, optim, type ProtocolChoice, type Tensor } from "../../src/index.js";
import { planCost } from "../../src/plan/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { type Closing, Graph, Tensor as Handle } from "../../src/tensor/index.js";
import { digestsOf, quiet } from "../client/helpers.js";
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
  readonly options?: Omit<optim.SgdOptions, "lr">;
  /** Of the second layer, if it is a group of its own: its rate as a multiple of the other, and what else differs. */
  readonly second?: { readonly rate?: number } & Omit<optim.SgdOptions, "lr">;
  /** Says that `rates` are one: all steps are the same plan. */
  readonly schedule?: boolean;
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
    options: { momentum: 0.9 },
    secret: mse("batchMean"),
    clear: (squares) => oracle.scale(squares, 1 / rows),
  },
  "a sum, momentum and weight decay": {
    rates: [0.01, 0.01, 0.005],
    options: { momentum: 0.5, weightDecay: 0.125 },
    secret: mse("sum"),
    clear: (squares) => squares,
  },
  "a weighted sum of two losses": {
    rates: [0.05, 0.05],
    options: { weightDecay: 0.01 },
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
  "Nesterov's momentum": {
    rates: [0.1, 0.1, 0.05],
    options: { momentum: 0.9, nesterov: true, weightDecay: 0.01 },
    secret: mse("batchMean"),
    clear: (squares) => oracle.scale(squares, 1 / rows),
  },
  "dampening, not in the first step": {
    rates: [0.1, 0.1, 0.1],
    options: { momentum: 0.5, dampening: 0.75 },
    secret: mse("batchMean"),
    clear: (squares) => oracle.scale(squares, 1 / rows),
  },
  "a group that differs in weight decay only": {
    rates: [0.05, 0.05],
    options: { weightDecay: 0.25 },
    second: { weightDecay: 0 },
    secret: mse("batchMean"),
    clear: (squares) => oracle.scale(squares, 1 / rows),
  },
  "groups with rates, momentum and decay of their own": {
    rates: [0.1, 0.05, 0.05],
    options: { momentum: 0.5, weightDecay: 0.1 },
    second: { rate: 0.03, momentum: 0.9, weightDecay: 0 },
    secret: mse("mean"),
    clear: (squares) => oracle.scale(squares, 1 / (2 * rows)),
  },
  "gradients clipped by value": {
    rates: [0.5, 0.25],
    options: { clipGradValue: 0.05, momentum: 0.5 },
    secret: mse("mean"),
    clear: (squares) => oracle.scale(squares, 1 / (2 * rows)),
  },
  "a schedule of rates": {
    rates: [0.05, 0.2, 0.15, 0.01, 1e-3, 0],
    schedule: true,
    options: { momentum: 0.9, weightDecay: 0.01 },
    secret: mse("mean"),
    clear: (squares) => oracle.scale(squares, 1 / (2 * rows)),
  },
  "a schedule with Nesterov's momentum, groups and clipping": {
    rates: [0.1, 0.2, 0.01, 0.004],
    schedule: true,
    options: { momentum: 0.9, nesterov: true, clipGradValue: 0.1 },
    second: { rate: 0.1, momentum: 0, nesterov: false },
    secret: mse("mean"),
    clear: (squares) => oracle.scale(squares, 1 / (2 * rows)),
  },
};

/** The weights after the last step, in float64. */
function expected({ rates, options = {}, second, clear }: Case): Record<string, Float64Array> {
  const weights = Object.fromEntries(Object.entries(start).map(([name, data]) => [name, data.slice()]));
  const velocity = new Map<string, Float64Array>();
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
      const isSecond = second !== undefined && name.startsWith("2");
      const own = { ...options, ...(isSecond ? second : {}) };
      const rate = isSecond ? lr * (second.rate ?? 1) : lr;
      const { momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = own;
      const limit = options.clipGradValue ?? Number.POSITIVE_INFINITY;
      const w = weights[name]!;
      const g = leaves[name]!.grad.map((x, i) => Math.max(-limit, Math.min(limit, x)) + weightDecay * w[i]!);
      const before = velocity.get(name);
      const v = g.map((x, i) => (before ? momentum * before[i]! + (1 - dampening) * x : x));
      velocity.set(name, v);
      for (let i = 0; i < w.length; i++) w[i]! -= rate * (nesterov ? g[i]! + momentum * v[i]! : v[i]!);
    }
  }
  return weights;
}

async function trained(item: Case, protocol: ProtocolChoice): Promise<Record<string, Float64Array>> {
  const session = await quiet({ protocol, insecure: true });
  const digests = digestsOf(session);
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
  const { rates, options, second, schedule = false } = item;
  const most = schedule ? Math.max(...rates) : rates[0]!;
  const { rate = 1, ...differs } = second ?? {};
  const [first, rest] = [model.parameters().slice(0, 2), model.parameters().slice(2)];
  const groups = second ? [{ params: first }, { params: rest, ...differs, lr: rate * most }] : model.parameters();
  const sgd = optim.sgd(groups, { lr: most, ...options });
  const scheduler = schedule ? optim.lambdaLR(sgd, { lrLambda: (i) => (rates[i] ?? 0) / most }) : undefined;
  for (const lr of rates) {
    if (!schedule)
      sgd.paramGroups.forEach((group, i) => {
        group.lr = i === 0 ? lr : lr * rate;
      });
    sgd.minimize(item.secret(model(session.secret(nested(images, 4))), session.secret(nested(targets, 2))));
    await session.flush();
    scheduler?.step();
  }
  if (schedule) assert.equal(new Set(digests).size, 1, "all steps of a schedule are one plan");
  const state = await model.stateDict(session);
  await session.close();
  return Object.fromEntries(Object.entries(state).map(([name, { data }]) => [name, data]));
}

for (const [name, item] of Object.entries(cases))
  test(`weights: ${name}`, async () => {
    const wanted = expected(item);
    for (const protocol of ["plain", "rep3", "additive-2"] as const) {
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
    [64, "batchMean", { lr: 0.02 }, 26],
    [64, "mean", { lr: 0.02 }, 26],
    [60, "mean", { lr: 1e-4 }, 26],
    [64, "batchMean", { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }, 26],
    // The wider layer has too many elements for the bits as numbers, and for comparisons between the stages of its truncation:
    // two rounds more.
    [100, "mean", { lr: 0.02, momentum: 0.9 }, 28],
  ] as const) {
    const { plan } = await stepOf(batch, reduction, options);
    assert.equal(planCost(plan, rep3).rounds, rounds, `${batch} ${reduction} ${JSON.stringify(options)}`);
    // Two layers forward, the output's gradient from its product, two more gradients, six parameters.
    const truncations = plan.nodes.filter((node) => node.op === "truncate").length;
    // One more for the ten numbers of the last bias, which are no product and decay.
    assert.equal(truncations, "weightDecay" in options ? 12 : 11);
  }
});

test("all rates of the usual range are one plan, larger and smaller ones those of their order of magnitude", async () => {
  for (const momentum of [0, 0.9]) {
    const planOf = async (lr: number) => (await stepOf(64, "batchMean", { lr, momentum })).plan.digest;
    const usual = new Set(
      await Promise.all([0.999, 0.5, 0.1, 0.09, 0.05, 0.01, 0.0312, 0.0313, 1e-3, 2 ** -10].map(planOf)),
    );
    assert.equal(usual.size, 1);
    const [small, near, smaller, large, one] = await Promise.all([5e-4, 6e-4, 1e-4, 1.5, 1].map(planOf));
    assert.equal(near, small);
    assert.equal(one, large);
    assert.equal(new Set([...usual, small, smaller, large]).size, 4);
  }
});

test("a rate that is set lower and lower stays one plan, and does what it says", async () => {
  for (const optimizer of ["sgd", "adam"] as const) {
    const session = await quiet({ protocol: "plain" });
    const digests = digestsOf(session);
    const model = nn.linear(1, 1, { bias: false }).loadStateDict({ weight: [[4]] });
    const own = optim[optimizer](model.parameters(), { lr: 0.25 });
    const weights = [4];
    for (let i = 0; i < 6; i++) {
      own.lr = 0.25 / 4 ** i;
      own.minimize(nn.mseLoss(model(session.secret([[1]])), [[0]]));
      await session.flush();
      weights.push((await model.parameters()[0]!.reveal(session)).item());
    }
    // The updates, and the reveals.
    assert.equal(new Set(digests).size, 2, optimizer);
    for (let i = 0; optimizer === "sgd" && i < 6; i++) {
      const wanted = weights[i]! * (1 - (2 * 0.25) / 4 ** i);
      assert.ok(Math.abs(weights[i + 1]! - wanted) < 1e-5, `step ${i}: ${weights[i + 1]} instead of ${wanted}`);
    }
    await session.close();
  }
});

test("a rate keeps its ten bits, whatever a loss is divided by", async () => {
  for (const [batch, reduction] of [
    [64, "batchMean"],
    [60, "mean"],
    [100, "mean"],
  ] as const)
    for (const lr of [0.999, 0.51, 0.11, 0.1, 0.07, 0.0625, 0.01, 0.002]) {
      const { scalars } = await stepOf(batch, reduction, { lr });
      assert.ok(scalars.lr! >= 512 && scalars.lr! < 1024, `${batch} ${reduction}, ${lr}: ${JSON.stringify(scalars)}`);
    }
});
