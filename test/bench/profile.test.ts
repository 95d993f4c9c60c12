/** The benches' profile: products as they are carried out, parts that add up, the same operands in every run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cases, inference, narrow, timedPlan, training } from "../../bench/cases.js";
import { memoryCluster } from "../../bench/cluster.js";
import { measure } from "../../bench/measure.js";
import { restartValues } from "../../bench/values.js";

const [inputs, outputs, batch] = [12, 5, 8];
const tiny = training("tiny", [inputs, outputs], batch, "mse", 3);

for (const [protocol, products] of [
  ["plain", 1],
  ["rep3", 5],
  ["additive-2", 5],
] as const)
  test(`${protocol}: a product of secrets is ${products} local products, and the parts of a step add up to it`, async () => {
    const cluster = await memoryCluster(protocol, { profiled: true });
    const { profile, bytesPerParty } = await measure(cluster, protocol, tiny, {
      profileAt: { 8: 5, 4: 20 },
      warmUpMs: 0,
    });
    const { operators, seconds, floor, work, around, idle, bytesInSequence, bytesDealt } = profile!;
    const matmuls = operators.filter(({ operator }) => operator.startsWith("matmul"));
    // The forward product and the weight's gradient; nobody asks for the input's.
    assert.equal(
      matmuls.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
      2 * products * inputs * outputs * batch,
    );
    assert.ok(Math.abs(floor + work + around + idle - seconds) < 1e-9);
    assert.ok(operators.every(({ local, waiting }) => local >= 0 && waiting >= 0));
    assert.ok(bytesInSequence + bytesDealt >= bytesPerParty);
  });

test("products of words of 32 bits count, too, at their own speed", async () => {
  const cluster = await memoryCluster("rep3", { profiled: true });
  const profileOf = async (speed: number) => {
    const options = { profileAt: { 8: 1, 4: speed }, warmUpMs: 0 };
    const item = narrow(inference("tiny", [inputs, outputs], batch, 3));
    return (await measure(cluster, "rep3", item, options)).profile!;
  };
  const [slow, fast] = [await profileOf(5), await profileOf(20)];
  const [matmul] = slow.operators.filter(({ operator }) => operator.startsWith("matmul"));
  assert.equal(matmul!.multiplyAdds, 5 * inputs * outputs * batch);
  assert.ok(Math.abs(slow.floor / fast.floor - 4) < 1e-9);
});

test("cases that say so are in words of 32 bits", () => {
  const named = cases.filter(({ name }) => name.endsWith("in 32 bits"));
  assert.ok(named.length >= 5);
  for (const item of named) assert.equal(timedPlan(item, item.state(), item.fresh()).env.wordBits, 32, item.name);
});

test("a case has the same operands in every run", () => {
  const numbers = () => {
    restartValues();
    return [tiny.state(), tiny.fresh()].map((given) => Object.values(given).map(({ data }) => [...data]));
  };
  const first = numbers();
  assert.deepEqual(numbers(), first);
  // As bench/peers/crypten_bench.py has it.
  assert.equal((first[0]![0]![0]! * Math.sqrt(inputs)).toFixed(9), "-0.365805737");
});
