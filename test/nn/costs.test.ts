/** Training steps of all kinds of layers, losses and optimizers take the rounds and bytes that their plans say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nn, optim, type ProtocolChoice } from "../../src/index.js";
import { type Plan, planCost } from "../../src/plan/index.js";
import { quiet } from "../client/helpers.js";

const numbers = (...shape: number[]): unknown[] => {
  const [length, ...rest] = shape as [number, ...number[]];
  return Array.from({ length }, (_, i) => (rest.length === 0 ? Math.sin(7 * i + length) : numbers(...rest)));
};
const networks: Record<
  string,
  () => { model: nn.Module; input: unknown[]; make: (p: nn.Parameter[]) => optim.Optimizer }
> = {
  "normalised, with dropout": () => ({
    model: nn.sequential(
      nn.linear(3, 4),
      nn.batchNorm1d(4),
      nn.dropout(0.3),
      nn.gelu(),
      nn.layerNorm(4),
      nn.linear(4, 2),
    ),
    input: numbers(6, 3),
    make: (p) => optim.adam(p, { lr: 0.01 }),
  }),
  LSTM: () => ({
    model: nn.module({ lstm: nn.lstm(2, 3, { batchFirst: true }), head: nn.linear(3, 2) }, (x, { lstm, head }) =>
      head(lstm(x)[1][0].reshape(6, 3)),
    ),
    input: numbers(6, 2, 2),
    make: (p) => optim.rmsprop(p, { clipGradNorm: 0.1 }),
  }),
  transformer: () => ({
    model: nn.module(
      { layer: nn.transformerEncoderLayer(4, 2, { dimFeedforward: 6, batchFirst: true }), head: nn.linear(4, 2) },
      (x, { layer, head }) => head(layer(x).mean(1)),
    ),
    input: numbers(6, 2, 4),
    make: (p) => optim.sgd(p, { lr: 0.1, momentum: 0.9, nesterov: true, clipGradValue: 0.1 }),
  }),
};

const protocols: readonly ProtocolChoice[] = ["rep3", "additive-2", "additive-2-fss"];
for (const protocol of protocols)
  for (const [name, build] of Object.entries(networks))
    test(`${name}: ${protocol}`, async () => {
      const session = await quiet({ protocol, insecure: true });
      const { model, input, make } = build();
      const plans: Plan[] = [];
      const submit = session.submit.bind(session);
      session.submit = (closing) => {
        plans.push(closing.plan);
        return submit(closing);
      };
      const classes = Array.from({ length: 6 }, (_, i) => i % 2);
      const optimizer = make(model.parameters());
      for (let step = 0; step < 2; step++) {
        optimizer.minimize(nn.crossEntropy(model(session.secret(input)), session.secret(classes)));
        await session.flush();
        const plan = plans.at(-1)!;
        const { rounds, bytes } = planCost(plan, session.options.definition);
        const measured = session.lastRun!;
        assert.deepEqual({ rounds: measured.rounds, bytes: [...measured.bytes] }, { rounds, bytes: [...bytes] });
      }
      await session.close();
    });
