/** Layers that work along other axes keep rows of data apart, so that losses of owners' datasets can be released. Not their values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { data, nn, optim, type Tensor } from "../../src/index.js";
import { quiet } from "../client/helpers.js";

const [rows, time, width] = [12, 5, 4];
const place = (i: number, t: number, k: number) => Math.sin(i + 2 * t + 3 * k);
const x = Array.from({ length: rows }, (_, i) =>
  Array.from({ length: time }, (_, t) => Array.from({ length: width }, (_, k) => place(i, t, k))),
);
const y = x.map(([first]) => [first![0]! > 0 ? 1 : -1]);

async function learns(model: nn.Module) {
  const session = await quiet({ protocol: "plain" });
  await session.share("alice/x", x);
  await session.share("bob/y", y);
  const sgd = optim.sgd(model.parameters(), { lr: 0.05 });
  const losses: number[] = [];
  const sets = { x: session.dataset("alice/x"), y: session.dataset("bob/y") };
  for await (const { x, y } of data.batches(sets, { size: 6, epochs: 4, shuffle: false })) {
    const loss = nn.mseLoss(model(x), y);
    sgd.minimize(loss);
    losses.push(await data.meanLoss(loss).reveal());
  }
  await session.close();
  assert.ok(losses.at(-1)! < losses[0]!, losses.join(" "));
}
const last = (x: Tensor) => x.mean(1);

test("a transformer's encoder, masked and with a mean over time", () =>
  learns(
    nn.sequential(
      nn.transformerEncoder(
        () => nn.transformerEncoderLayer(width, 2, { dimFeedforward: 8, batchFirst: true, dropout: 0.1 }),
        1,
      ),
      nn.module({}, last),
      nn.linear(width, 1),
    ),
  ));

test("softmax, the largest and log-softmax along an inner axis", () =>
  learns(
    nn.sequential(
      nn.module({}, (x) =>
        x
          .softmax(2)
          .add(x.sub(x.max(2, true)))
          .add(x.logSoftmax(1).mul(0.1)),
      ),
      nn.module({}, last),
      nn.linear(width, 1),
    ),
  ));
