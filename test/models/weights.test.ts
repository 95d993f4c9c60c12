/** State dicts of PyTorch and safetensors, and TensorFlow.js's layers models, as the real libraries wrote them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ModelFileError, NameError } from "../../src/errors.js";
import { type LocalSession, local, nn } from "../../src/index.js";
import { importTfjs, readSafetensors, readStateDict, writeSafetensors } from "../../src/models/index.js";
import { classes, digits, expected, fixture, folder, images, numbers } from "./fixtures.js";
import { distance } from "./onnx-cases.js";

let session: LocalSession;
before(async () => {
  session = await local({ protocol: "plain", quiet: true });
});
after(() => session.close());

const fails = (make: () => unknown, kind: typeof ModelFileError | typeof NameError, message: RegExp) =>
  assert.throws(make, (error: unknown) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    return true;
  });

test("a state dict of PyTorch makes a network of ours answer as PyTorch's", async () => {
  const model = nn.named("pt", nn.sequential(nn.linear(784, 16), nn.relu(), nn.linear(16, 10)));
  model.loadStateDict(readStateDict(fixture("digits-mlp.pt")));
  const output = await model(session.secret(images(), [3, 784])).reveal();
  assert.ok(distance(output.data, Float64Array.from(expected("digits-mlp.pt").output)) < 1e-3);
  assert.deepEqual(classes(output.data, 10), digits);
});

test("a state dict inside a checkpoint has a key; counters of batch norm do no harm", async () => {
  const bytes = fixture("checkpoint.pth");
  fails(() => readStateDict(bytes), NameError, /a checkpoint with epoch, model_state_dict, note; try the option key/);
  fails(() => readStateDict(bytes, { key: "model" }), NameError, /try one of epoch, model_state_dict/);
  const state = readStateDict(bytes, { key: "model_state_dict" });
  assert.deepEqual(state["1.num_batches_tracked"]!.shape, []);
  const model = nn.named("checkpoint", nn.sequential(nn.linear(3, 4), nn.batchNorm1d(4), nn.linear(4, 2)));
  model.loadStateDict(state).eval();
  const output = await model(session.secret(numbers([2, 3]), [2, 3])).reveal();
  assert.ok(distance(output.data, Float64Array.from(expected("checkpoint.pth").output)) < 1e-3);
});

test("views and other element types", () => {
  const { a, half, whole } = readStateDict(fixture("views.pt"));
  assert.deepEqual(a!.toArray(), [
    [0, 3],
    [1, 4],
    [2, 5],
  ]);
  assert.deepEqual(half!.toArray(), [0.5, -2]);
  assert.deepEqual(whole!.toArray(), [0, 1, 2]);
});

test("the old format and whole models are refused, with what to do", () => {
  fails(() => readStateDict(fixture("legacy.pt")), ModelFileError, /got PyTorch's old format; try torch.save\(/);
  fails(
    () => readStateDict(fixture("whole-model.pt")),
    ModelFileError,
    /torch\.nn\.modules\.container\.Sequential, which is never made; try torch\.save\(model\.state_dict\(\)/,
  );
});

test("safetensors are read and written", async () => {
  const state = readSafetensors(fixture("small.safetensors"));
  assert.deepEqual(Object.keys(state).sort(), ["0.bias", "0.weight", "2.bias", "2.weight"]);
  const model = nn.named("small", nn.sequential(nn.linear(3, 4), nn.relu(), nn.linear(4, 2)));
  model.loadStateDict(readStateDict(fixture("small.safetensors")));
  const output = await model(session.secret(numbers([2, 3]), [2, 3])).reveal();
  assert.ok(distance(output.data, Float64Array.from(expected("small.safetensors").output)) < 1e-3);
  const again = readSafetensors(writeSafetensors(await model.stateDict(session)));
  for (const [name, { shape, data }] of Object.entries(state)) {
    assert.deepEqual([...again[name]!.shape], [...shape]);
    assert.ok(distance(again[name]!.data, data) < 1e-6);
  }
  assert.deepEqual(readSafetensors(writeSafetensors(state)), state);
});

test("a layers model of TensorFlow.js", async () => {
  const read = (name: string) => readFileSync(join(folder, "tfjs-small", name));
  const model = nn.named("tfjs", importTfjs(read("model.json"), { "weights.bin": read("weights.bin") }));
  const output = await model(session.secret(numbers([2, 8, 8, 2]), [2, 8, 8, 2])).reveal();
  assert.ok(distance(output.data, Float64Array.from(expected("tfjs-small").output)) < 1e-3);
  fails(() => importTfjs(read("model.json"), {}), ModelFileError, /the shard weights\.bin, got only none/);
  fails(
    () => importTfjs(read("model.json"), { "weights.bin": read("weights.bin").subarray(4) }),
    ModelFileError,
    /a shard that ends before/,
  );
});
