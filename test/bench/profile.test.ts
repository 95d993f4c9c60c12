/** The benches' profile: products as they are carried out, parts that add up, the same operands in every run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { training } from "../../bench/cases.js";
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
    const { profile, bytesPerParty } = await measure(cluster, protocol, tiny, { profileAt: 5, warmUpMs: 0 });
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
