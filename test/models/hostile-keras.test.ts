/** Hostile files of Keras and TensorFlow.js: trees that are none, architectures that are none. Files that ask for much are in bombs.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { importKeras, importTfjs } from "../../src/models/index.js";
import { fails, survives } from "./fails.js";
import { fixture } from "./fixtures.js";

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

test("groups of HDF5 that reach themselves are refused", () => {
  const bytes = fixture("keras2-functional.h5").slice();
  const view = new DataView(bytes.buffer);
  // Every node of a tree of members names itself as its child, one level up.
  let found = 0;
  for (let i = 0; i + 40 < bytes.length; i++)
    if (view.getUint32(i, false) === 0x54524545) {
      found++;
      view.setUint8(i + 5, 1);
      view.setBigUint64(i + 32, BigInt(i), true);
    }
  assert.ok(found > 5);
  fails(() => importKeras(bytes), /a tree of members/);
});

test("a tree whose nodes name the same child twice takes no time", () => {
  const bytes = fixture("keras2-functional.h5");
  const depth = 16;
  const bomb = new Uint8Array(bytes.length + 64 * (depth + 1));
  bomb.set(bytes);
  const view = new DataView(bomb.buffer);
  const root = BigInt(Buffer.from(bytes).indexOf("TREE"));
  for (let i = 0; i <= depth; i++) {
    const at = bytes.length + 64 * i;
    bomb.set([...ascii("TREE"), 0, depth - i], at);
    view.setUint16(at + 6, i === depth ? 0 : 2, true);
    for (const entry of [32, 48]) view.setBigUint64(at + entry, BigInt(at + 64), true);
  }
  // Whoever pointed to the first tree of the file points to this one.
  for (let i = 0; i + 8 <= bytes.length; i++)
    if (view.getBigUint64(i, true) === root) view.setBigUint64(i, BigInt(bytes.length), true);
  fails(() => importKeras(bomb), /a node that is reached twice/);
});

test("architectures of any JSON are refused or taken, and never crash", () => {
  const layer = (config: object, type = "Dense") => ({ class_name: type, config: { name: "a", ...config } });
  const bytes = fixture("keras2-digits-weights.h5");
  const cases: unknown[] = [
    [],
    null,
    { class_name: "Sequential" },
    { class_name: "Sequential", config: { layers: [null] } },
    { class_name: "Sequential", config: { layers: [layer({ units: -1, batch_input_shape: [null, 4] })] } },
    { class_name: "Sequential", config: { layers: [layer({ units: "many", batch_input_shape: [null, 4] })] } },
    { class_name: "Sequential", config: { layers: [layer({}, "toString")] } },
    { class_name: "Sequential", config: { layers: [layer({}, "__proto__")] } },
    { class_name: "Sequential", config: { layers: [layer({ batch_input_shape: [null, 2 ** 40] }, "Flatten")] } },
    { class_name: "Functional", config: { layers: [], input_layers: [["a", 0, 0]], output_layers: [["a", 0, 0]] } },
    {
      class_name: "Functional",
      config: {
        layers: ["a", "b"].map((own, i) => ({
          ...layer({ name: own }, "Add"),
          inbound_nodes: [[["ba"[i], 0, 0, {}]]],
        })),
        input_layers: [],
        output_layers: [["a", 0, 0]],
      },
    },
  ];
  for (const architecture of cases)
    assert.equal(
      survives((own) => importKeras(own, { architecture: architecture as never }), bytes, JSON.stringify(architecture)),
      false,
    );
  fails(() => importTfjs("{", {}), /model\.json: expected JSON/);
  fails(() => importTfjs(JSON.stringify({ modelTopology: { node: [] } }), {}), /perhaps a graph model/);
});
