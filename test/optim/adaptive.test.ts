/** Adaptive optimizers: resuming, groups, schedules, parameters that a loss does not reach. Values are held in test/pytorch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError, nn, optim, type Session } from "../../src/index.js";
import type { Variable } from "../../src/tensor/index.js";
import { digestsOf, quiet, through } from "../client/helpers.js";

const rows = [
  [1, 2],
  [-1, 0.5],
  [0.25, -1],
];
const targets = [[1], [0], [2]];
const start = { weight: [[0.5, -0.25]], bias: [0.125] };
const network = () => nn.named("net", nn.linear(2, 1)).loadStateDict(start);

async function steps(session: Session, model: nn.Module, optimizer: optim.Optimizer, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    optimizer.minimize(nn.mseLoss(model(session.secret(rows)), targets));
    await session.flush();
  }
}
const weights = async (session: Session, model: nn.Module) =>
  Object.values(await model.stateDict(session)).flatMap(({ data }) => [...data]);
function near(got: readonly number[], wanted: readonly number[], tolerance = 1e-4): void {
  got.forEach((value, i) => {
    assert.ok(Math.abs(value - wanted[i]!) < tolerance, `${got}; expected ${wanted}`);
  });
}

const makers: Record<string, (p: readonly Variable[], done?: number) => optim.Optimizer> = {
  adam: (p, steps = 0) => optim.adam(p, { lr: 0.1, steps }),
  adagrad: (p, steps = 0) => optim.adagrad(p, { lr: 0.1, lrDecay: 0.1, steps }),
  rmsprop: (p, steps = 0) => optim.rmsprop(p, { lr: 0.1, momentum: 0.5, centered: true, steps }),
};
for (const [name, make] of Object.entries(makers))
  test(`${name} goes on where it was left`, async () => {
    const whole = await quiet({ protocol: "rep3" });
    const straight = network();
    await steps(whole, straight, make(straight.parameters()), 6);
    const wanted = await weights(whole, straight);
    await whole.close();

    const first = await quiet({ protocol: "rep3" });
    const model = network();
    const optimizer = make(model.parameters());
    await steps(first, model, optimizer, 3);
    const second = through(first, (_index, _method, real) => real());
    const again = network();
    const later = make(again.parameters(), optimizer.steps);
    const variables = [...again.parameters(), ...later.state()];
    assert.equal(await second.resume(variables), variables.length);
    await steps(second, again, later, 3);
    assert.equal(later.steps, 6);
    near(await weights(second, again), wanted);
    await first.close();
  });

test("groups have options of their own, and one rate of a schedule after the other is one plan", async () => {
  const session = await quiet({ protocol: "plain" });
  const model = network();
  const [weight, bias] = model.parameters() as [nn.Parameter, nn.Parameter];
  const adam = optim.adamW([{ params: [weight] }, { params: [bias], lr: 0.2, betas: [0.5, 0.9], weightDecay: 0 }], {
    lr: 0.01,
  });
  const scheduler = optim.sequentialLR(adam, {
    schedulers: [optim.linearLR(adam, { startFactor: 0.1, totalIters: 3 }), optim.cosineAnnealingLR(adam, { tMax: 4 })],
    milestones: [3],
  });
  const digests = digestsOf(session);
  for (let i = 0; i < 7; i++) {
    adam.minimize(nn.mseLoss(model(session.secret(rows)), targets));
    await session.flush();
    scheduler.step();
  }
  assert.equal(new Set(digests).size, 1);
  const [w, , b] = await weights(session, model);
  // Seven rates between a tenth of the first and all of it; the bias moves twenty times as fast.
  assert.ok(Math.abs(w! - 0.5) < 0.06 && Math.abs(b! - 0.125) > 0.2 && Math.abs(b! - 0.125) < 1.2, `${w} ${b}`);
  await session.close();
});

test("one cycle moves Adam's first beta", () => {
  const adam = optim.adam(network().parameters());
  const scheduler = optim.oneCycleLR(adam, { maxLr: 0.1, totalSteps: 10 });
  assert.deepEqual(adam.paramGroups[0]!.betas, [0.95, 0.999]);
  for (let i = 0; i < 2; i++) scheduler.step();
  assert.deepEqual(adam.paramGroups[0]!.betas, [0.85, 0.999]);
});

test("parameters that the loss does not reach stay as they are, their state too", async () => {
  const session = await quiet({ protocol: "plain" });
  const unused = nn.named("unused", nn.linear(2, 1)).loadStateDict(start);
  const model = network();
  const adam = optim.adam([...model.parameters(), ...unused.parameters()], { lr: 0.1, weightDecay: 0.1 });
  await steps(session, model, adam, 2);
  near(await weights(session, unused), [0.5, -0.25, 0.125], 1e-6);
  assert.ok(Math.abs((await weights(session, model))[0]! - 0.5) > 0.05);
  await session.close();
});

test("wrong options are refused by name", () => {
  const parameters = network().parameters();
  assert.throws(() => optim.adam(parameters, { betas: [0.99, 0.9] }), /adam: expected betas in \[0, 1\)/);
  assert.throws(() => optim.adamW(parameters, { lr: -1 }), InputError);
  assert.throws(() => optim.adam(parameters, { gradScale: 3 }), /a power of two, got 3/);
  assert.throws(() => optim.adam(parameters, { clipGradNorm: 0 }), /clipGradNorm above 0/);
  assert.throws(() => optim.rmsprop(parameters, { alpha: 1 }), InputError);
  assert.throws(() => optim.adagrad(parameters, { lrDecay: -1 }), InputError);
});
