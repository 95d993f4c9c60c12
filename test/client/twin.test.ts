/** Sessions beside their twin in the clear: how far apart they are, what left its bound, and what the twin does not know. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../src/client/index.js";
import { type ClearStep, ClearTwin, data, nn, OverflowError, optim } from "../../src/index.js";
import { numbers } from "../engine/given.js";
import { quiet } from "./helpers.js";

const rows = 24;
const inputs = numbers(rows * 5, 1, 3);
const targets = numbers(rows * 2, 1, 4);

async function train(
  steps: ClearStep[],
  options: { lr?: number; protocol?: "rep3" | "plain"; dropout?: boolean } = {},
) {
  const { lr = 0.125, protocol = "rep3", dropout = false } = options;
  const session = await quiet({ protocol, debug: { onStep: (step) => steps.push(step) } });
  await session.share("alice/x", inputs, { shape: [rows, 5] });
  await session.share("bob/y", targets, { shape: [rows, 2] });
  const model = nn.sequential(nn.linear(5, 7), nn.relu(), ...(dropout ? [nn.dropout(0.5)] : []), nn.linear(7, 2));
  const sgd = optim.sgd(model.parameters(), { lr, momentum: 0.5 });
  const sets = { x: session.dataset("alice/x"), y: session.dataset("bob/y") };
  const losses: number[] = [];
  try {
    for await (const batch of data.batches(sets, { size: 8, epochs: 2 })) {
      const loss = nn.mseLoss(model(batch.x), batch.y);
      sgd.minimize(loss);
      losses.push(await data.meanLoss(loss).reveal());
    }
  } finally {
    await session.close().catch(() => {});
  }
  return { losses, model };
}

test("with debug every step is compared: reveals, and every variable that it assigns", async () => {
  const steps: ClearStep[] = [];
  await train(steps);
  // One plan gives first values; batches are in the parties' order, which a local twin knows.
  assert.equal(steps.length, 1 + 6);
  for (const { revealed, assigned, overflows, missing, alike } of steps.slice(1)) {
    assert.deepEqual([overflows, missing, alike, revealed.length], [[], [], true, 1]);
    // Weights and their momentum.
    assert.equal(assigned.length, 8);
    for (const { name, largest, magnitude } of [...revealed, ...assigned])
      assert.ok(largest < 2e-5 * Math.max(1, magnitude), `${name}: ${largest}`);
  }
  const apart = steps.at(-1)!.assigned.map(({ largest }) => largest);
  assert.ok(Math.max(...apart) > 0, "parties round");
});

test("a local twin drops what the parties drop", async () => {
  const steps: ClearStep[] = [];
  await train(steps, { dropout: true });
  for (const { revealed, assigned, alike } of steps) {
    assert.ok(alike);
    for (const { name, largest } of [...revealed, ...assigned]) assert.ok(largest < 1e-4, `${name}: ${largest}`);
  }
});

test("a learning rate that explodes is named by the first value that leaves its bound", async () => {
  await assert.rejects(train([], { lr: 300 }), (error) => {
    assert.ok(error instanceof OverflowError, String(error));
    assert.match(
      error.message,
      /^overflow: expected of \w+ \(node \d+, \[.*\], made of .*\) magnitudes below \d+, got \d+ of up to \d.* went into .*; try .*lower learning rate/,
    );
    return true;
  });
});

test("overflows may be collected instead; NaN is no number of theirs", async () => {
  const found: string[] = [];
  const session = await quiet({ debug: { onOverflow: ({ op, largest }) => found.push(`${op} ${largest}`) } });
  const x = session.secret([200, 3]);
  await x.mul(x).reveal();
  await session.close();
  assert.deepEqual(found, ["truncate 40000"]);
});

test("a twin of one's own: told of some datasets only, and with an order of rows of its own", async () => {
  const session = await quiet({ protocol: "plain" });
  await session.share("alice/x", inputs, { shape: [rows, 5] });
  await session.share("bob/y", targets, { shape: [rows, 2] });
  const steps: ClearStep[] = [];
  const twin = new ClearTwin({ onStep: (step) => steps.push(step) });
  await twin.know("alice/x", inputs, [rows, 5]);
  const beside = new Session({ ...session.options, twin, close: async () => {} });
  await beside.refresh();
  const [x, y] = [beside.dataset("alice/x"), beside.dataset("bob/y")];
  const parts = [x.all().sum(0).reveal(), y.all().sum(0).reveal()];
  await Promise.all(parts);
  assert.deepEqual(steps[0]!.missing, ["dataset bob/y"]);
  assert.deepEqual([steps[0]!.revealed.map(({ name }) => name), steps[0]!.alike], [["r0"], true]);
  assert.ok(steps[0]!.revealed[0]!.largest < 1e-4);
  await x.batch({ batch: 8, stride: 8, shuffle: true, epoch: 1, position: 0 }).sum(0).reveal();
  assert.equal(steps[1]!.alike, false);
  await session.close();
});
