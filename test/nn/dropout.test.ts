/** Dropout: what is kept and by what it is multiplied, fresh masks in equal plans, modes, and training on an owner's rows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { data, InputError, nn, optim, type ProtocolChoice, ShapeError } from "../../src/index.js";
import { dropout } from "../../src/tensor/index.js";
import { digestsOf, quiet } from "../client/helpers.js";

const protocols: readonly ProtocolChoice[] = ["plain", "rep3", "additive-2"];
const ones = (rows: number, columns: number) => Array.from({ length: rows }, () => new Array<number>(columns).fill(1));

for (const protocol of protocols)
  test(`kept with probability 1-p, the mean unchanged, another mask in each run of one plan: ${protocol}`, async () => {
    const session = await quiet({ protocol, insecure: true });
    const digests = digestsOf(session);
    for (const [p, factor] of [
      [0.5, 2],
      [0.1, 284 / 256],
      [0.9, 10],
      [0.25, 341 / 256],
    ] as const) {
      const runs: number[][] = [];
      for (let i = 0; i < 2; i++) {
        const x = session.secret(ones(100, 40)).mul(1.5);
        runs.push([...(await dropout(x, p).reveal()).data]);
      }
      for (const values of runs) {
        for (const value of values) assert.ok(value === 0 || Math.abs(value - 1.5 * factor) < 1e-4, `${p}: ${value}`);
        const kept = values.filter((value) => value !== 0).length / 4000;
        // Five standard errors of 4000 draws, and what the factor is rounded by.
        assert.ok(Math.abs(kept - (1 - p)) < 5 * Math.sqrt((p * (1 - p)) / 4000) + 0.002, `${p}: kept ${kept}`);
      }
      assert.notDeepEqual(runs[0], runs[1]);
      assert.equal(digests.at(-1)!, digests.at(-2)!);
    }
    const whole = await dropout(session.secret(ones(50, 6)), 0.5, [50, 1]).reveal();
    for (let row = 0; row < 50; row++) assert.equal(new Set(whole.data.slice(6 * row, 6 * row + 6)).size, 1);
    await session.close();
  });

test("two masks of one plan differ; the gradient has the forward's mask", async () => {
  const session = await quiet({ protocol: "rep3" });
  const x = session.secret(ones(20, 20));
  const revealed = [dropout(x, 0.5), dropout(x, 0.5)].map((each) => each.reveal());
  const [one, two] = await Promise.all(revealed);
  assert.notDeepEqual(one!.data, two!.data);

  const weight = new nn.Parameter([20, 20], () => new Float64Array(400).fill(1));
  nn.named(
    "masked",
    nn.module({ weight }, (input, own) => input.mul(own.weight)),
  );
  const y = dropout(weight.in(session.graph).mul(session.secret(ones(20, 20))), 0.25);
  optim.sgd([weight], { lr: 1 }).minimize(y.sum());
  const [value, after] = await Promise.all([y.reveal(), session.reveal([weight])]);
  after[0]!.data.forEach((w, i) => {
    assert.ok(Math.abs(1 - w - value.data[i]!) < 2e-3, `${i}: ${w} ${value.data[i]}`);
  });
  await session.close();
});

test("modules drop until eval(), and again after train()", async () => {
  const session = await quiet({ protocol: "plain" });
  const model = nn.sequential(nn.sequential(nn.dropout(0.5)), nn.dropout2d(0.5));
  const run = async () => (await model(session.secret([ones(10, 10)])).reveal()).data;
  assert.ok((await run()).includes(0));
  model.eval();
  assert.equal(model.training, false);
  assert.deepEqual([...new Set(await run())], [1]);
  assert.ok(model.train().training);
  assert.ok((await run()).includes(0));
  await session.close();
});

test("wrong probabilities and masks are refused", async () => {
  const session = await quiet({ protocol: "plain" });
  const x = session.secret([1, 2, 3]);
  for (const p of [-0.1, 0.95, 1, Number.NaN]) assert.throws(() => dropout(x, p), InputError);
  assert.throws(() => dropout(x, 0.5, [2]), ShapeError);
  assert.equal(dropout(x, 0), x);
  await session.close();
});

test("a network with dropout trains on rows of an owner, and its mean loss may be released", async () => {
  const session = await quiet({ protocol: "rep3" });
  const rows = Array.from({ length: 32 }, (_, i) => [Math.sin(i), Math.cos(3 * i)]);
  await session.share("alice/x", rows);
  await session.share(
    "bob/y",
    rows.map(([a, b]) => [a! - 0.5 * b!]),
  );
  const model = nn.sequential(nn.linear(2, 16), nn.dropout(0.2), nn.relu(), nn.linear(16, 1));
  const sgd = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.5 });
  const losses: number[] = [];
  const sets = { x: session.dataset("alice/x"), y: session.dataset("bob/y") };
  for await (const { x, y } of data.batches(sets, { size: 16, epochs: 10 })) {
    const loss = nn.mseLoss(model(x), y);
    sgd.minimize(loss);
    losses.push(await data.meanLoss(loss).reveal());
  }
  assert.ok(losses.at(-1)! < 0.6 * losses[0]!, losses.join(" "));
  await session.close();
});
