/** Training runs, step by step, and the weights that they end with, against PyTorch's in double precision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nn, optim, type ProtocolChoice } from "../../src/index.js";
import { digestsOf, quiet } from "../client/helpers.js";
import { near, type OptimizerCase, recorded } from "./recorded.js";

const { inputs, targets, start, cases } = recorded.optimizers;

async function trained({ optimizer, options, scale, steps }: OptimizerCase, protocol: ProtocolChoice, most: number) {
  const session = await quiet({ protocol, insecure: true });
  const fc1 = nn.linear(3, 4);
  const model = nn.module({ "0": fc1, "2": nn.linear(4, 2) }, (x, own) => own["2"](own["0"](x).tanh()));
  model.loadStateDict(start as never);
  const make = optim[optimizer as "sgd"] as (parameters: nn.Parameter[], options: unknown) => optim.Optimizer;
  const chosen = make(model.parameters(), options);
  const losses: number[] = [];
  const digests = digestsOf(session);
  for (let step = 0; step < Math.min(most, steps); step++) {
    const loss = nn.mseLoss(model(session.secret(inputs as never)), targets as never);
    chosen.minimize(scale === 1 ? loss : loss.mul(scale));
    losses.push((await loss.reveal()).item());
  }
  const state = await model.stateDict(session);
  await session.close();
  return { losses, state, digests: new Set(digests.slice(0, losses.length)), rounds: session.lastRun };
}

for (const [protocol, most, tolerance] of [
  ["plain", 100, 2e-3],
  ["rep3", 4, 1e-3],
  ["additive-2", 2, 1e-3],
] as const)
  for (const item of cases)
    test(`${item.optimizer} ${JSON.stringify(item.options)} loss * ${item.scale}: ${protocol}`, async (context) => {
      const { losses, state, digests } = await trained(item, protocol, most);
      const wanted = item.losses.slice(0, losses.length);
      let worst = near(Float64Array.from(losses), wanted, tolerance, "losses");
      if (losses.length === item.steps)
        for (const [key, weights] of Object.entries(item.weights))
          worst = Math.max(worst, near(state[key]!.data, weights, 2 * tolerance, key));
      assert.equal(digests.size, item.optimizer === "sgd" ? digests.size : 1, "all steps are one plan");
      context.diagnostic(`largest difference ${worst.toExponential(1)}`);
    });
