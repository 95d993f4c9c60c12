/** Activation layers and their gradients against their formulas in float64, with finite differences. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { nn } from "../../src/index.js";
import { quiet } from "../client/helpers.js";
import { evaluate, leaf } from "../pytorch/recorded.js";

const session = await quiet({ protocol: "plain" });
after(() => session.close());

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.log1p(Math.exp(x));
const hardsigmoid = (x: number) => Math.max(0, Math.min(1, x / 6 + 0.5));
const elu = (x: number, alpha: number) => (x < 0 ? alpha * (Math.exp(x) - 1) : x);
const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
/** Abramowitz and Stegun 7.1.26 is too coarse: the integral, by Simpson's rule. */
function normal(x: number): number {
  const [n, h] = [400, x / 400];
  let sum = 1 + Math.exp((-x * x) / 2);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * Math.exp(-((i * h) ** 2) / 2);
  return 0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI);
}
const cases: Record<string, [nn.Module, (x: number) => number]> = {
  relu: [nn.relu(), (x) => Math.max(x, 0)],
  sigmoid: [nn.sigmoid(), sigmoid],
  tanh: [nn.tanh(), Math.tanh],
  silu: [nn.silu(), (x) => x * sigmoid(x)],
  softplus: [nn.softplus(), softplus],
  gelu: [nn.gelu(), (x) => x * normal(x)],
  "gelu by tanh": [nn.gelu({ approximate: "tanh" }), (x) => (x / 2) * (1 + Math.tanh(inner(x)))],
  hardsigmoid: [nn.hardsigmoid(), hardsigmoid],
  hardswish: [nn.hardswish(), (x) => x * hardsigmoid(x)],
  hardtanh: [nn.hardtanh(), (x) => Math.max(-1, Math.min(1, x))],
  relu6: [nn.relu6(), (x) => Math.max(0, Math.min(6, x))],
  leakyRelu: [nn.leakyRelu(0.1), (x) => (x < 0 ? 0.1 * x : x)],
  prelu: [nn.prelu(), (x) => (x < 0 ? 0.25 * x : x)],
  elu: [nn.elu(1.5), (x) => elu(x, 1.5)],
  selu: [nn.selu(), (x) => 1.0507009873554805 * elu(x, 1.6732632423543772)],
  mish: [nn.mish(), (x) => x * Math.tanh(softplus(x))],
  logSigmoid: [nn.logSigmoid(), (x) => -softplus(-x)],
  softsign: [nn.softsign(), (x) => x / (1 + Math.abs(x))],
  tanhshrink: [nn.tanhshrink(), (x) => x - Math.tanh(x)],
  identity: [nn.identity(), (x) => x],
};
const points = Array.from({ length: 81 }, (_, i) => -10 + i / 4 + 1 / 16);

for (const [name, [layer, f]] of Object.entries(cases))
  test(name, async () => {
    nn.named(name.replaceAll(" ", "."), layer);
    const x = leaf(points);
    const { outputs, gradients } = await evaluate(session, [layer(x.in(session.graph))], [x]);
    points.forEach((point, i) => {
      const weight = [1, -0.5, 0.75, -1.25, 0.25][i % 5]!;
      const slope = ((f(point + 1e-4) - f(point - 1e-4)) / 2e-4) * weight;
      const [value, gradient] = [outputs[0]![i]!, gradients[0]![i]!];
      assert.ok(Math.abs(value - f(point)) < 3e-4, `${name}(${point}): expected ${f(point)}, got ${value}`);
      assert.ok(Math.abs(gradient - slope) < 5e-4, `${name}'(${point}): expected ${slope}, got ${gradient}`);
    });
  });

test("softmax, logSoftmax and softmin along an axis; flatten and unflatten", async () => {
  const rows = [
    [1, 2, -1],
    [0.5, 0, 4],
  ];
  const exact = rows.map((row) => {
    const sum = row.reduce((all, x) => all + Math.exp(x), 0);
    return row.map((x) => Math.exp(x) / sum);
  });
  for (const [layer, wanted] of [
    [nn.softmax(1), exact],
    [nn.logSoftmax(-1), exact.map((row) => row.map(Math.log))],
    [nn.softmin(1), rows.map((row) => row.map((x) => Math.exp(-x) / row.reduce((all, y) => all + Math.exp(-y), 0)))],
    [nn.sequential(nn.unflatten(1, [3, 1]), nn.flatten()), rows],
  ] as const) {
    const { shape, data } = await layer(session.secret(rows)).reveal();
    assert.deepEqual(shape, [2, 3]);
    wanted.flat().forEach((value, i) => {
      assert.ok(Math.abs(data[i]! - value) < 3e-4, `${data} ${wanted}`);
    });
  }
});
