/** What parties open of a variable over many runs: its mask once a version, and once a session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Plan, planCost } from "../../src/plan/index.js";
import { additive } from "../../src/protocol/index.js";
import { TestCluster } from "./helpers.js";
import { increase, init, input, open, plan, variable, word } from "./plans.js";

const N = 100;
const WORDS = Array.from({ length: N }, (_, i) => i / 100);

/** An inference: a product with weights that stay as they are. */
const infer = plan((b) => {
  const product = b.node("mul", [input(b, "x", N), variable(b, "w", N)]);
  open(b, "y", b.node("truncate", [product], { shift: 16 }));
});

for (const definition of [additive(2), additive(2, "fss")])
  test(`${definition.name}: weights are opened once a version, so an inference opens its input only`, async () => {
    const each = await new TestCluster({}, undefined, definition).connect();
    const bytesOf = async (what: Plan) => {
      const { words, answers } = await each.run(what, { inputs: { x: WORDS.map(word) }, checkpoint: true });
      for (const [i, value] of words.get("y")?.entries() ?? [])
        assert.ok(Math.abs(Number(value - word(WORDS[i]! * weights[i]!))) <= 2);
      return answers.map(({ result }) => (result as { stats: { bytes: number } }).stats.bytes);
    };
    const put = async () => {
      for (const what of [init(weights), increase(WORDS), infer]) await each.put(what);
    };
    let weights = WORDS.map((value) => 1 - value);
    await put();
    await each.run(init(weights), { checkpoint: true });
    const { bytes } = planCost(infer, definition);
    const known = bytes.map((sum, member) => sum - definition.costs(8).masks!.open(N).bytes[member]!);
    assert.notDeepEqual(known, bytes);
    assert.deepEqual(await bytesOf(infer), bytes);
    for (let i = 0; i < 3; i++) assert.deepEqual(await bytesOf(infer), known);

    // Another version has another mask.
    await each.run(increase(WORDS), { checkpoint: true });
    weights = weights.map((value, i) => value + WORDS[i]!);
    assert.deepEqual(await bytesOf(infer), bytes);
    assert.deepEqual(await bytesOf(infer), known);

    // And so has another session, also where only one member forgets.
    await each.kill(1);
    await each.connect();
    await put();
    assert.deepEqual(await bytesOf(infer), bytes);
    assert.deepEqual(await bytesOf(infer), known);
    await each.close();
  });
