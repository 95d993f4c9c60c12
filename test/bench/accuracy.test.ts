/** The trainings of `npm run bench -- accuracy` on a few rows: on secrets, beside their twin and their reference; and their page. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { page, pictures, record, root, thinned } from "../../bench/accuracy/page.js";
import { type Result, type RunOptions, run, verdicts } from "../../bench/accuracy/run.js";
import type { Size } from "../../bench/accuracy/task.js";
import { tasks } from "../../bench/accuracy/tasks.js";

const here: RunOptions = { protocol: "rep3", transport: "memory", compare: true };
async function trained(name: string, size: Size, options: Partial<RunOptions> = {}): Promise<Result> {
  const result = await run(tasks.find((each) => each.name === name)!, size, { ...here, ...options });
  assert.deepEqual(result.twin?.overflows, []);
  return result;
}
const last = (list: readonly number[] | undefined): number => list!.at(-1)!;

/** Step by step as its twin, and nearly as the training that shares no code. */
function alike(result: Result, within: { twin: number; reference: number }): void {
  const { losses, twin, reference } = result;
  assert.ok(twin!.alike);
  losses.forEach((loss, i) => {
    assert.ok(Math.abs(loss - twin!.losses[i]!) < within.twin, `step ${i}: ${loss}, twin ${twin!.losses[i]}`);
    const clear = reference?.losses[i] ?? loss;
    assert.ok(Math.abs(loss - clear) < within.reference, `step ${i}: ${loss}, in the clear ${clear}`);
  });
  assert.ok(
    losses.some((loss, i) => loss !== twin!.losses[i]),
    "parties round",
  );
}

test("784-128-128-10 learns digits as it does in the clear", async () => {
  // Of fresh rows: steps on the same ones again enlarge more what rounding does.
  const result = await trained("mlp", { rows: 512, epochs: 2 });
  assert.equal(result.steps, 8);
  // Rates and momentum have ten bits in a plan.
  alike(result, { twin: 2e-4, reference: 2e-2 });
  assert.ok(last(result.losses) < result.losses[0]! - 0.35, result.losses.join());
  // Ten classes: chance is 10 %.
  assert.ok(last(result.accuracies) > 40, String(last(result.accuracies)));
  assert.ok(Math.abs(last(result.accuracies) - last(result.twin!.accuracies)) < 1);
});

test("LeNet's loss is its twin's and its reference's, step by step", async () => {
  const result = await trained("lenet", { rows: 12, epochs: 2 });
  assert.equal(result.steps, 2);
  alike(result, { twin: 1e-4, reference: 2e-2 });
  assert.ok(last(result.losses) < result.losses[0]!, result.losses.join());
});

test("the workshop's logistic regression, with Alice and Bob in processes of their own", async () => {
  const result = await trained("s0-logistic", {}, { transport: "tls" });
  alike(result, { twin: 1e-4, reference: 2e-3 });
  const [first, end] = [result.losses[0]!, last(result.losses)];
  assert.ok(first > 2.15 && first < 2.5 && end > 1.5 && end < 1.8, result.losses.join());
  assert.ok(last(result.accuracies) >= 70, String(last(result.accuracies)));
  assert.ok(result.bytes.length === 3 && result.bytes.every((sent) => sent > 1e6), "three parties");
});

test("a diagnosis from columns of two owners", async () => {
  const result = await trained("breast-cancer", { epochs: 2 });
  alike(result, { twin: 1e-4, reference: 2e-3 });
  assert.ok(last(result.accuracies) > 95 && last(result.losses) < 0.5 * result.losses[0]!);
  assert.ok(Math.abs(last(result.accuracies) - last(result.reference!.accuracies)) < 1);
});

test("a linear regression has the coefficients and standard errors of least squares", async () => {
  const result = await trained("diabetes", {});
  // Efron et al. 2004, as any package gives them for the unscaled columns.
  const bmi = result.table!.rows.find(([name]) => name === "bmi")!;
  assert.ok(Math.abs(Number(bmi[1]) - 5.603) < 1e-3 && Math.abs(Number(bmi[2]) - 0.7171) < 1e-3, bmi.join());
  const task = tasks.find(({ name }) => name === "diabetes")!;
  assert.equal(verdicts(task, result).length, 3);
  for (const { what, value, kept } of verdicts(task, result)) assert.ok(kept, `${what}: ${value}`);
});

test("a transformer begins to learn letters", async () => {
  const result = await trained("text", { rows: 48, epochs: 3 }, { protocol: "plain" });
  alike(result, { twin: 2e-2, reference: 1 });
  // ln 27 is 3.3: what knowing nothing costs.
  assert.ok(result.losses[0]! > 3.2 && last(result.losses) < 3, result.losses.join());
  const [secret, twin] = [last(result.accuracies), last(result.twin!.accuracies)];
  assert.ok(secret > 5 && Math.abs(secret - twin) < 1, `${secret} %, twin ${twin} %`);
});

test("a folder that is not there is said, and what was promised of a run is checked", async () => {
  const fashion = tasks.find(({ name }) => name === "fashion")!;
  assert.match(String(await fashion.shared({ data: "/nowhere" })), /fashion: expected a folder with .*try --data DIR/);
  const mlp = tasks.find(({ name }) => name === "mlp")!;
  const result: Result = {
    ...{ task: "mlp", protocol: "rep3", transport: "tls", epochs: 5, losses: [2, 1], accuracies: [90, 96.9] },
    reference: { losses: [2, 1], accuracies: [90, 97.3] },
    ...{ figures: [], seconds: 1, load: 0, steps: 2, rounds: 60, bytes: [1, 2, 3] },
  };
  assert.deepEqual(
    verdicts(mlp, result).map(({ kept }) => kept),
    [false, false],
  );
  assert.match(page({ mlp: result }), /\*\*96\.90 %\*\*[\s\S]*\*\*Missed\*\*: per cent of the test rows at least 97/);
});

test("the page and its pictures are those of the record", () => {
  const all = record();
  for (const result of Object.values(all)) assert.deepEqual(thinned(result), result);
  for (const [path, text] of Object.entries({ ...pictures(all), "docs/accuracy.md": page(all) }))
    assert.equal(readFileSync(root(path), "utf8"), text, `${path}: try npm run bench -- accuracy --write`);
});
