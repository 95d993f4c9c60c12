/** Models that Keras 2 and 3 saved: their answers, weights of a given architecture, what is refused. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ModelFileError, UnsupportedModelError } from "../../src/errors.js";
import { type LocalSession, local, nn } from "../../src/index.js";
import { importKeras } from "../../src/models/index.js";
import { readHdf5 } from "../../src/models/keras/hdf5.js";
import { classes, digits, expected, fixture, inputFor } from "./fixtures.js";
import { distance } from "./onnx-cases.js";

let session: LocalSession;
before(async () => {
  session = await local({ protocol: "plain", quiet: true });
});
after(() => session.close());

/** Mission row 37, as Keras would describe it. */
const filters = [16, 32, 64];
const architecture = {
  class_name: "Sequential",
  config: {
    name: "sequential",
    layers: [
      { class_name: "InputLayer", config: { name: "image", batch_input_shape: [null, 28, 28, 1] } },
      ...filters.flatMap((n, i) => [
        {
          class_name: "Conv2D",
          config: { name: i ? `conv2d_${i}` : "conv2d", filters: n, kernel_size: [3, 3], activation: "linear" },
        },
        { class_name: "AveragePooling2D", config: { name: `pool_${i}`, pool_size: [2, 2] } },
        { class_name: "Activation", config: { name: `relu_${i}`, activation: "relu" } },
      ]),
      { class_name: "Flatten", config: { name: "flatten" } },
      { class_name: "Dense", config: { name: "dense", units: 10 } },
    ],
  },
};

let count = 0;
const opened = (name: string, options = {}) => nn.named(`keras${count++}`, importKeras(fixture(name), options));

for (const [name, options] of [
  ["keras2-digits.h5", {}],
  ["keras2-digits-weights.h5", { architecture }],
  ["keras2-functional.h5", {}],
  ["keras2-functional.h5", { batchNorm: "keep" }],
  ["keras3-functional.keras", {}],
  ["keras3-functional.h5", {}],
  ["keras3-recurrent.keras", {}],
] as const)
  test(`${name} ${Object.keys(options)}`, async () => {
    const model = opened(name, options);
    const output = await model(inputFor(session, name, model.inputs[0]!.shape)).reveal();
    const wanted = expected(name);
    assert.deepEqual([...output.shape], [...wanted.shape]);
    const off = distance(output.data, Float64Array.from(wanted.output));
    assert.ok(off < 2e-3, String(off));
    if (!wanted.input) assert.deepEqual(classes(output.data, 10), digits);
  });

test("the layers of the mission's model, with their shapes and parameters", () => {
  const model = opened("keras2-digits.h5");
  const { layers, parameters } = model.summary(2);
  assert.deepEqual(
    layers
      .filter((layer) => layer.parameters > 0)
      .map(({ name, type, shape, parameters: n }) => [name, type, ...shape, n]),
    [
      ["conv2d", "Conv2D", 2, 26, 26, 16, 160],
      ["conv2d_1", "Conv2D", 2, 11, 11, 32, 4640],
      ["conv2d_2", "Conv2D", 2, 3, 3, 64, 18496],
      ["dense", "Dense", 2, 10, 650],
    ],
  );
  assert.equal(parameters, 23_946);
  // Channels first once, in Keras's order nowhere but at the ends: [3, 3, 1, 16] became [16, 1, 3, 3].
  assert.deepEqual([...model.named.get("conv2d.weight")!.shape], [16, 1, 3, 3]);
});

test("weights alone need an architecture, and fit only theirs", () => {
  assert.throws(() => opened("keras2-digits-weights.h5"), /got weights only; try the option architecture/);
  const other = structuredClone(architecture);
  (other.config.layers[1]!.config as { filters: number }).filters = 17;
  assert.throws(
    () => opened("keras2-digits-weights.h5", { architecture: other }),
    (error: unknown) =>
      error instanceof ModelFileError &&
      /conv2d: expected kernel of shape \[3,3,any,17\], got \[3,3,1,16\]/.test(error.message),
  );
});

test("layers that are not here are listed together", () => {
  const other = structuredClone(architecture);
  other.config.layers.splice(2, 0, { class_name: "Lambda", config: { name: "magic" } } as never);
  other.config.layers.push({ class_name: "UnitNormalization", config: { name: "unit" } } as never);
  assert.throws(
    () => opened("keras2-digits-weights.h5", { architecture: other }),
    (error: unknown) => {
      assert.ok(error instanceof UnsupportedModelError);
      assert.deepEqual(
        error.nodes.map(({ name }) => name),
        ["magic", "unit"],
      );
      return true;
    },
  );
});

test("arrays of an HDF5 file are what h5wasm reads", async () => {
  const { default: h5wasm } = await import("h5wasm");
  const { FS } = await h5wasm.ready;
  const bytes = fixture("keras2-functional.h5");
  FS.writeFile("file.h5", bytes);
  const file = new h5wasm.File("file.h5", "r");
  let arrays = 0;
  const walk = (own: ReturnType<typeof readHdf5>): void => {
    if (own.members) for (const open of own.members.values()) walk(open());
    else {
      const other = file.get(own.path) as { shape: number[]; value: Float32Array };
      const { shape, data } = own.read();
      assert.deepEqual([...shape], [...other.shape]);
      assert.deepEqual([...data], [...other.value]);
      arrays++;
    }
  };
  const root = readHdf5(bytes, "test");
  walk(root);
  assert.equal(arrays, 17);
  assert.equal(root.attributes.get("keras_version"), (file.attrs.keras_version as { value: string }).value);
  file.close();
});

test("another file is told from a damaged one", () => {
  assert.throws(
    () => importKeras(new Uint8Array(100)),
    (error: unknown) => error instanceof ModelFileError && /an .h5 or .keras file, got other bytes/.test(error.message),
  );
});
