/** Sessions that declare little enough for words of 32 bits: inference with a model that was trained with 20 fraction bits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ScaleError } from "../../src/errors.js";
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
