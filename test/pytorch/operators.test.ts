/** Functions of tensors and their gradients against what PyTorch computes in double precision; and that none was forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nn, type ProtocolChoice, Tensor } from "../../src/index.js";
import { quiet } from "../client/helpers.js";
import { asList, operator } from "./operators.js";
import { evaluate, leaf, near, recorded } from "./recorded.js";

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
        return evaluate(session, asList(operator(name)(x!, y!)), leaves);
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

  // Containers, initial values, what asks a layer about itself, and what is random: test/nn has them.
  const others = [
    "sequential",
    "module",
    "moduleList",
    "moduleDict",
    "named",
    "init",
    "functional",
    "fuseBatchNorm",
    "kindOf",
  ];
  const random = ["dropout", "dropout1d", "dropout2d"];
  const layers = new Set([...recorded.layers.map(({ layer }) => layer), ...recorded.losses.map(({ loss }) => loss)]);
  for (const [name, value] of Object.entries(nn))
    if (typeof value === "function" && /^[a-z]/.test(name))
      assert.equal(layers.has(name as never), ![...others, ...random].includes(name), name);
});
