/**
 * Keras files as modules: .h5 of Keras 2 and 3, .keras of Keras 3, or weights of a given architecture. Inputs are in Keras's order,
 * channels last. What each layer means is `layers.ts`.
 */
import { ModelFileError, SecretgradError, UnsupportedModelError, type UnsupportedNode } from "../../errors.js";
import type * as nn from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { checkLayer, type ImportedModel, importedModel, type Port, type Watch } from "../imported.js";
import { checkFileSize, defaultMaxBytes, type FileLimits, partyName } from "../limits.js";
import type { Numbers } from "../numbers.js";
import { isZip, unzip } from "../zip.js";
import { foldBatchNorms } from "./batch-norm.js";
import { type KerasLayer, type KerasModel, type Result, readKerasConfig } from "./config.js";
import { type Hdf5Object, isHdf5, readHdf5 } from "./hdf5.js";
import { layers as table } from "./layers.js";
import { type Made, Making, Refusal } from "./making.js";
import { Value } from "./value.js";
import { type LayerWeights, weightsOfGroups, weightsOfVariables } from "./weights.js";

export interface KerasOptions extends FileLimits {
  /** For a file with weights only: the architecture, as model.to_json() gives it, as text or parsed. */
  readonly architecture?: string | Readonly<Record<string, unknown>>;
  /**
   * "fold" (default): batch normalisation becomes part of the layer before it, where that is a linear one, in the clear while
   * importing. "keep": it stays a layer with running statistics, for training further.
   */
  readonly batchNorm?: "fold" | "keep";
}

/**
 * A model that Keras saved. Throws ModelFileError for a damaged or too large file, or weights of wrong shapes, UnsupportedModelError
 * with all layers that cannot be taken, ScaleError naming a weight that fixed point cannot hold.
 *
 * @example const model = models.importKeras(await readFile("digits.h5")); model(session.secret(image, [1, 28, 28, 1]));
 */
export function importKeras(bytes: Uint8Array, options: KerasOptions = {}): ImportedModel {
  const where = "importKeras";
  checkFileSize(where, bytes, options);
  if (isZip(bytes)) {
    const { maxBytes = defaultMaxBytes } = options;
    const files = unzip(where, bytes, maxBytes, (name) =>
      ["config.json", "metadata.json", "model.weights.h5"].includes(name),
    );
    const [config, weights] = [files.get("config.json"), files.get("model.weights.h5")];
    if (!config || !weights)
      throw new ModelFileError(
        `${where}: expected config.json and model.weights.h5 in the archive, got others; try model.save("model.keras")`,
      );
    const model = readKerasConfig(where, new TextDecoder().decode(config));
    return kerasModule("keras", model, weightsOfVariables(readHdf5(weights, where), model), 3, options);
  }
  if (!isHdf5(bytes))
    throw new ModelFileError(
      `${where}: expected an .h5 or .keras file, got other bytes; try model.save("model.keras")`,
    );
  const root = readHdf5(bytes, where);
  const stated = root.attributes.get("model_config");
  const { architecture } = options;
  if (stated === undefined && architecture === undefined)
    throw new ModelFileError(
      `${where}: expected a model, got weights only; try the option architecture with what model.to_json() gives`,
    );
  const given = typeof architecture === "object" ? textOf(where, architecture) : architecture;
  const model = readKerasConfig(where, given ?? (typeof stated === "string" ? stated : ""));
  const version = root.attributes.get("keras_version");
  const major = typeof version === "string" ? Number.parseInt(version, 10) : 3;
  return kerasModule("keras", model, weightsIn(root, model), major, options);
}

/** Parsed JSON may be nested more deeply than the stack is. */
function textOf(where: string, architecture: object): string {
  try {
    return JSON.stringify(architecture);
  } catch (error) {
    throw new ModelFileError(`${where}: expected an architecture in JSON, got another object; try its text`, {
      cause: error,
    });
  }
}

/** Of a whole model, of weights by layer names, or of Keras 3's .weights.h5. */
function weightsIn(root: Hdf5Object, model: KerasModel): LayerWeights {
  const group = root.members?.get("model_weights")?.() ?? root;
  if (group.attributes.has("layer_names")) return weightsOfGroups(group);
  return weightsOfVariables(root, model);
}

/** The module of an architecture with its weights; also for TensorFlow.js, which has the same layers. */
export function kerasModule(
  format: string,
  model: KerasModel,
  weights: LayerWeights,
  major: number,
  options: KerasOptions,
): ImportedModel {
  const refused: UnsupportedNode[] = [];
  const plain = options.batchNorm === "keep" ? { model, weights } : foldBatchNorms(model, weights);
  const folded = { ...plain, model: poolFirst(plain.model) };
  const made = new Map<string, Made>();
  // Names are the file's: "__proto__" is one like any other.
  const children: Record<string, nn.Part> = Object.create(null);
  const owned = new Map<string, nn.Parameter[]>();
  for (const layer of folded.model.layers) {
    if (layer.type === "InputLayer") continue;
    const one = makeLayer(layer, folded.weights.get(layer.name) ?? [], major, refused);
    if (!one) continue;
    made.set(layer.name, one);
    if (!one.part) continue;
    children[uniqueName(partyName(layer.name), children)] = one.part;
    owned.set(layer.name, one.part.parameters());
  }
  if (refused.length > 0)
    throw new UnsupportedModelError(
      `importKeras: expected layers that secretgrad has (docs/models.md), got ${refused.length} that it has not:\n  ${refused
        .map(({ type, name, reason }) => `${type} ${name}: ${reason}`)
        .join("\n  ")}`,
      refused,
    );
  const byName = new Map(folded.model.layers.map((layer) => [layer.name, layer]));
  const inputs = folded.model.inputs.map(({ layer }) => inputOf(byName.get(layer)));
  const order = ordered(folded.model);
  function record(given: readonly Tensor[], watch?: Watch): Tensor[] {
    const values = new Map<string, Value>();
    folded.model.inputs.forEach(({ layer }, i) => {
      values.set(`${layer} 0`, new Value(given[i]!));
    });
    for (const { layer, call } of order) {
      const taken = layer.calls[call]!.map((result) => values.get(keyOf(result))!);
      const value = attempted(layer, () => made.get(layer.name)!.record(...taken));
      values.set(keyOf({ layer: layer.name, call }), value);
      checkLayer(`importKeras: ${layer.type} ${layer.name}`, value.stored.shape);
      watch?.(layer, value.keras);
    }
    return folded.model.outputs.map((result) => {
      const value = values.get(keyOf(result));
      if (!value)
        throw new ModelFileError(`importKeras: expected a layer that makes the output ${result.layer}, got none`);
      return value.keras;
    });
  }
  const outputs = folded.model.outputs.map(({ layer }) => layer);
  return importedModel({ format, inputs, outputs, children, owned, record });
}
const keyOf = ({ layer, call }: Result): string => `${layer} ${call}`;

/** A relu right before a pooling by maximum is taken after it: the same numbers from fewer comparisons. */
function poolFirst(model: KerasModel): KerasModel {
  const uses = new Map<string, number>();
  const results = [...model.layers.flatMap(({ calls }) => calls.flat()), ...model.outputs];
  for (const { layer } of results) uses.set(layer, (uses.get(layer) ?? 0) + 1);
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  for (const pool of model.layers) {
    const before = layers.get(pool.calls[0]?.[0]?.layer ?? "");
    const isPool = /^MaxPooling[12]D$/.test(pool.type) && pool.calls.length === 1;
    if (!isPool || before?.config.activation !== "relu" || before.calls.length !== 1 || uses.get(before.name) !== 1)
      continue;
    layers.set(before.name, { ...before, config: { ...before.config, activation: "linear" } });
    layers.set(pool.name, { ...pool, config: { ...pool.config, activation: "relu" } });
  }
  return { ...model, layers: model.layers.map(({ name }) => layers.get(name)!) };
}

function makeLayer(
  layer: KerasLayer,
  weights: readonly Numbers[],
  major: number,
  refused: UnsupportedNode[],
): Made | undefined {
  const { type, name, config } = layer;
  if (!Object.hasOwn(table, type)) {
    refused.push({ type, name, reason: "no such layer here" });
    return undefined;
  }
  try {
    return attempted(layer, () => table[type]!(new Making(name, config, weights, major)));
  } catch (error) {
    if (!(error instanceof UnsupportedModelError)) throw error;
    refused.push(...error.nodes);
    return undefined;
  }
}
/** Whatever goes wrong in a layer is an error with the layer's name. */
function attempted<T>({ type, name }: KerasLayer, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof Refusal)
      throw new UnsupportedModelError(`importKeras: ${type} ${name}: ${error.message}`, [
        { type, name, reason: error.message },
      ]);
    if (error instanceof SecretgradError && error.name === "ShapeError")
      throw new ModelFileError(`importKeras: ${type} ${name}: ${error.message}`, { cause: error });
    throw error;
  }
}

function inputOf(layer: KerasLayer | undefined): Port {
  const shape = layer?.config.batch_shape ?? layer?.config.batch_input_shape;
  const isLength = (d: unknown, i: number) => (d === null && i === 0) || (Number.isInteger(d) && (d as number) > 0);
  if (!layer || !Array.isArray(shape) || !shape.every(isLength))
    throw new ModelFileError(
      `importKeras: expected inputs of known shapes, got ${layer ? `${layer.name} [${String(shape)}]` : "none"}; try keras.Input with a shape`,
    );
  return { name: layer.name, shape: shape as (number | null)[] };
}

/** Layers that take several results. */
const merging: ReadonlySet<string> = new Set([
  "Add",
  "Subtract",
  "Multiply",
  "Average",
  "Maximum",
  "Minimum",
  "Concatenate",
]);

/** Calls of layers so that what they take comes before them. Throws ModelFileError for a circle. */
function ordered({ layers, inputs }: KerasModel): { layer: KerasLayer; call: number }[] {
  const done = new Set(inputs.map(keyOf));
  const waiting = new Map<string, { layer: KerasLayer; call: number; left: number }[]>();
  const ready: { layer: KerasLayer; call: number }[] = [];
  let calls = 0;
  for (const layer of layers) {
    if (layer.type === "InputLayer") continue;
    layer.calls.forEach((taken, call) => {
      calls++;
      const [least, most] = merging.has(layer.type) ? [1, 1_000] : [1, 1];
      if (taken.length < least || taken.length > most)
        throw new ModelFileError(
          `importKeras: expected ${layer.type} ${layer.name} to take ${most === 1 ? "one result" : "results of layers"}, got ${taken.length}`,
        );
      const missing = new Set(taken.map(keyOf).filter((key) => !done.has(key)));
      const entry = { layer, call, left: missing.size };
      if (missing.size === 0) ready.push(entry);
      for (const key of missing) {
        const list = waiting.get(key);
        if (list) list.push(entry);
        else waiting.set(key, [entry]);
      }
    });
  }
  // It grows while it is gone through.
  for (const next of ready) {
    for (const entry of waiting.get(keyOf({ layer: next.layer.name, call: next.call })) ?? [])
      if (--entry.left === 0) ready.push(entry);
  }
  if (ready.length !== calls)
    throw new ModelFileError(
      `importKeras: expected layers that follow from the inputs, got ${calls - ready.length} that do not`,
    );
  return ready;
}
function uniqueName(name: string, taken: object): string {
  let unique = name;
  for (let i = 2; Object.hasOwn(taken, unique); i++) unique = `${name}.${i}`;
  return unique;
}
