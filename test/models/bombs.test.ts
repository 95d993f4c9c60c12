/** Small model files that ask for much: each is refused for what it would cost, before it costs it. Without the bound, each takes minutes or gigabytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { WireType } from "@bufbuild/protobuf/wire";
import { UnsupportedModelError } from "../../src/errors.js";
import { importKeras, importOnnx, importTfjs, readSafetensors, readStateDict } from "../../src/models/index.js";
import { readModel } from "../../src/models/onnx/wire.js";
import { unpickle } from "../../src/models/torch/unpickle.js";
import { unzip } from "../../src/models/zip.js";
import { fails } from "./fails.js";
import { fixture } from "./fixtures.js";
import { field, floats, longs, message, model, name, node, tensor } from "./onnx-writer.js";

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

// -- archives --

interface Claim {
  readonly packed: Uint8Array;
  readonly size: number;
  readonly method: number;
  readonly names: readonly string[];
}
/** All names of a claim are entries of the same bytes. */
function archive(...claims: readonly Claim[]): Uint8Array {
  const head = (isLocal: boolean, called: string, { packed, size, method }: Claim, at: number): Uint8Array => {
    const length = isLocal ? 30 : 46;
    const bytes = new Uint8Array(length + called.length);
    const view = new DataView(bytes.buffer, isLocal ? 0 : 2);
    new DataView(bytes.buffer).setUint32(0, isLocal ? 0x04034b50 : 0x02014b50, true);
    view.setUint16(8, method, true);
    view.setUint32(18, packed.length, true);
    view.setUint32(22, size, true);
    view.setUint16(26, called.length, true);
    if (!isLocal) new DataView(bytes.buffer).setUint32(42, at, true);
    bytes.set(ascii(called), length);
    return bytes;
  };
  const [files, entries]: [Uint8Array[], Uint8Array[]] = [[], []];
  let at = 0;
  for (const claim of claims) {
    entries.push(...claim.names.map((called) => head(false, called, claim, at)));
    files.push(head(true, claim.names[0]!, claim, 0), claim.packed);
    at += 30 + claim.names[0]!.length + claim.packed.length;
  }
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(10, entries.length, true);
  view.setUint32(16, at, true);
  return new Uint8Array(Buffer.concat([...files, ...entries, end]));
}
const zeros = (size: number) => deflateRawSync(new Uint8Array(size), { level: 9 });

test("entries of an archive that share their bytes are refused", () => {
  const names = Array.from({ length: 1000 }, (_, i) => `a/data/${i}`);
  const bomb = archive({ packed: zeros(400_000), size: 400_000, method: 8, names: ["a/data.pkl", ...names] });
  assert.ok(bomb.length < 100_000);
  fails(() => readStateDict(bomb), /files that do not overlap/);
});

test("an entry that unpacks to more than it says is stopped there, and one that cannot is refused", () => {
  const lying = { packed: zeros(100_000_000), size: 10, method: 8, names: ["a/data.pkl"] };
  const before = process.memoryUsage().arrayBuffers;
  fails(() => readStateDict(archive(lying)), /10 unpacked bytes, got more/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000);
  fails(() => readStateDict(archive({ ...lying, packed: zeros(10), size: 4e8 })), /a file of 400000000 bytes, got/);
  fails(() => readStateDict(archive({ ...lying, packed: zeros(10), size: 20 })), /20 unpacked bytes, got 10/);
  fails(() => readStateDict(archive({ ...lying, method: 0 })), /a file of 10 bytes, got/);
  fails(() => readStateDict(archive({ ...lying, method: 12 })), /stored or deflated, got method 12/);
  const twice = { packed: ascii("x"), size: 1, method: 0, names: ["a/data.pkl"] };
  fails(() => readStateDict(archive(twice, twice)), /each file once/);
});

test("archives are unpacked, in whatever way they are packed", () => {
  const text = ascii("hello".repeat(5000));
  const files = unzip(
    "here",
    archive(
      { packed: deflateRawSync(text), size: text.length, method: 8, names: ["a"] },
      { packed: text, size: text.length, method: 0, names: ["b"] },
      { packed: deflateRawSync(new Uint8Array()), size: 0, method: 8, names: ["c"] },
      { packed: text, size: text.length, method: 0, names: ["unwanted"] },
    ),
    60_000,
    (called) => called.length === 1,
  );
  assert.deepEqual([...files.keys()], ["a", "b", "c"]);
  assert.deepEqual([files.get("a"), files.get("b"), files.get("c")], [text, text, new Uint8Array()]);
});

// -- pickles, safetensors, JSON --

test("a pickle cannot make many containers of one list", () => {
  const list = `\x80\x02]q\x00(${"K\x01K\x02\x86".repeat(20_000)}e0`;
  const made = (callee: string) => ascii(`${list}c${callee}\nq\x010${"h\x01h\x00\x85R".repeat(5_000)}.`);
  fails(() => unpickle("p", made("collections\nOrderedDict")), /at most 2000000 elements of containers/);
  fails(() => unpickle("p", made("builtins\nset")), /at most 2000000 elements of containers/);
});

test("a view with strides of 0 is no more than its file", () => {
  const bytes = fixture("checkpoint.pth");
  // (4, 3) with strides (3, 1) of the first weight: [4, 2^24] with strides of 0.
  const pattern = [0x4b, 4, 0x4b, 3, 0x86];
  const at = bytes.findIndex((_, i) => pattern.every((byte, j) => bytes[i + j] === byte));
  const files = unzip("here", bytes, 2 ** 20, () => true);
  const pickle = [...files].find(([called]) => called.endsWith("data.pkl"))![1];
  const start = pickle.findIndex((_, i) => pattern.every((byte, j) => pickle[i + j] === byte));
  assert.ok(at > 0 && start > 0);
  const strides = [0x4b, 3, 0x4b, 1, 0x86];
  const from = pickle.findIndex((_, i) => i > start && strides.every((byte, j) => pickle[i + j] === byte));
  const large = [0x4b, 4, 0x4a, 0, 0, 0, 1, 0x86];
  const changed = [...pickle.slice(0, start), ...large, ...pickle.slice(start + 5, from), 0x4b, 0, 0x4b, 0, 0x86];
  const whole = Uint8Array.from([...changed, ...pickle.slice(from + 5)]);
  const others = [...files].filter(([called]) => /\/data\//.test(called));
  const bomb = archive(
    { packed: whole, size: whole.length, method: 0, names: ["a/data.pkl"] },
    ...others.map(([called, packed]) => {
      const names = [`a/data/${called.split("/").at(-1)}`];
      return { packed, size: packed.length, method: 0, names };
    }),
  );
  fails(() => readStateDict(bomb, { key: "model_state_dict" }), /0\.weight \[4,16777216\] inside its 12 elements/);
});

const safetensors = (header: string, data: number): Uint8Array => {
  const bytes = new Uint8Array(8 + header.length + data);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(ascii(header), 8);
  return bytes;
};
test("arrays of safetensors that share their bytes are refused before they are read", () => {
  const entry = { dtype: "U8", shape: [1_000_000], data_offsets: [0, 1_000_000] };
  const header = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`t${i}`, entry]));
  const before = process.memoryUsage().arrayBuffers;
  fails(() => readSafetensors(safetensors(JSON.stringify(header), 1_000_000)), /arrays that do not overlap/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000);
});

test("names of objects' own are names like others", () => {
  const header = `{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"constructor":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`;
  assert.deepEqual(Object.keys(readSafetensors(safetensors(header, 8))), ["__proto__", "constructor"]);
  const add = [node("Add", ["x", "__proto__"], "constructor"), node("Add", ["constructor", "toString"], "y")];
  const weights = ["__proto__", "toString"].map((called) => tensor(called, [2], floats(1, 2)));
  const { named } = importOnnx(model(add, weights));
  assert.deepEqual([...named.keys()].sort(), ["__proto__", "toString"]);
  assert.equal(named.get("__proto__")!.start()[1], 2);
  assert.equal(({} as { shape?: unknown }).shape, undefined);
});

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
test("JSON that is nested deeply is refused before anything follows it", () => {
  const tensors = (inner: string) => `{"a":{"dtype":"F32","data_offsets":[0,4],"shape":${inner}}}`;
  fails(() => readSafetensors(safetensors(tensors(nested(1e5)), 4)), /JSON of at most 100 levels/);
  // Brackets inside of texts are none.
  const odd = `\\"${"[".repeat(200)}`;
  const [called] = Object.keys(
    readSafetensors(safetensors(`{"${odd}":{"dtype":"U8","data_offsets":[0,1],"shape":[1]}}`, 1)),
  );
  assert.equal(called, JSON.parse(`"${odd}"`));
  const layer = (more: string) => `{"class_name":"ReLU","config":{"name":"a","batch_input_shape":[null,4]${more}}}`;
  const network = (inner: string) => `{"class_name":"Sequential","config":{"layers":[${inner}]}}`;
  const weights = fixture("keras2-digits-weights.h5");
  const deep = network(layer(`,"max_value":${nested(1e5)}`));
  fails(() => importKeras(weights, { architecture: deep }), /JSON of at most 100 levels/);
  fails(() => importKeras(weights, { architecture: JSON.parse(deep) }), /an architecture in JSON, got another object/);
  const tfjs = (weight: string) => `{"modelTopology":${network(layer(""))},"weightsManifest":[${weight}]}`;
  fails(() => importTfjs(tfjs(nested(1e5)), {}), /JSON of at most 100 levels/);
  fails(() => importTfjs(tfjs(`{"paths":["__proto__"],"weights":[]}`), {}), /the shard __proto__/);
});

// -- Keras --

test("attributes whose elements have no size are no list of millions", () => {
  const bytes = fixture("keras2-digits-weights.h5").slice();
  const view = new DataView(bytes.buffer);
  const at = Buffer.from(bytes).indexOf("layer_names");
  // The type becomes texts of fixed length, of none, and the only axis grows.
  const type = bytes.indexOf(0x19, at);
  const shape = Buffer.from(bytes).indexOf(Uint8Array.of(1, 1, 1, 0, 0, 0, 0, 0, 11), type);
  assert.ok(type - at < 20 && shape - type < 30 && shape > type);
  bytes[type] = 0x13;
  view.setUint32(type + 4, 0, true);
  view.setUint32(shape + 8, 2 ** 27, true);
  fails(
    () => importKeras(bytes, { architecture: `{"class_name":"Sequential","config":{"layers":[]}}` }),
    /layer_names in its message/,
  );
});

test("graphs of layers with very many uses, inputs or circles are refused", () => {
  const weights = fixture("keras2-digits-weights.h5");
  const layer = (type: string, called: string, nodes: unknown, config: object = {}) => ({
    ...{ class_name: type, config: { name: called, ...config }, inbound_nodes: nodes },
  });
  const input = layer("InputLayer", "i", [], { batch_shape: [null, 4] });
  const network = (layers: readonly unknown[], inputs: unknown, outputs: unknown) => () =>
    importKeras(weights, {
      architecture: { class_name: "Functional", config: { layers, input_layers: inputs, output_layers: outputs } },
    });
  const [i, last] = [
    ["i", 0, 0],
    ["last", 0, 0],
  ];
  const end = layer("ReLU", "last", [[i]]);
  const many = Array.from({ length: 30 }, (_, k) => layer("ReLU", `r${k}`, new Array(4000).fill([last])));
  fails(network([input, ...many, end], [i], [last]), /at most 20000 uses of layers/);
  fails(network([input, end], new Array(100_000).fill(i), [last]), /at most 1000 inputs and outputs/);
  fails(
    network([input, layer("Add", "a", [[["b", 0, 0]]]), layer("Add", "b", [[["a", 0, 0]]]), end], [i], [last]),
    /got 2 that do not/,
  );
  fails(network([input, layer("Add", "last", [[]])], [i], [last]), /Add last to take results of layers, got 0/);
  fails(network([input, layer("ReLU", "last", [[i, i]])], [i], [last]), /ReLU last to take one result, got 2/);
  fails(network([input], [i], [last]), /makes the output last/);
});

// -- ONNX --

const ints = (called: string, ...values: readonly number[]) =>
  message((w) => {
    name(w, 1, called);
    for (const value of values) w.tag(8, 0).int64(value);
  });
const whole = (called: string, value: number) =>
  message((w) => {
    name(w, 1, called);
    w.tag(3, 0).int64(value);
  });

test("constants that are computed anew by every node are counted together", () => {
  const make = Array.from({ length: 20 }, (_, i) => node("ConstantOfShape", ["s"], `c${i}`));
  const file = model([...make, node("Relu", ["x"], "y")], [tensor("s", [1], longs(2n ** 23n), 7)]);
  fails(() => importOnnx(file), /ConstantOfShape.*: expected constants that follow from at most 33554432 numbers/);
});

test("a large constant can be reduced", () => {
  const shape = tensor("s", [1], longs(500_000n), 7);
  for (const type of ["ReduceMax", "ReduceMean", "ReduceMin"]) {
    const nodes = [node("ConstantOfShape", ["s"], "c"), node(type, ["c"], "d"), node("Add", ["x", "d"], "y")];
    assert.deepEqual(importOnnx(model(nodes, [shape])).outputs[0]!.shape, [1, 2]);
  }
});

test("a plan that no party would take is not recorded to its end", () => {
  const pools = Array.from({ length: 300 }, (_, i) =>
    node("MaxPool", [i ? `v${i}` : "i"], `v${i + 1}`, ints("kernel_shape", 31, 31), ints("pads", 15, 15, 15, 15)),
  );
  const toImage = node("Reshape", ["x", "s"], "i");
  fails(
    () => importOnnx(model([toImage, ...pools], [tensor("s", [4], longs(1n, 1n, 1n, 2n), 7)])),
    /MaxPool.*expected at most 20000 nodes/,
  );
  const values = Array.from({ length: 5000 }, (_, i) => node("Exp", [i ? `v${i}` : "x"], `v${i + 1}`));
  fails(() => importOnnx(model(values)), /Exp.*expected at most 20000 nodes/);
  const steps = [node("Expand", ["x", "s"], "t"), node("TopK", ["t", "k"], "y", whole("axis", 0))];
  const tensors = [tensor("s", [2], longs(2n ** 20n, 2n), 7), tensor("k", [1], longs(1n), 7)];
  fails(() => importOnnx(model(steps, tensors)), /an axis of 1048576 elements to be sorted/, UnsupportedModelError);
});

// -- numbers that are listed one by one --

test("numbers that a file lists one by one are counted over all tensors and attributes, before they are read", () => {
  const packed = (number: number, bytes: Uint8Array) => message((w) => field(w, number, bytes));
  const list = (count: number) => packed(7, new Uint8Array(count));
  const file = (tensors: readonly Uint8Array[], ...attributes: readonly Uint8Array[]) =>
    model([node("Identity", ["x"], "y", ...attributes)], tensors);
  const taken = (bytes: Uint8Array, listed: number) => readModel(bytes, listed).graph.initializers.length;
  assert.equal(taken(file([list(400), list(600)]), 1000), 2);
  const over = /more than 1000 numbers/;
  fails(() => taken(file([list(400), list(601)]), 1000), over);
  const ints = message((w) => {
    name(w, 1, "pads");
    field(w, 8, new Uint8Array(500));
  });
  const constant = message((w) => {
    name(w, 1, "value");
    field(w, 5, list(500));
  });
  assert.equal(taken(file([], ints, constant), 1000), 0);
  fails(() => taken(file([list(1)], ints, constant), 1000), over);
  const single = message((w) => {
    for (let i = 0; i < 1001; i++) w.tag(7, WireType.Varint).int64(1);
  });
  fails(() => taken(file([single]), 1000), over);
  // Two bytes a varint, four a float, eight a double.
  assert.equal(
    taken(
      file([
        packed(
          7,
          new Uint8Array(2000).map((_, i) => (i % 2 ? 1 : 0x80)),
        ),
      ]),
      1000,
    ),
    1,
  );
  assert.equal(taken(file([packed(4, new Uint8Array(4000))]), 1000), 1);
  fails(() => taken(file([packed(4, new Uint8Array(4004))]), 1000), over);
  assert.equal(taken(file([packed(10, new Uint8Array(8000))]), 1000), 1);
  fails(() => taken(file([packed(10, new Uint8Array(8008))]), 1000), over);
  // The limit of a file for which nothing else is said.
  const large = list(2 ** 25 + 1);
  fails(() => importOnnx(file(Array<Uint8Array>(2).fill(large))), /more than 33554432 numbers/);
});
