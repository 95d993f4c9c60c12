/** Models that PyTorch exported: their answers, what is secret of them, further training, what is refused. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ModelFileError, UnsupportedModelError } from "../../src/errors.js";
import { data, type LocalSession, local, nn, optim } from "../../src/index.js";
import { importOnnx } from "../../src/models/index.js";
import { classes, digits, expected, fixture, images, inputFor } from "./fixtures.js";
import { distance } from "./onnx-cases.js";

let session: LocalSession;
before(async () => {
  session = await local({ protocol: "plain", quiet: true });
});
after(() => session.close());

const close = { "lstm.onnx": 1e-3, "gru.onnx": 1e-3, "transformer.onnx": 1e-3 } as Record<string, number>;
for (const name of [
  "digits-cnn-opset9.onnx",
  "digits-cnn-opset13.onnx",
  "digits-cnn-opset17.onnx",
  "digits-cnn-batchnorm.onnx",
  "digits-mlp.onnx",
  "lstm.onnx",
  "gru.onnx",
  "transformer.onnx",
])
  for (const batchNorm of name === "digits-cnn-batchnorm.onnx" ? (["fold", "keep"] as const) : (["fold"] as const))
    test(`${name}, batch norm: ${batchNorm}`, async () => {
      const model = nn.named(`${name}-${batchNorm}`, importOnnx(fixture(name), { batchNorm }));
      const output = await model(inputFor(session, name, model.inputs[0]!.shape)).reveal();
      const wanted = expected(name);
      assert.deepEqual([...output.shape], [...wanted.shape]);
      const off = distance(output.data, Float64Array.from(wanted.output));
      assert.ok(off < (close[name] ?? 2e-3), String(off));
      if (!wanted.input) assert.deepEqual(classes(output.data, 10), digits);
    });

test("names, shapes and parameters are the file's; rows are open", () => {
  const model = importOnnx(fixture("digits-mlp.onnx"));
  assert.deepEqual(model.inputs, [{ name: "input", shape: [null, 784] }]);
  assert.deepEqual(
    model.outputs.map(({ shape }) => shape),
    [[null, 10]],
  );
  assert.deepEqual(
    [...model.named].map(([name, { shape }]) => [name, ...shape]),
    [
      ["0.weight", 16, 784],
      ["0.bias", 16],
      ["2.weight", 10, 16],
      ["2.bias", 10],
    ],
  );
  const { layers, parameters } = model.summary(5);
  assert.deepEqual(
    layers.map(({ type, shape }) => [type, ...shape]),
    [
      ["Gemm", 5, 16],
      ["Relu", 5, 16],
      ["Gemm", 5, 10],
    ],
  );
  assert.equal(parameters, 784 * 16 + 16 + 160 + 10);
  assert.equal(model.training, false);
});

test("batch normalisation goes into the convolution before it", () => {
  const folded = importOnnx(fixture("digits-cnn-batchnorm.onnx"));
  assert.ok(!folded.summary().layers.some(({ type }) => /BatchNorm|ScaleShift/.test(type)));
  const kept = importOnnx(fixture("digits-cnn-batchnorm.onnx"), { batchNorm: "keep" });
  assert.equal(kept.buffers().length, 2);
});

test("an imported model learns further", async () => {
  const model = nn.named("further", importOnnx(fixture("digits-mlp.onnx")));
  const sgd = optim.sgd(model.parameters(), { lr: 0.05 });
  const target = [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]];
  const losses: number[] = [];
  for (let i = 0; i < 6; i++) {
    const x = session.secret(images().slice(0, 784), [1, 784]);
    const loss = nn.crossEntropy(model.train()(x), target);
    sgd.minimize(loss);
    losses.push(await data.meanLoss(loss).reveal());
  }
  assert.ok(losses[5]! < losses[0]! / 2, losses.join(" "));
});

test("all unsupported nodes are listed in one error", () => {
  assert.throws(
    () => importOnnx(fixture("unsupported.onnx")),
    (error: unknown) => {
      assert.ok(error instanceof UnsupportedModelError);
      assert.deepEqual(error.nodes.map(({ type }) => type).sort(), ["Atan", "Det", "Floor"]);
      for (const { name } of error.nodes) assert.match(error.message, new RegExp(name));
      return true;
    },
  );
});

test("inputs of another shape or number are refused by name", () => {
  const model = nn.named("shapes", importOnnx(fixture("digits-mlp.onnx")));
  assert.throws(
    () => model(session.secret(new Float64Array(783), [1, 783])),
    /input of shape \[any,784\], got \[1,783\]/,
  );
  assert.throws(() => model(), /expected 1 inputs \(input\), got 0/);
});

test("lengths that the file leaves open can be given, and have to fit", () => {
  assert.throws(
    () => importOnnx(fixture("digits-mlp.onnx"), { inputShapes: { input: [null, 783] } }),
    (error: unknown) => error instanceof ModelFileError && /fit \[any,784\]/.test(error.message),
  );
});
