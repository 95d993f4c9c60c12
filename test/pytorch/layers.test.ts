/** Layers, their gradients and their running statistics against what PyTorch computes in double precision. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { nn, type ProtocolChoice, type Session } from "../../src/index.js";
import { quiet } from "../client/helpers.js";
import { call, make } from "./layers.js";
import { evaluate, type LayerCase, leaf, near, recorded } from "./recorded.js";

const protocols: readonly ProtocolChoice[] = ["plain", "rep3", "additive-2"];
const sessions = new Map<ProtocolChoice, Session>();
for (const protocol of protocols) sessions.set(protocol, await quiet({ protocol, insecure: true }));
after(async () => {
  for (const session of sessions.values()) await session.close();
});

let models = 0;
for (const protocol of protocols)
  test(`values, gradients and statistics of all layers: ${protocol}`, async (context) => {
    const session = sessions.get(protocol)!;
    let worst = 0;
    for (const [index, item] of recorded.layers.entries()) {
      if (item.layer === "embedding") continue;
      if (protocol !== "plain" && index % 3 !== 0) continue;
      const what = `${item.layer} ${JSON.stringify(item.options)} ${item.train ? "training" : "evaluating"}`;
      const layer = nn.named(`layer${models++}`, make(item)).loadStateDict(item.state as never);
      layer.train(item.train);
      const leaves = item.inputs.map(leaf);
      const compare = (got: Float64Array, wanted: LayerCase["outputs"][number], name: string) => {
        worst = Math.max(worst, near(got, wanted, 1e-3, `${what}: ${name}`));
      };
      for (let step = 1; step < item.steps; step++) {
        call(
          layer,
          item,
          leaves.map((each) => each.in(session.graph)),
        );
        await session.flush();
      }
      const outputs = call(
        layer,
        item,
        leaves.map((each) => each.in(session.graph)),
      );
      const keys = Object.keys(item.gradients);
      const variables = [...leaves, ...keys.map((key) => layer.named.get(key)!)];
      const result = await evaluate(session, outputs, variables);
      item.outputs.forEach((wanted, i) => {
        compare(result.outputs[i]!, wanted, `output ${i}`);
      });
      item.inputGradients.forEach((wanted, i) => {
        if (wanted !== null) compare(result.gradients[i]!, wanted, `gradient of input ${i}`);
      });
      keys.forEach((key, i) => {
        compare(result.gradients[leaves.length + i]!, item.gradients[key]!, `gradient of ${key}`);
      });
      const buffers = Object.keys(item.after);
      const after = await session.reveal(buffers.map((key) => layer.named.get(key)!));
      buffers.forEach((key, i) => {
        compare(after[i]!.data, item.after[key]!, key);
      });
    }
    context.diagnostic(`largest difference ${worst.toExponential(1)}`);
  });

for (const protocol of ["plain", "rep3"] as const)
  test(`embeddings of secret and of public positions: ${protocol}`, async () => {
    const session = sessions.get(protocol)!;
    const item = recorded.layers.find(({ layer }) => layer === "embedding")!;
    const [positions] = item.inputs;
    for (const isSecret of [true, false]) {
      const layer = nn.named(`layer${models++}`, nn.embedding(5, 3)).loadStateDict(item.state as never);
      const output = isSecret
        ? layer(session.secret(positions as number[]))
        : layer(positions as number[], session.graph);
      const { outputs, gradients } = await evaluate(session, [output], [layer.named.get("weight")!]);
      near(outputs[0]!, item.outputs[0]!, 1e-5, "output");
      near(gradients[0]!, item.gradients.weight!, 1e-5, "gradient");
    }
  });

test("wrong shapes and options are refused by name", async () => {
  const session = sessions.get("plain")!;
  const x = () => session.secret([[1, 2, 3]]);
  const wrong: [() => unknown, RegExp][] = [
    [() => nn.batchNorm1d(2)(x()), /batchNorm1d: expected 2 or 3 axes, axis 1 of 2 channels, got \[1,3\]/],
    [() => nn.batchNorm2d(3)(x()), /batchNorm2d: expected 4 axes/],
    [() => nn.batchNorm1d(3, { momentum: 0 }), /momentum in \(0, 1\], got 0/],
    [() => nn.layerNorm(2)(x()), /layerNorm: expected \[\.\.\., 2\], got \[1,3\]/],
    [() => nn.groupNorm(2, 3), /channels that 2 groups divide, got 3/],
    [() => nn.lstmCell(2, 4)(x()), /\[batch, 2\], got \[1,3\]/],
    [() => nn.gru(2, 4)(x()), /recurrent: expected x of shape \[time, batch, 2\], got \[1,3\]/],
    [() => nn.multiheadAttention(5, 2), /an embedDim that 2 heads divide, got 5; try 6/],
    [() => nn.multiheadAttention(3, 1)(x(), x(), x()), /expected three axes, the last of 3/],
    [() => nn.embedding(3, 2)([3], session.graph), /positions from 0 to 2, got 3/],
    [() => nn.crossEntropy(x(), [1, 2]), /a target of shape \[1\] \(classes\) or \[1,3\]/],
    [() => nn.crossEntropy(x(), [1], { weight: [1] }), /expected 3 weights, got 1/],
    [() => nn.crossEntropy(x(), [1], { labelSmoothing: 2 }), /labelSmoothing from 0 to 1, got 2/],
    [() => nn.huberLoss(x(), [1, 2, 3], { delta: 0 }), /a delta above 0, got 0/],
    [() => nn.klDiv(x(), [[1], [2]]), /klDiv: expected a target of shape \[1,3\]/],
  ];
  for (const [act, message] of wrong) assert.throws(act, message);
});
