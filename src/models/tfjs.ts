/**
 * TensorFlow.js layers models: model.json, which holds Keras's architecture and a list of weights, and the shards of their bytes. Not
 * graph models: save those as ONNX.
 */
import { ModelFileError } from "../errors.js";
import { checkChoice, checkOptions } from "../options.js";
import { size } from "../ring/index.js";
import { halfPrecision } from "./floats.js";
import type { ImportedModel } from "./imported.js";
import { brief, parseJson } from "./json.js";
import { type Config, isConfig, modelOf } from "./keras/config.js";
import { type KerasOptions, kerasModule } from "./keras/import.js";
import { checkFileSize, defaultMaxBytes } from "./limits.js";
import { checkedShape, Numbers } from "./numbers.js";

const where = "importTfjs";
const bad = (expected: string, got: string) =>
  new ModelFileError(`${where}: expected ${expected}, got ${brief(got)}; try model.save() of a layers model`);

const elements: Readonly<Record<string, readonly [bytes: number, at: (view: DataView, i: number) => number]>> = {
  float32: [4, (view, i) => view.getFloat32(i, true)],
  int32: [4, (view, i) => view.getInt32(i, true)],
};
const packed: Readonly<Record<string, readonly [bytes: number, at: (view: DataView, i: number) => number]>> = {
  float16: [2, (view, i) => halfPrecision(view.getUint16(i, true))],
  uint8: [1, (view, i) => view.getUint8(i)],
  uint16: [2, (view, i) => view.getUint16(i, true)],
};
const mostWeights = 50_000;

/**
 * A layers model: the text of model.json, and its shards by the file names that it mentions. Throws as importKeras() does.
 *
 * @example models.importTfjs(await readFile("model.json"), { "group1-shard1of1.bin": await readFile("group1-shard1of1.bin") })
 */
export function importTfjs(
  json: Uint8Array | string,
  shards: Readonly<Record<string, Uint8Array>>,
  options: Pick<KerasOptions, "batchNorm" | "maxBytes"> = {},
): ImportedModel {
  const text = typeof json === "string" ? new TextEncoder().encode(json) : json;
  checkOptions(where, options, { maxBytes: true, batchNorm: true });
  checkChoice(where, "batchNorm", options.batchNorm ?? "fold", ["fold", "keep"]);
  const { maxBytes = defaultMaxBytes } = options;
  checkFileSize(where, text, options);
  const parsed = parseJson(`${where}: model.json`, new TextDecoder().decode(text));
  const topology = isConfig(parsed) ? parsed.modelTopology : undefined;
  if (!isConfig(topology) || isConfig(topology.node) || Array.isArray(topology.node))
    throw bad("the modelTopology of a layers model", "another file, perhaps a graph model");
  const model = modelOf(where, isConfig(topology.model_config) ? topology.model_config : topology);
  const version =
    typeof topology.keras_version === "string" ? Number.parseInt(topology.keras_version.replace(/\D*/, ""), 10) : 2;
  const given = readWeights((parsed as Config).weightsManifest, shards, maxBytes);
  const weights = new Map(model.layers.map(({ name }): [string, Numbers[]] => [name, []]));
  for (const [weight, numbers] of given)
    for (let end = weight.indexOf("/"); end > 0; end = weight.indexOf("/", end + 1))
      weights.get(weight.slice(0, end))?.push(numbers);
  return kerasModule("tfjs", model, weights, Number.isNaN(version) ? 2 : version, options);
}

/** Any other name could be that of a file which is not the model's: a key that lies beside it. */
const shardName = /^[^./\\\0][^/\\\0]{0,254}(?<=\.bin)$/;

/**
 * File names of the shards that a model.json mentions: plain ones that end in .bin. Throws ModelFileError for others, with which a
 * hostile file asks for what is none of its own.
 */
export function shardNames(json: Uint8Array | string): string[] {
  const parsed = parseJson(`${where}: model.json`, typeof json === "string" ? json : new TextDecoder().decode(json));
  const manifest = isConfig(parsed) && Array.isArray(parsed.weightsManifest) ? parsed.weightsManifest : [];
  const paths = manifest.flatMap((group: unknown) =>
    isConfig(group) && Array.isArray(group.paths) ? group.paths : [],
  );
  if (paths.length > 10_000) throw bad("at most 10000 shards", String(paths.length));
  const names = new Set(paths.filter((path: unknown): path is string => typeof path === "string"));
  for (const name of names) if (!shardName.test(name)) throw bad("shards beside it with names that end in .bin", name);
  return [...names];
}

/** In the order of the file, which is the order of each layer's weights. */
function readWeights(
  manifest: unknown,
  shards: Readonly<Record<string, Uint8Array>>,
  maxBytes: number,
): [string, Numbers][] {
  if (!Array.isArray(manifest) || manifest.length > 1_000) throw bad("a list of weights", "none, or a very long one");
  const result: [string, Numbers][] = [];
  let total = 0;
  for (const group of manifest as readonly unknown[]) {
    const { paths, weights } = isConfig(group) ? group : {};
    if (!Array.isArray(paths) || !Array.isArray(weights)) throw bad("groups with paths and weights", "others");
    const parts = paths.map((path: unknown) => {
      const bytes = typeof path === "string" && Object.hasOwn(shards, path) ? shards[path] : undefined;
      if (!bytes) throw bad(`the shard ${String(path)}`, `only ${Object.keys(shards).join(", ") || "none"}`);
      total += bytes.length;
      if (total > maxBytes) throw bad(`shards of at most ${maxBytes} bytes`, "more");
      return bytes;
    });
    const whole = new Uint8Array(parts.reduce((n, { length }) => n + length, 0));
    let end = 0;
    for (const part of parts) {
      whole.set(part, end);
      end += part.length;
    }
    const view = new DataView(whole.buffer);
    let at = 0;
    for (const weight of weights as readonly unknown[]) {
      if (result.length >= mostWeights) throw bad(`at most ${mostWeights} weights`, "more");
      const { name, shape, dtype, quantization } = isConfig(weight) ? weight : {};
      if (typeof name !== "string" || name.length > 1_000 || !Array.isArray(shape))
        throw bad("weights with a name and a shape", "others");
      const { dtype: stored, scale = 1, min = 0 } = isConfig(quantization) ? quantization : {};
      const table = stored === undefined ? elements : packed;
      const key = String(stored ?? dtype);
      if (!Object.hasOwn(table, key) || typeof scale !== "number" || typeof min !== "number")
        throw bad(`numbers in ${name}`, key);
      const [bytes, read] = table[key]!;
      const n = size(checkedShape(`${where}: ${name}`, shape as number[]));
      if (at + n * bytes > whole.length) throw bad(`${n} elements of ${name}`, "a shard that ends before");
      const start = at;
      const data = Float64Array.from({ length: n }, (_, i) => read(view, start + i * bytes) * scale + min);
      at += n * bytes;
      result.push([name, new Numbers(shape as number[], data, "float", true)]);
    }
    if (at !== whole.length) throw bad(`shards of ${at} bytes`, `${whole.length}`);
  }
  return result;
}
