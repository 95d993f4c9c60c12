/** Short training runs, step by step beside the same run of PyTorch in double precision: the loss falls as it does in the clear. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nn, optim, type ProtocolChoice } from "../../src/index.js";
import { quiet } from "../client/helpers.js";
import { recorded, type TrainingCase } from "./recorded.js";

const models: Readonly<Record<string, () => nn.Module>> = {
  mlp: () => nn.sequential(nn.linear(4, 8), nn.batchNorm1d(8), nn.relu(), nn.linear(8, 3)),
  lstm: () =>
    nn.module({ lstm: nn.lstm(2, 4, { batchFirst: true }), head: nn.linear(4, 2) }, (x, { lstm, head }) => {
      const [, [hidden]] = lstm(x);
      return head(hidden.reshape(x.shape[0]!, 4));
    }),
  transformer: () =>
    nn.module(
      {
        layer: nn.transformerEncoderLayer(4, 2, { dimFeedforward: 8, dropout: 0, batchFirst: true }),
        head: nn.linear(4, 2),
      },
      (x, { layer, head }) => head(layer(x).mean(1)),
    ),
  convnet: () => nn.sequential(nn.conv2d(1, 3, 3), nn.relu(), nn.maxPool2d(2), nn.flatten(), nn.linear(12, 3)),
};
const optimizers: Readonly<Record<string, (parameters: nn.Parameter[]) => optim.Optimizer>> = {
  mlp: (parameters) => optim.adam(parameters, { lr: 0.02 }),
  lstm: (parameters) => optim.sgd(parameters, { lr: 0.5, momentum: 0.9 }),
  transformer: (parameters) => optim.adamW(parameters, { lr: 0.01 }),
  convnet: (parameters) => optim.rmsprop(parameters, { lr: 0.01 }),
};

async function losses(
  { name, start, inputs, labels, options, losses: all }: TrainingCase,
  protocol: ProtocolChoice,
  most: number,
) {
  const session = await quiet({ protocol, insecure: true });
  const model = models[name]!().loadStateDict(start as never);
  const optimizer = optimizers[name]!(model.parameters());
  const list: number[] = [];
  for (let step = 0; step < Math.min(most, all.length); step++) {
    const loss = nn.crossEntropy(model(session.secret(inputs as never)), session.secret(labels), options);
    optimizer.minimize(loss);
    list.push((await loss.reveal()).item());
  }
  await session.close();
  return list;
}

for (const [protocol, most] of [
  ["plain", 20],
  ["rep3", 5],
  ["additive-2", 2],
] as const)
  for (const item of recorded.trainings)
    test(`${item.name}: ${protocol}`, async () => {
      const got = await losses(item, protocol, most);
      const both = () => `got ${got.map((x) => x.toFixed(4))}, PyTorch has ${item.losses.map((x) => x.toFixed(4))}`;
      got.forEach((loss, i) => {
        assert.ok(Math.abs(loss - item.losses[i]!) < 5e-3, both());
      });
    });
