/** Sessions that declare little enough for words of 32 bits: inference with a model that was trained with 20 fraction bits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OverflowError, ScaleError } from "../../src/errors.js";
import { nn, optim } from "../../src/index.js";
import { quiet, through } from "./helpers.js";

const narrow = { fraction: 10, integerBits: 8 };
const rows = Array.from({ length: 12 }, (_, i) => [0, 1, 2, 3].map((j) => Math.sin(3 * i + j)));
const network = () => nn.sequential(nn.linear(4, 6), nn.relu(), nn.linear(6, 2));

for (const protocol of ["plain", "rep3", "additive-2", "additive-2-fss"] as const)
  test(`a trained model is quantised and serves in words of 32 bits, ${protocol}`, async () => {
    const session = await quiet({ protocol, insecure: true });
    const trained = network();
    const target = rows.map(([a, b]) => [a!, b! - a!]);
    const sgd = optim.sgd(trained.parameters(), { lr: 0.1 });
    for (let i = 0; i < 3; i++) sgd.minimize(nn.mseLoss(trained(session.secret(rows)), target));
    const expected = (await trained(session.secret(rows)).reveal()).data;
    const { bytes } = session.lastRun!;

    const options = { ...narrow, name: session.options.name };
    const later = through(session, (_, __, real) => real(), options);
    const model = network();
    await assert.rejects(later.resume(model.parameters()), ScaleError);
    assert.equal(await later.quantize(model.parameters()), 4);
    const [described] = await later.preview(() => model(later.secret(rows)).reveal());
    assert.deepEqual([described!.wordBits, described!.integerBits], [32, 8]);
    for (let i = 0; i < 2; i++) {
      const got = (await model(later.secret(rows)).reveal()).data;
      got.forEach((value, j) => {
        assert.ok(Math.abs(value - expected[j]!) < 0.02, `output ${j}`);
      });
    }
    later.lastRun!.bytes.forEach((sent, i) => {
      assert.ok(sent <= 0.75 * bytes[i]!, `party ${i} sent ${sent} bytes, ${bytes[i]} in words of 64 bits`);
    });
    // What was trained is still there, and copies can be made again.
    assert.equal(await later.quantize(network().parameters()), 4);
    assert.deepEqual(
      (await session.variables()).map(({ name, scale }) => [name.endsWith(".q10"), scale]).sort(),
      [...[10, 10, 10, 10].map((scale) => [true, scale]), ...[20, 20, 20, 20].map((scale) => [false, scale])].sort(),
    );
    // Training goes on there, in words of 64 bits.
    const before = (await model(later.secret(rows)).reveal()).toArray();
    optim.sgd(model.parameters(), { lr: 0.5 }).minimize(nn.mseLoss(model(later.secret(rows)), target));
    assert.notDeepEqual((await model(later.secret(rows)).reveal()).toArray(), before);
    await session.close();
  });

test("numbers beyond what the session declares are refused", async () => {
  const session = await quiet({ protocol: "plain", ...narrow });
  assert.throws(() => session.secret([1, 256]), ScaleError);
  assert.equal((await session.secret([1, 255.5]).sum().reveal()).item(), 256.5);
  await session.close();
});

test("numbers that round to the declared bound are refused, and first values beyond it, which name their variable", async () => {
  const session = await quiet();
  const below = 2 ** 15 - 2 ** -20;
  // Half a unit more rounds to 2^15, whose sign a comparison gets wrong.
  for (const beyond of [40000, -1e6, below + 2 ** -21, Number.NaN])
    assert.throws(() => session.secret([0, beyond]), /ScaleError: input: .*2\^15.*index 1/);
  assert.deepEqual((await session.secret([below, -below]).relu().reveal()).toArray(), [below, 0]);
  const model = nn.linear(1, 1).loadStateDict({ weight: [[2]], bias: [40000] });
  const run = () => model(session.secret([[3]])).reveal();
  await assert.rejects(run, /ScaleError: variable model\/bias: .*2\^15/);
  model.loadStateDict({ weight: [[2]], bias: [1] });
  assert.equal((await run()).item(), 7);
  await session.close();
});

test("a convolutional network is quantised and tells classes in words of 32 bits", async () => {
  const session = await quiet({ protocol: "rep3", insecure: true });
  const images = Array.from({ length: 4 * 36 }, (_, i) => Math.sin(i * i));
  const layers = () => [nn.conv2d(1, 3, 3), nn.maxPool2d(2), nn.relu(), nn.flatten(), nn.linear(12, 5)];
  const trained = nn.sequential(...layers());
  const x = () => session.secret(images, [4, 1, 6, 6]);
  const sgd = optim.sgd(trained.parameters(), { lr: 0.05 });
  sgd.minimize(
    nn.mseLoss(
      trained(x()),
      [0, 1, 2, 3].map((i) => [0, 1, 2, 3, 4].map((j) => (i === j ? 2 : -2))),
    ),
  );
  const [logits, classes] = [await trained(x()).reveal(), await trained(x()).argmax(-1).reveal()];

  const later = through(session, (_, __, real) => real(), { ...narrow, name: session.options.name });
  const model = nn.sequential(...layers());
  const all = [...model.parameters(), ...model.buffers()];
  assert.equal(await later.quantize(all), all.length);
  const again = () => model.eval()(later.secret(images, [4, 1, 6, 6]));
  const plans = await later.preview(async () => {
    again().reveal();
    again().argmax(-1).reveal();
  });
  assert.ok(plans.every(({ wordBits }) => wordBits === 32));
  (await again().reveal()).data.forEach((value, i) => {
    assert.ok(Math.abs(value - logits.data[i]!) < 0.03, `logit ${i}: ${value} instead of ${logits.data[i]}`);
  });
  assert.deepEqual((await again().argmax(-1).reveal()).toArray(), classes.toArray());
  // Where probabilities are wanted the plan has words of 64 bits.
  const [described] = await later.preview(() => again().softmax(-1).reveal());
  assert.equal(described!.wordBits, 64);
  const total = (await again().softmax(-1).sum([-1]).reveal()).data;
  assert.ok(total.every((value) => Math.abs(value - 1) < 0.02));
  await session.close();
});

test("running statistics are quantised like parameters", async () => {
  const session = await quiet({ protocol: "plain", insecure: true });
  const images = Array.from({ length: 2 * 2 * 16 }, (_, i) => Math.cos(i * i));
  const network = () => nn.sequential(nn.conv2d(2, 3, 3), nn.batchNorm2d(3), nn.flatten(), nn.linear(12, 2)).eval();
  const served = network().loadStateDict(
    Object.fromEntries(
      [...network().named].map(([name, { shape }], k) => {
        const values = Float64Array.from(
          { length: shape.reduce((n, d) => n * d, 1) },
          (_, i) => 1 + Math.sin(i + k) / 2,
        );
        return [name, values];
      }),
    ),
  );
  const expected = await served(session.secret(images, [2, 2, 4, 4])).reveal();
  const later = through(session, (_, __, real) => real(), { ...narrow, name: session.options.name });
  const model = network();
  assert.ok(model.buffers().length >= 2);
  const all = [...model.parameters(), ...model.buffers()];
  assert.equal(await later.quantize(all), all.length);
  const got = await model(later.secret(images, [2, 2, 4, 4])).reveal();
  got.data.forEach((value, i) => {
    assert.ok(Math.abs(value - expected.data[i]!) < 0.05, `${value} instead of ${expected.data[i]}`);
  });
  await session.close();
});

test("a session beside its twin in the clear: a product that words of 32 bits do not hold is named", async () => {
  const session = await quiet({ protocol: "rep3", ...narrow, debug: true });
  const square = (value: number) => {
    const x = session.secret([[value, -value, 1, 0.5]]);
    return x.matmul(x.transpose()).mul(0.125).reveal();
  };
  const [described] = await session.preview(() => square(9));
  assert.equal(described!.wordBits, 32);
  assert.ok(Math.abs((await square(9)).item() - (2 * 81 + 1.25) / 8) < 0.01);
  // 1,059 needs 31 bits at 20 fraction bits.
  await assert.rejects(square(23), OverflowError);
  await session.close().catch(() => {});
});
