/** The rates of schedules against PyTorch's recursive formulas, written out; that a schedule is one plan; how one is resumed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError, nn, optim } from "../../src/index.js";
import { Graph, Tensor, type Variable } from "../../src/tensor/index.js";

const model = () => nn.linear(2, 1).parameters() as Variable[];
const sgd = (lr: number, momentum = 0) => optim.sgd(model(), { lr, momentum });

/** The rates of the first n steps. */
function rates(scheduler: optim.LRScheduler, n: number): number[] {
  return Array.from({ length: n }, () => {
    const [lr] = scheduler.getLastLr();
    scheduler.step();
    return lr!;
  });
}
function near(got: readonly number[], wanted: readonly number[], what: string): void {
  assert.equal(got.length, wanted.length);
  got.forEach((value, i) => {
    assert.ok(Math.abs(value - wanted[i]!) < 1e-12, `${what}, step ${i}: expected ${wanted}, got ${got}`);
  });
}
/** rate(t) from rate(t - 1), as PyTorch's get_lr() does it. */
function recursive(first: number, n: number, next: (last: number, t: number) => number): number[] {
  const list = [first];
  for (let t = 1; t < n; t++) list.push(next(list[t - 1]!, t));
  return list;
}

test("step, multi-step, exponential, constant", () => {
  near(
    rates(optim.stepLR(sgd(0.5), { stepSize: 3 }), 10),
    recursive(0.5, 10, (lr, t) => (t % 3 === 0 ? lr * 0.1 : lr)),
    "step",
  );
  near(
    rates(optim.multiStepLR(sgd(0.5), { milestones: [2, 2, 5], gamma: 0.5 }), 8),
    recursive(0.5, 8, (lr, t) => (t === 2 ? lr * 0.25 : t === 5 ? lr * 0.5 : lr)),
    "multi-step",
  );
  near(
    rates(optim.exponentialLR(sgd(0.5), { gamma: 0.9 }), 20),
    recursive(0.5, 20, (lr) => lr * 0.9),
    "exponential",
  );
  near(rates(optim.constantLR(sgd(0.6), { totalIters: 2 }), 4), [0.2, 0.2, 0.6, 0.6], "constant");
});
test("linear and polynomial", () => {
  const [start, total] = [0.25, 4];
  near(
    rates(optim.linearLR(sgd(0.5), { startFactor: start, totalIters: total }), 8),
    recursive(0.5 * start, 8, (lr, t) =>
      t > total ? lr : lr * (1 + (1 - start) / (total * start + (t - 1) * (1 - start))),
    ),
    "linear",
  );
  near(
    rates(optim.polynomialLR(sgd(0.5), { totalIters: 4, power: 2 }), 7),
    recursive(0.5, 7, (lr, t) => (t > 4 ? lr : lr * ((1 - t / 4) / (1 - (t - 1) / 4)) ** 2)),
    "polynomial",
  );
});
test("cosine, with restarts too", () => {
  const [tMax, etaMin] = [6, 0.01];
  near(
    rates(optim.cosineAnnealingLR(sgd(0.5), { tMax, etaMin }), 7),
    recursive(0.5, 7, (lr, t) => {
      const wave = (at: number) => 1 + Math.cos((Math.PI * at) / tMax);
      return (wave(t) / wave(t - 1)) * (lr - etaMin) + etaMin;
    }),
    "cosine",
  );
  const restarted = rates(optim.cosineAnnealingWarmRestarts(sgd(1), { t0: 2, tMult: 2 }), 14);
  const wave = (at: number, length: number) => (1 + Math.cos((Math.PI * at) / length)) / 2;
  const cycle = (length: number) => Array.from({ length }, (_, i) => wave(i, length));
  near(restarted, [...cycle(2), ...cycle(4), ...cycle(8)], "restarts");
});
test("one cycle, with its momentum", () => {
  const optimizer = sgd(1, 0.9);
  const scheduler = optim.oneCycleLR(optimizer, { maxLr: 0.4, totalSteps: 10 });
  const half = (from: number, to: number, at: number) => to + ((from - to) * (1 + Math.cos(Math.PI * at))) / 2;
  const [first, last] = [0.4 / 25, 0.4 / 25 / 1e4];
  for (let t = 0; t < 10; t++) {
    const [at, up] = t <= 2 ? [t / 2, true] : [(t - 2) / 7, false];
    near(scheduler.getLastLr(), [up ? half(first, 0.4, at) : half(0.4, last, at)], `step ${t}`);
    const momentum = optimizer.paramGroups[0]!.momentum!;
    near([momentum], [up ? half(0.95, 0.85, at) : half(0.85, 0.95, at)], `momentum of step ${t}`);
    if (t < 9) scheduler.step();
  }
  assert.throws(() => scheduler.step(), InputError);
  const linear = { maxLr: 1, totalSteps: 9, annealStrategy: "linear", threePhase: true, pctStart: 1 / 3 } as const;
  // Up in 2 steps, down in 2, and in 4 to a quarter of the first rate.
  const list = rates(optim.oneCycleLR(sgd(1), { ...linear, divFactor: 2, finalDivFactor: 4 }), 8);
  near(list, [0.5, 0.75, 1, 0.75, 0.5, ...[1, 2, 3].map((i) => 0.5 + ((0.125 - 0.5) * i) / 4)], "three phases");
});
test("lambda, and one after the other", () => {
  near(rates(optim.lambdaLR(sgd(0.5), { lrLambda: (t) => 1 / (1 + t) }), 4), [0.5, 0.25, 0.5 / 3, 0.125], "lambda");
  const optimizer = sgd(0.5);
  const schedulers = [
    optim.linearLR(optimizer, { startFactor: 0.5, totalIters: 2 }),
    optim.exponentialLR(optimizer, { gamma: 0.5 }),
  ];
  near(
    rates(optim.sequentialLR(optimizer, { schedulers, milestones: [2] }), 6),
    [0.25, 0.375, 0.5, 0.25, 0.125, 0.0625],
    "sequential",
  );
});
test("every group has its own rates; a schedule is resumed where it was left", () => {
  const [a, b] = [model(), model()];
  const groups = () => optim.sgd([{ params: a }, { params: b, lr: 0.1 }], { lr: 0.5 });
  const first = groups();
  const scheduler = optim.exponentialLR(first, { gamma: 0.5 });
  for (let i = 0; i < 3; i++) scheduler.step();
  near(scheduler.getLastLr(), [0.0625, 0.0125], "groups");
  const again = groups();
  optim.exponentialLR(again, { gamma: 0.5, lastEpoch: scheduler.lastEpoch - 1 });
  near(
    again.paramGroups.map(({ lr }) => lr),
    [0.0625, 0.0125],
    "resumed",
  );
  near(
    again.paramGroups.map(({ lastLr }) => lastLr!),
    [0.125, 0.025],
    "the rate of the last step",
  );
});
test("wrong options are refused by name", () => {
  assert.throws(() => sgd(-1), InputError);
  assert.throws(() => optim.stepLR(sgd(1), { stepSize: 0 }), /stepLR: expected a stepSize of at least 1, got 0/);
  assert.throws(() => optim.exponentialLR(sgd(1), { gamma: 1.5 }), InputError);
  assert.throws(() => optim.sequentialLR(sgd(1), { schedulers: [], milestones: [3] }), InputError);
  assert.throws(() => optim.sgd(model(), { lr: 1, nesterov: true }), /Nesterov/);
  const shared = model();
  assert.throws(() => optim.sgd([{ params: shared }, { params: shared }], { lr: 1 }), /in two/);
});
test("all steps of every schedule are one plan", async () => {
  const schedules: Record<string, (optimizer: optim.Optimizer) => optim.LRScheduler> = {
    step: (o) => optim.stepLR(o, { stepSize: 2 }),
    cosine: (o) => optim.cosineAnnealingLR(o, { tMax: 8 }),
    restarts: (o) => optim.cosineAnnealingWarmRestarts(o, { t0: 3 }),
    "one cycle": (o) => optim.oneCycleLR(o, { maxLr: 0.5, totalSteps: 9 }),
    warmUp: (o) => optim.linearLR(o, { startFactor: 0.01, totalIters: 8 }),
  };
  for (const [name, make] of Object.entries(schedules)) {
    const digests: string[] = [];
    const graph = new Graph({
      env: { fraction: 20 },
      recipient: "driver",
      submit: async ({ plan, scalars }) => void (Object.keys(scalars).length > 0 && digests.push(plan.digest)),
    });
    const network = nn.linear(2, 1);
    const optimizer = optim.sgd(network.parameters(), { lr: 0.3, momentum: 0.9, weightDecay: 1e-3 });
    const scheduler = make(optimizer);
    for (let i = 0; i < 8; i++) {
      const x = new Tensor(graph, graph.feed(Float64Array.of(1, 2), [1, 2]));
      optimizer.minimize(nn.mseLoss(network(x), [[3]]));
      await graph.close();
      scheduler.step();
    }
    assert.equal(digests.length, 8);
    assert.equal(new Set(digests).size, 1, name);
  }
});
