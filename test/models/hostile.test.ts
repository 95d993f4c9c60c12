/** Hostile model files: truncated, mutated, nested, bombs. Each is an error of ours, in bounded time and memory; none is a crash. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WireType } from "@bufbuild/protobuf/wire";
import { zipSync } from "fflate";
import { ScaleError, UnsupportedModelError } from "../../src/errors.js";
import {
  importKeras,
  importOnnx,
  importTfjs,
  readSafetensors,
  readStateDict,
  shardNames,
} from "../../src/models/index.js";
import { unpickle } from "../../src/models/torch/unpickle.js";
import { fails, survives } from "./fails.js";
import { fixture } from "./fixtures.js";
import { field, floats, longs, message, model, name, node, port, tensor } from "./onnx-writer.js";

const shard = fixture("tfjs-small/weights.bin");
const readers: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  "lstm.onnx": importOnnx,
  "digits-cnn-batchnorm.onnx": importOnnx,
  "keras2-functional.h5": importKeras,
  "keras3-recurrent.keras": importKeras,
  "checkpoint.pth": (bytes) => readStateDict(bytes, { key: "model_state_dict" }),
  "small.safetensors": readSafetensors,
  "tfjs-small/model.json": (bytes) =>
    importTfjs(bytes, Object.fromEntries(shardNames(bytes).map((name) => [name, shard]))),
};
for (const [name, read] of Object.entries(readers)) {
  const bytes = fixture(name);
  test(`${name}, cut anywhere`, () => {
    const step = Math.max(1, Math.floor(bytes.length / 150));
    for (let length = 0; length < bytes.length - 1; length += step)
      assert.equal(
        survives(read, bytes.slice(0, length), `${name} of ${length} bytes`) && length < bytes.length / 2,
        false,
      );
  });
  test(`${name}, bytes changed`, () => {
    let seed = 12345;
    const next = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let i = 0; i < 200; i++) {
      const changed = bytes.slice();
      // Mostly where the structure is: at the beginning.
      const span = next(2) ? Math.min(bytes.length, 2000) : bytes.length;
      const changes = Array.from({ length: 1 + next(4) }, () => [next(span), next(256)] as const);
      for (const [at, value] of changes) changed[at] = value;
      survives(read, changed, `${name} with ${JSON.stringify(changes)}`);
    }
  });
}

// -- ONNX --

test("a graph inside an attribute is never entered, however deep it goes", () => {
  let inner: Uint8Array = new Uint8Array();
  for (let depth = 0; depth < 5_000; depth++) {
    const attribute = message((w) => field(w, 6, inner));
    inner = message((w) =>
      field(
        w,
        1,
        message((own) => field(own, 5, attribute)),
      ),
    );
  }
  const attribute = message((w) => {
    name(w, 1, "then_branch");
    field(w, 6, inner);
  });
  fails(
    () => importOnnx(model([node("If", ["x"], "y", attribute)])),
    /If the If: no such operator here/,
    UnsupportedModelError,
  );
});

test("shapes that would fill the memory are refused before it is asked for", () => {
  fails(
    () => importOnnx(model([node("Add", ["x", "w"], "y")], [tensor("w", [2 ** 30, 2 ** 30], floats(1))])),
    /tensor w: .*2\^31/,
  );
  fails(
    () => importOnnx(model([node("Add", ["x", "w"], "y")], [tensor("w", [2 ** 20], floats(1))])),
    /1048576 elements for \[1048576\], got 1/,
  );
  const shape = tensor("s", [2], longs(2n ** 20n, 2n ** 20n), 7);
  const fold = [node("ConstantOfShape", ["s"], "w"), node("Add", ["x", "w"], "y")];
  fails(() => importOnnx(model(fold, [shape])), /ConstantOfShape.*elements/);
  const wide = [node("ConstantOfShape", ["s"], "w"), node("Add", ["x", "w"], "y")];
  fails(
    () => importOnnx(model(wide, [tensor("s", [1], longs(2n ** 25n), 7)])),
    /constant of 33554432 elements/,
    UnsupportedModelError,
  );
});

test("windows and borders that would be counted out one by one are refused", () => {
  const image = (type: string, count: number, value: bigint) => {
    const kernel = message((w) => {
      name(w, 1, "pads");
      for (let i = 0; i < count; i++) w.tag(8, WireType.Varint).int64(value);
    });
    return model(
      [node("Reshape", ["x", "s"], "i"), node(type, ["i"], "y", kernel)],
      [tensor("s", [4], longs(1n, 1n, 1n, 2n), 7)],
    );
  };
  fails(() => importOnnx(image("AveragePool", 4, 2n ** 30n)), /AveragePool/);
  fails(() => importOnnx(image("Pad", 8, 2n ** 28n)), /Pad the Pad: pads 268435456/, UnsupportedModelError);
});

test("layers that would be unrolled into millions of operators are refused", () => {
  const wide = (type: string, ...attributes: Uint8Array[]) => {
    const own = message((w) => {
      name(w, 1, "x");
      name(w, 2, "y");
      name(w, 3, `the ${type}`);
      name(w, 4, type);
      for (const each of attributes) field(w, 5, each);
    });
    const graph = message((w) => {
      field(w, 1, own);
      field(w, 11, port("x", 1, 1, 2000, 2000));
      field(w, 12, port("y", 1, 1, 1, 1));
    });
    return message((w) => {
      field(w, 7, graph);
      field(
        w,
        8,
        message((set) => set.tag(2, WireType.Varint).int64(13)),
      );
    });
  };
  const kernel = message((w) => {
    name(w, 1, "kernel_shape");
    for (let i = 0; i < 2; i++) w.tag(8, WireType.Varint).int64(1000);
  });
  fails(
    () => importOnnx(wide("MaxPool", kernel)),
    /MaxPool the MaxPool: .*windows of at most 4096 elements, got \[1000,1000\]/,
  );
});

test("external data is never opened", () => {
  const external = message((w) => {
    w.tag(1, WireType.Varint).int64(2);
    w.tag(2, WireType.Varint).int32(1);
    name(w, 8, "w");
    field(
      w,
      13,
      message((own) => name(name(own, 1, "location"), 2, "/etc/passwd")),
    );
    w.tag(14, WireType.Varint).int32(1);
  });
  fails(
    () => importOnnx(model([node("Add", ["x", "w"], "y")], [external])),
    /tensor w: .*external data, which is never opened/,
  );
});

test("values that are used before they are made, or made twice, are refused", () => {
  fails(() => importOnnx(model([node("Relu", ["z"], "y"), node("Relu", ["x"], "z")])), /Relu the Relu with z/);
  fails(() => importOnnx(model([node("Relu", ["x"], "y"), node("Relu", ["x"], "y")])), /each value once, got y twice/);
  fails(() => importOnnx(model([node("Relu", ["y"], "y")])), /Relu the Relu with y/);
});

test("weights that fixed point cannot hold are named with their layer", () => {
  for (const [value, text] of [
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [40_000, "40000"],
  ] as const)
    fails(
      () => importOnnx(model([node("Mul", ["x", "w"], "y")], [tensor("w", [2], floats(1, value))])),
      new RegExp(`Mul the Mul, w: expected weights below 2\\^15 in magnitude, got ${text} at position 1`),
      ScaleError,
    );
  const bytes = fixture("keras2-digits.h5").slice();
  // The first weight of the first kernel: found by its neighbours, which are float32.
  const view = new DataView(bytes.buffer);
  const kernel = importKeras(bytes).named.get("conv2d_1.bias")!.start();
  const at = Array.from({ length: bytes.length / 4 }, (_, i) => 4 * i).find((i) =>
    [0, 1, 2].every((j) => view.getFloat32(i + 4 * j, true) === kernel[j]),
  )!;
  view.setFloat32(at, Number.NaN, true);
  fails(
    () => importKeras(bytes),
    /conv2d_1, bias: expected weights below 2\^15 in magnitude, got NaN at position 0/,
    ScaleError,
  );
});

test("files over the limit are not read at all", () => {
  for (const read of [importOnnx, importKeras, readStateDict, readSafetensors])
    fails(() => read(fixture("lstm.onnx"), { maxBytes: 100 }), /at most 100 bytes, got 4142; try the option maxBytes/);
});

// -- archives and pickles --

test("a zip bomb is stopped by what it would unpack to, also if it lies about it", () => {
  const bomb = zipSync({ "a/data.pkl": new Uint8Array(12_000_000), "a/data/0": new Uint8Array(12_000_000) });
  assert.ok(bomb.length < 200_000);
  fails(() => readStateDict(bomb, { maxBytes: 10_000_000 }), /at most 10000000 unpacked bytes, got more/);
  const keras = zipSync({ "config.json": new Uint8Array(12_000_000), "model.weights.h5": new Uint8Array(0) });
  fails(() => importKeras(keras, { maxBytes: 10_000_000 }), /unpacked bytes/);
  // The directory at the end of the archive says 10 bytes.
  const view = new DataView(bomb.buffer, bomb.byteOffset);
  for (let i = 0; i + 4 < bomb.length; i++)
    if (view.getUint32(i, true) === 0x02014b50) view.setUint32(i + 24, 10, true);
  const before = process.memoryUsage().arrayBuffers;
  fails(() => readStateDict(bomb, { maxBytes: 10_000_000 }), /./);
  assert.ok(process.memoryUsage().arrayBuffers - before < 20_000_000);
});

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

test("a pickle can make nothing but tensors and containers", () => {
  fails(() => unpickle("p", ascii("cos\nsystem\n(S'id'\ntR.")), /os\.system, which is never made/);
  fails(() => unpickle("p", ascii("cbuiltins\neval\n.")), /builtins\.eval, which is never made/);
  fails(() => unpickle("p", ascii("\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.")), /got a call of torch\._utils/);
  fails(
    () => unpickle("p", ascii("\x80\x02ccollections\nOrderedDict\n)\x81.")),
    /opcodes of tensors and containers, got 0x81/,
  );
  fails(() => unpickle("p", ascii("\x80\x02]cos\nsystem\n.")), /never made/);
});

test("a pickle that grows, or takes what is not there, is stopped", () => {
  fails(() => unpickle("p", ascii("(".repeat(200_000))), /a stack of at most 100000/);
  fails(() => unpickle("p", ascii("\x80\x02R.")), /takes what is not there/);
  fails(() => unpickle("p", ascii("\x80\x02X\xff\xff\xff\x7f")), /texts inside the pickle/);
  // Lists of lists by reference stay references.
  const laughs = `\x80\x02]q\x00${Array.from({ length: 60 }, (_, i) => `(${`h${String.fromCharCode(i)}`.repeat(10)}lq${String.fromCharCode(i + 1)}`).join("")}.`;
  assert.ok(Array.isArray(unpickle("p", ascii(laughs))));
});

test("tensors of a state dict stay inside their storage", () => {
  const bytes = fixture("checkpoint.pth").slice();
  // The shape (4, 3) of the first weight: K\x04K\x03\x86, made (4, 200).
  const pattern = [0x4b, 4, 0x4b, 3, 0x86];
  const at = bytes.findIndex((_, i) => pattern.every((byte, j) => bytes[i + j] === byte));
  bytes[at + 3] = 200;
  fails(() => readStateDict(bytes, { key: "model_state_dict" }), /0\.weight \[4,200\] inside its 12 elements/);
});

test("safetensors that overlap, or lie about their lengths, are refused", () => {
  const file = (header: object, data = 16) => {
    const text = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length + data);
    new DataView(bytes.buffer).setUint32(0, text.length, true);
    bytes.set(text, 8);
    return bytes;
  };
  const entry = (shape: readonly number[], from: number, to: number) => ({
    dtype: "F32",
    shape,
    data_offsets: [from, to],
  });
  fails(() => readSafetensors(file({ a: entry([4], 0, 16), b: entry([1], 12, 16) })), /arrays that do not overlap/);
  fails(() => readSafetensors(file({ a: entry([5], 0, 20) })), /20 bytes for a \[5\], got \[0,20\] of 16/);
  fails(() => readSafetensors(file({ a: entry([4], -16, 0) })), /16 bytes for a/);
  fails(() => readSafetensors(file({ a: entry([2 ** 31, 2 ** 31], 0, 16) })), /2\^31/);
  fails(
    () => readSafetensors(file({ a: { ...entry([4], 0, 16), dtype: "constructor" } })),
    /numbers in a, got constructor/,
  );
});
