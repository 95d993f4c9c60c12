/** First values: ranges, means, deviations, orthogonality. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError, nn, ShapeError } from "../../src/index.js";

const { init } = nn;
const fresh = (...shape: number[]) => new nn.Parameter(shape, () => new Float64Array(0));
const mean = (values: Float64Array) => values.reduce((sum, x) => sum + x, 0) / values.length;
const deviation = (values: Float64Array) => {
  const center = mean(values);
  return Math.sqrt(mean(values.map((x) => (x - center) ** 2)));
};
const largest = (values: Float64Array) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

test("uniform ones fill their range, normal ones have their deviation", () => {
  // 20,000 draws: a mean is within 6 standard errors, a deviation within 3 %.
  const check = (parameter: nn.Parameter, wanted: { mean?: number; deviation: number; limit?: number }) => {
    const values = parameter.start();
    assert.equal(values.length, 20_000);
    assert.ok(Math.abs(mean(values) - (wanted.mean ?? 0)) < (6 * wanted.deviation) / Math.sqrt(20_000));
    assert.ok(Math.abs(deviation(values) / wanted.deviation - 1) < 0.03, `${deviation(values)} ${wanted.deviation}`);
    if (wanted.limit !== undefined) assert.ok(largest(values) <= wanted.limit && largest(values) > 0.99 * wanted.limit);
  };
  const kernel = () => fresh(20, 40, 5, 5);
  check(init.uniform(kernel(), -2, 2), { deviation: 4 / Math.sqrt(12), limit: 2 });
  check(init.normal(kernel(), 3, 0.5), { mean: 3, deviation: 0.5 });
  const xavier = Math.sqrt(6 / (1000 + 500));
  check(init.xavierUniform(kernel()), { deviation: xavier / Math.sqrt(3), limit: xavier });
  check(init.xavierNormal(kernel(), 2), { deviation: 2 * Math.sqrt(2 / 1500) });
  const kaiming = Math.sqrt(6 / 1000);
  check(init.kaimingUniform(kernel(), { nonlinearity: "relu" }), { deviation: kaiming / Math.sqrt(3), limit: kaiming });
  check(init.kaimingNormal(kernel(), { mode: "fanOut", nonlinearity: "relu" }), { deviation: Math.sqrt(2 / 500) });
  // As torch.nn.Linear and Conv2d begin: a = √5 makes it 1/√fanIn.
  const limit = 1 / Math.sqrt(1000);
  check(init.kaimingUniform(kernel(), { a: Math.sqrt(5) }), { deviation: limit / Math.sqrt(3), limit });
  assert.ok(largest(init.truncNormal(kernel(), 0, 1, -1, 1).start()) <= 1);
});
test("constants and the identity", () => {
  assert.deepEqual([...init.constant(fresh(3), 2.5).start()], [2.5, 2.5, 2.5]);
  assert.deepEqual([...init.zeros(fresh(2)).start()], [0, 0]);
  assert.deepEqual([...init.eye(fresh(2, 3)).start()], [1, 0, 0, 0, 1, 0]);
});
test("orthogonal rows or columns", () => {
  for (const [rows, columns] of [
    [5, 8],
    [8, 5],
  ] as const) {
    const values = init.orthogonal(fresh(rows, columns), 3).start();
    const few = Math.min(rows, columns);
    const vector = (k: number) =>
      Array.from({ length: Math.max(rows, columns) }, (_, i) =>
        rows < columns ? values[k * columns + i]! : values[i * columns + k]!,
      );
    for (let i = 0; i < few; i++)
      for (let j = 0; j < few; j++) {
        const product = vector(i).reduce((sum, x, k) => sum + x * vector(j)[k]!, 0);
        assert.ok(Math.abs(product - (i === j ? 9 : 0)) < 1e-9);
      }
  }
});
test("gains are PyTorch's; vectors have no fans", () => {
  assert.equal(init.calculateGain("tanh"), 5 / 3);
  assert.equal(init.calculateGain("leakyRelu", 1), 1);
  assert.throws(() => init.xavierUniform(fresh(3)), ShapeError);
  assert.throws(() => init.truncNormal(fresh(3), 0, 1, 5, 6), InputError);
});
