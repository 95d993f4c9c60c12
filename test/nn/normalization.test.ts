/** What PyTorch's recorded values do not show: fused layers, training on an owner's rows, what may be released, rmsNorm. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { data, InputError, nn, optim, PolicyError } from "../../src/index.js";
import { quiet } from "../client/helpers.js";
import { evaluate, leaf } from "../pytorch/recorded.js";

const rows = Array.from({ length: 24 }, (_, i) => [Math.sin(i), 2 * Math.cos(3 * i), Math.sin(7 * i) - 1]);

for (const protocol of ["plain", "rep3"] as const)
  test(`a fused normalisation gives the same numbers and costs nothing: ${protocol}`, async () => {
    const session = await quiet({ protocol });
    const models = {
      dense: [nn.linear(3, 4), nn.batchNorm1d(4), [rows.slice(0, 6)]],
      images: [nn.conv2d(1, 2, 2), nn.batchNorm2d(2), [[[rows.slice(0, 3)], [rows.slice(3, 6)]]]],
    } as const;
    for (const [name, [layer, norm, [inputs]]] of Object.entries(models)) {
      const model = nn.named(name, nn.sequential(layer, norm));
      for (let step = 0; step < 3; step++) {
        model(session.secret(inputs as never));
        await session.flush();
      }
      model.eval();
      const before = await model(session.secret(inputs as never)).reveal();
      const { rounds } = session.lastRun!;
      nn.fuseBatchNorm(session, layer, norm);
      await session.flush();
      const after = await model(session.secret(inputs as never)).reveal();
      before.data.forEach((value, i) => {
        assert.ok(Math.abs(value - after.data[i]!) < 2e-5, `${name}: ${value} ${after.data[i]}`);
      });
      if (protocol === "rep3") assert.ok(session.lastRun!.rounds <= 2 && rounds > 10, `${rounds}`);
      assert.throws(() => nn.fuseBatchNorm(session, layer, norm), InputError);
      assert.throws(() => model.train()(session.secret(inputs as never)), /expected eval\(\) of a fused layer/);
    }
    await session.close();
  });

test("a normalised network trains on rows of an owner; its losses may be released after eval() only", async () => {
  const session = await quiet({ protocol: "plain" });
  await session.share("alice/x", rows);
  await session.share(
    "bob/y",
    rows.map(([a, b]) => [a! + 0.5 * b!]),
  );
  // The same first values every time: random ones now and then learn too little in four epochs.
  const from = (layer: nn.Module, limit: number) =>
    layer.loadStateDict(
      Object.fromEntries(
        [...layer.named].map(([name, { shape }]) => {
          const count = shape.reduce((product, length) => product * length, 1);
          return [name, Float64Array.from({ length: count }, (_, k) => limit * Math.sin(5 * k + 1))];
        }),
      ),
    );
  const [first, last] = [from(nn.linear(3, 8), 0.58), from(nn.linear(8, 1), 0.35)];
  const model = nn.sequential(first, nn.batchNorm1d(8), nn.relu(), last);
  const adam = optim.adam(model.parameters(), { lr: 0.02 });
  const sets = { x: session.dataset("alice/x"), y: session.dataset("bob/y") };
  const losses: number[] = [];
  const measure = async () => {
    model.eval();
    losses.push(await data.meanLoss(nn.mseLoss(model(sets.x.all()), sets.y.all())).reveal());
    model.train();
  };
  for (let epoch = 0; epoch < 4; epoch++) {
    for await (const { x, y } of data.batches(sets, { size: 8, firstEpoch: epoch }))
      adam.minimize(nn.mseLoss(model(x), y));
    await measure();
  }
  assert.ok(losses.at(-1)! < 0.7 * losses[0]!, losses.join(" "));
  const training = nn.mseLoss(model(sets.x.all()), sets.y.all());
  await assert.rejects(data.meanLoss(training).reveal(), PolicyError);
  await session.close();
});

test("rmsNorm and its gradient against finite differences", async () => {
  const session = await quiet({ protocol: "plain" });
  const x = leaf([
    [1, -2, 0.5],
    [0.25, 3, -1],
  ]);
  const weight = [0.5, 1, 2];
  const layer = nn.named("rms", nn.rmsNorm(3)).loadStateDict({ weight });
  const f = (values: Float64Array) =>
    values.map((value, i) => {
      const row = values.subarray(i - (i % 3), i - (i % 3) + 3);
      return (weight[i % 3]! * value) / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / 3 + 2 ** -20);
    });
  const weights = [1, -0.5, 0.75, -1.25, 0.25, 1];
  const total = (values: Float64Array) => f(values).reduce((sum, v, i) => sum + v * weights[i]!, 0);
  const { outputs, gradients } = await evaluate(session, [layer(x.in(session.graph))], [x]);
  const start = x.start();
  f(start).forEach((value, i) => {
    assert.ok(Math.abs(outputs[0]![i]! - value) < 1e-4);
    const moved = (by: number) => start.map((v, j) => (j === i ? v + by : v));
    const slope = (total(moved(1e-5)) - total(moved(-1e-5))) / 2e-5;
    assert.ok(Math.abs(gradients[0]![i]! - slope) < 2e-4, `${gradients[0]![i]} ${slope}`);
  });
  await session.close();
});
