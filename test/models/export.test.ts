/** Networks written as ONNX: onnxruntime and our own importer answer as the network does. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NameError, UnsupportedModelError } from "../../src/errors.js";
import { type LocalSession, local, nn, optim } from "../../src/index.js";
import { exportOnnx, importOnnx } from "../../src/models/index.js";
import { fixture, numbers } from "./fixtures.js";
import { distance } from "./onnx-cases.js";

let session: LocalSession;
before(async () => {
  session = await local({ protocol: "plain", quiet: true });
});
after(() => session.close());

const networks: Readonly<Record<string, readonly [input: readonly (number | null)[], make: () => nn.Module]>> = {
  "a convolutional network": [
    [null, 2, 9, 9],
    () =>
      nn.sequential(
        ...[nn.conv2d(2, 4, 3, { padding: "same" }), nn.batchNorm2d(4), nn.relu(), nn.maxPool2d(2, { stride: 1 })],
        ...[nn.conv2d(4, 4, 3, { groups: 2, stride: 2, padding: 1, bias: false }), nn.leakyRelu(0.2), nn.avgPool2d(2)],
        ...[nn.convTranspose2d(4, 3, 3, { stride: 2, padding: 1, outputPadding: 1 }), nn.hardtanh(-0.5, 0.75)],
        ...[nn.dropout(0.3), nn.flatten(), nn.sequential(nn.linear(48, 5), nn.softmax(-1))],
      ),
  ],
  "functions along a vector": [
    [null, 6],
    () =>
      nn.sequential(
        ...[nn.linear(6, 8), nn.gelu(), nn.layerNorm(8), nn.linear(8, 4, { bias: false }), nn.tanh(), nn.identity()],
        ...[nn.elu(0.5), nn.hardswish(), nn.softplus(), nn.sigmoid(), nn.hardsigmoid(), nn.logSoftmax(1)],
      ),
  ],
  sequences: [
    [null, 3, 7],
    () => nn.sequential(nn.conv1d(3, 4, 3, { dilation: 2 }), nn.maxPool1d(2), nn.linear(1, 5), nn.relu6()),
  ],
  "means of images": [[null, 3, 4, 4], () => nn.sequential(nn.conv2d(3, 2, 1), nn.adaptiveAvgPool2d(1), nn.flatten())],
};

for (const [name, [input, make]] of Object.entries(networks))
  test(name, async () => {
    const model = nn.named(name.replaceAll(" ", "-"), make()).eval();
    const shape = input.map((length) => length ?? 2);
    const data = numbers(shape);
    const wanted = await model(session.secret(data, shape)).reveal();
    const bytes = exportOnnx(model, await model.stateDict(session), { input });

    const { InferenceSession, Tensor } = await import("onnxruntime-web");
    const runtime = await InferenceSession.create(bytes);
    const answer = await runtime.run({ input: new Tensor("float32", Float32Array.from(data), shape) });
    const output = answer[runtime.outputNames[0]!]!;
    assert.deepEqual([...output.dims], [...wanted.shape]);
    assert.ok(distance(Float64Array.from(output.data as Float32Array), wanted.data) < 2e-3);

    const again = nn.named(`${name.replaceAll(" ", "-")}-again`, importOnnx(bytes));
    const own = await again(session.secret(data, shape)).reveal();
    assert.ok(distance(own.data, wanted.data) < 2e-3);
  });

const files = [
  ...[
    "digits-mlp.onnx",
    "digits-cnn-opset9.onnx",
    "digits-cnn-opset17.onnx",
    "digits-cnn-batchnorm.onnx",
    "transformer.onnx",
  ],
];
for (const [i, file] of files.entries())
  for (const batchNorm of ["fold", "keep"] as const)
    test(`${file}, imported, changed and written again; batch norm: ${batchNorm}`, async () => {
      const model = nn.named(`back-${i}-${batchNorm}`, importOnnx(fixture(file), { batchNorm }));
      const [port] = model.inputs;
      const shape = port!.shape.map((length) => length ?? 2);
      const data = numbers(shape);
      const input = () => session.secret(data, shape);
      // One step of training, so that no weight is the file's.
      const sgd = optim.sgd(model.parameters(), { lr: 0.01 });
      const before = await model(input()).reveal();
      sgd.minimize(model(input()).square().mean());
      const wanted = await model(input()).reveal();
      assert.ok(distance(before.data, wanted.data) > 1e-3);
      const bytes = exportOnnx(model, await model.stateDict(session));

      const { InferenceSession, Tensor } = await import("onnxruntime-web");
      const runtime = await InferenceSession.create(bytes);
      const answer = await runtime.run({ [port!.name]: new Tensor("float32", Float32Array.from(data), shape) });
      const output = answer[model.outputs[0]!.name]!;
      assert.deepEqual([...output.dims], [...wanted.shape]);
      assert.ok(distance(Float64Array.from(output.data as Float32Array), wanted.data) < 2e-3);
    });

test("recurrent layers of a file are not written again, and every missing weight has a name", async () => {
  const lstm = importOnnx(fixture("lstm.onnx"));
  const own = nn.named("back-lstm", lstm);
  const state = Object.fromEntries(
    [...own.named].map(([key, each]) => [key, { shape: each.shape, data: each.start() }]),
  );
  assert.throws(
    () => exportOnnx(lstm, state as never),
    (error: unknown) => {
      assert.ok(error instanceof UnsupportedModelError);
      assert.deepEqual(
        error.nodes.map(({ type }) => type),
        ["LSTM"],
      );
      return true;
    },
  );
  assert.throws(() => exportOnnx(importOnnx(fixture("digits-mlp.onnx")), {}), NameError);
});

test("what cannot be written is one error with all of it", async () => {
  const model = nn.named("odd", nn.sequential(nn.mish(), nn.linear(2, 2), nn.unflatten(1, [1, 2]), nn.flatten(0, 1)));
  const state = await model.stateDict(session);
  assert.throws(
    () => exportOnnx(model, state, { input: [null, 2] }),
    (error: unknown) => {
      assert.ok(error instanceof UnsupportedModelError);
      assert.deepEqual(
        error.nodes.map(({ name }) => name),
        ["0", "2", "3"],
      );
      return true;
    },
  );
  const sound = nn.sequential(nn.linear(2, 2));
  assert.throws(() => exportOnnx(sound, {}, { input: [null, 2] }), NameError);
});
