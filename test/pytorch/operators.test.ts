/** Functions of tensors and their gradients against what PyTorch computes in double precision; and that none was forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, einsum, nn, type ProtocolChoice, stack, Tensor, where } from "../../src/index.js";
import { quiet } from "../client/helpers.js";
import { evaluate, leaf, near, recorded } from "./recorded.js";

type Here = (x: Tensor, y: Tensor) => Tensor | readonly Tensor[];
const index = [
  [0, 2, 1, 1],
  [1, 0, 0, 1],
];
/** Only what is not the method of that name without arguments, or with the second tensor. */
const here: Readonly<Record<string, Here>> = {
  "gelu: tanh": (x) => x.gelu("tanh"),
  "pow: 2": (x) => x.pow(2),
  "pow: 3": (x) => x.pow(3),
  "pow: 5": (x) => x.pow(5),
  "pow: 7": (x) => x.pow(7),
  "pow: -2": (x) => x.pow(-2),
  clamp: (x) => x.clamp(-1, 2),
  "mul: number": (x) => x.mul(-0.3),
  "div: row": (x, y) => x.div(y),
  "div: number": (x) => x.div(7),
  where: (x, y) => where(x.lt(y), x.mul(2), y),
  "matmul: broadcast": (x, y) => x.matmul(y),
  einsum: (x, y) => einsum("bij,bjk->ki", x, y),
  sum: (x) => x.sum(1),
  "sum: all": (x) => x.sum(),
  mean: (x) => x.mean([0, 2], true),
  var: (x) => x.var(2),
  "var: population": (x) => x.var([0, 1], { correction: 0 }),
  std: (x) => x.std(1),
  "norm: 1": (x) => x.norm(1, 2),
  "norm: 2": (x) => x.norm(2, 1),
  "norm: all": (x) => x.norm(),
  "norm: Infinity": (x) => x.norm(Number.POSITIVE_INFINITY, 2),
  prod: (x) => x.prod(1),
  "prod: all": (x) => x.prod(),
  cumsum: (x) => x.cumsum(1),
  max: (x) => x.max(1),
  "max: all": (x) => x.max(),
  min: (x) => x.min(2),
  sort: (x) => x.sort(1).values,
  "sort: descending": (x) => x.sort(-1, true).values,
  topk: (x) => x.topk(2, 2).values,
  "topk: smallest": (x) => x.topk(2, 1, false).values,
  median: (x) => x.median(2).values,
  quantile: (x) => x.quantile(0.3, 2),
  softmax: (x) => x.softmax(1),
  logSoftmax: (x) => x.logSoftmax(2),
  logSumExp: (x) => x.logSumExp(1),
  reshape: (x) => x.reshape(4, -1),
  unflatten: (x) => x.unflatten(2, [2, -1]),
  transpose: (x) => x.transpose(2, 1, 0),
  T: (x) => x.T,
  permute: (x) => x.permute(2, 0, 1),
  movedim: (x) => x.movedim(0, 2),
  squeeze: (x) => x.squeeze(1),
  unsqueeze: (x) => x.unsqueeze(1),
  expand: (x) => x.expand(2, 3, -1),
  repeat: (x) => x.repeat(2, 1, 3),
  slice: (x) => x.slice(0, 4, 1, 2),
  narrow: (x) => x.narrow(1, 1, 2),
  split: (x) => x.split([1, 3], 1),
  chunk: (x) => x.chunk(2, 1),
  unbind: (x) => x.unbind(1),
  unfold: (x) => x.unfold(1, 2, 1),
  pad: (x) => x.pad([1, 2, 0, 1], 0.5),
  flip: (x) => x.flip(0, 2),
  roll: (x) => x.roll([1, -1], [0, 2]),
  indexSelect: (x) => x.indexSelect(1, [3, 0, 0]),
  indexAdd: (x, y) => x.indexAdd(0, [2, 2], y),
  take: (x) =>
    x.take([
      [0, 11],
      [5, 5],
    ]),
  gather: (x) => x.gather(0, index),
  scatter: (x, y) =>
    x.scatter(
      0,
      [
        [0, 2, 1, 1],
        [1, 0, 0, 2],
      ],
      y,
    ),
  scatterAdd: (x, y) => x.scatterAdd(0, index, y),
  diagonal: (x) => x.diagonal(1),
  concat: (x, y) => concat([x, y, x], 1),
  stack: (x, y) => stack([x, y], 1),
};
const method =
  (name: string): Here =>
  (x, y) =>
    (x[name as "add"] as (...args: Tensor[]) => Tensor).apply(x, y ? [y] : []);

for (const protocol of ["plain", "rep3", "additive-2"] satisfies ProtocolChoice[])
  test(`values and gradients of all functions of tensors: ${protocol}`, async (context) => {
    const session = await quiet({ protocol, insecure: true });
    let worst = 0;
    const cases = recorded.operators.filter((_, i) => protocol !== "additive-2" || i % 4 === 0);
    // All in one plan.
    const results = await Promise.all(
      cases.map(({ name, inputs }) => {
        const leaves = inputs.map(leaf);
        const [x, y] = leaves.map((each) => each.in(session.graph));
        const made = (here[name] ?? method(name))(x!, y!);
        return evaluate(session, made instanceof Tensor ? [made] : made, leaves);
      }),
    );
    for (const [i, { name, outputs, gradients }] of cases.entries()) {
      const got = results[i]!;
      assert.equal(got.outputs.length, outputs.length, name);
      outputs.forEach((wanted, at) => {
        worst = Math.max(worst, near(got.outputs[at]!, wanted, 1e-4, `${name}: output ${at}`));
      });
      gradients.forEach((wanted, at) => {
        worst = Math.max(worst, near(got.gradients[at]!, wanted, 5e-4, `${name}: gradient of input ${at}`));
      });
    }
    context.diagnostic(`largest difference ${worst.toExponential(1)}`);
    await session.close();
  });

test("every method of a tensor that has a gradient, every layer and every loss is among what PyTorch has computed", () => {
  const without = [
    ...["constructor", "shape", "size", "toString", "toJSON", "valueOf", "reveal"],
    ...["lt", "gt", "ge", "le", "eq", "ne", "sign", "argmax", "argmin", "oneHot"],
    ...["logicalAnd", "logicalOr", "logicalXor", "logicalNot"],
  ];
  const operators = new Set(recorded.operators.map(({ name }) => name.split(":")[0]));
  for (const name of [...Object.getOwnPropertyNames(Tensor.prototype), "concat", "stack", "einsum", "where"])
    assert.equal(operators.has(name), !without.includes(name), name);

  // Containers, initial values, and what is random: test/nn has them.
  const others = ["sequential", "module", "moduleList", "moduleDict", "named", "init", "functional", "fuseBatchNorm"];
  const random = ["dropout", "dropout1d", "dropout2d"];
  const layers = new Set([...recorded.layers.map(({ layer }) => layer), ...recorded.losses.map(({ loss }) => loss)]);
  for (const [name, value] of Object.entries(nn))
    if (typeof value === "function" && /^[a-z]/.test(name))
      assert.equal(layers.has(name as never), ![...others, ...random].includes(name), name);
});
