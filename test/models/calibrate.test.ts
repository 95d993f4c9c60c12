/** Models in float64: every kind of operator that inference records gives what the library that trained the model says. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ShapeError } from "../../src/errors.js";
import { calibrate, type ImportedModel, importKeras, importOnnx } from "../../src/models/index.js";
import { expected, fixture, images, numbers } from "./fixtures.js";
import { caseNames, distance, readCase, runInReals } from "./onnx-cases.js";

const models: Readonly<Record<string, () => ImportedModel>> = {
  ...Object.fromEntries(
    ["digits-cnn-batchnorm.onnx", "digits-mlp.onnx", "lstm.onnx", "gru.onnx", "transformer.onnx"].map((name) => [
      name,
      () => importOnnx(fixture(name)),
    ]),
  ),
  ...Object.fromEntries(
    ["keras2-digits.h5", "keras3-functional.keras", "keras3-recurrent.keras"].map((name) => [
      name,
      () => importKeras(fixture(name)),
    ]),
  ),
};
for (const [name, open] of Object.entries(models))
  test(`${name} in float64`, async () => {
    const model = open();
    const { input, output } = expected(name);
    const { layers, outputs, overflows } = await calibrate(model, input ? numbers(input) : images());
    const off = distance(outputs[model.outputs[0]!.name]!, Float64Array.from(output));
    assert.ok(off < 1e-4, String(off));
    assert.equal(layers.length, model.summary().layers.length);
    assert.deepEqual(overflows, []);
    const last = layers.at(-1)!;
    assert.ok(Math.abs(last.largest - Math.max(...output.map(Math.abs))) < 1e-3);
  });

for (const suite of ["node", "pytorch-operator"]) {
  const root = join(import.meta.dirname, "../fixtures/onnx", suite);
  test(`cases of ONNX in float64: ${suite}`, async (t) => {
    for (const name of caseNames(root))
      await t.test(name, async () => {
        const each = readCase(root, name);
        if (each.inputs[0]!.size === 0) return;
        (await runInReals(each)).forEach((data, i) => {
          assert.ok(distance(data, each.outputs[i]!.data) < 1e-3, String(distance(data, each.outputs[i]!.data)));
        });
      });
  });
}

test("layers that leave the range are told from those that do not", async () => {
  const model = importOnnx(fixture("digits-mlp.onnx"));
  const usual = (await calibrate(model, images())).layers;
  assert.ok(usual.every(({ headroomBits }) => headroomBits > 8));
  const wild = await calibrate(
    model,
    images().map((pixel) => pixel * 20_000),
  );
  assert.ok(wild.layers[0]!.headroomBits <= 0 && wild.layers[0]!.largest > 2 ** 15);
  assert.ok(wild.overflows.length > 0);
  await assert.rejects(() => calibrate(model, new Float64Array(783)), ShapeError);
});
