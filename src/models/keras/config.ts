/**
 * The architecture that a Keras file states, of Keras 2, Keras 3 and TensorFlow.js alike: layers, and who takes whose result. Not what
 * the layers do, which is `layers.ts`.
 */
import { ModelFileError } from "../../errors.js";
import { brief, parseJson } from "../json.js";

export type Config = Readonly<Record<string, unknown>>;

export interface KerasLayer {
  readonly name: string;
  readonly type: string;
  readonly config: Config;
  /** For each time that it is used, the results that it takes. */
  readonly calls: readonly (readonly Result[])[];
}
/** The result of a layer's call, counted from 0. */
export interface Result {
  readonly layer: string;
  readonly call: number;
}
export interface KerasModel {
  readonly name: string;
  readonly layers: readonly KerasLayer[];
  readonly inputs: readonly Result[];
  readonly outputs: readonly Result[];
}

const mostLayers = 5_000;
/** Each is a value of the plan. */
const mostCalls = 20_000;
const mostPorts = 1_000;

export const isConfig = (value: unknown): value is Config =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Throws ModelFileError for anything but a Sequential or functional model of layers. */
export function readKerasConfig(where: string, text: string): KerasModel {
  return modelOf(where, parseJson(where, text));
}

const bad = (where: string, expected: string, got: string) =>
  new ModelFileError(`${where}: expected ${expected}, got ${brief(got)}; try saving the model again`);

/** Of JSON that parseJson() has read, which is of limited depth. */
export function modelOf(where: string, parsed: unknown): KerasModel {
  if (!isConfig(parsed) || typeof parsed.class_name !== "string") throw bad(where, "a model", "another object");
  const { class_name: type, config } = parsed;
  // Keras before 2.3 has the layers of a Sequential without a name.
  const own = Array.isArray(config) ? { name: "sequential", layers: config } : config;
  if (!isConfig(own) || !Array.isArray(own.layers)) throw bad(where, "a model with layers", `a ${type}`);
  if (own.layers.length > mostLayers) throw bad(where, `at most ${mostLayers} layers`, `${own.layers.length}`);
  const name = typeof own.name === "string" ? own.name : "model";
  if (type === "Sequential") return sequential(where, name, own, parsed);
  if (type === "Functional" || type === "Model") return functional(where, name, own);
  throw bad(where, "a Sequential or functional model", `a ${type}`);
}

function layerHead(where: string, value: unknown): Omit<KerasLayer, "calls"> {
  if (!isConfig(value) || typeof value.class_name !== "string" || !isConfig(value.config))
    throw bad(where, "layers with a class and a configuration", "another object");
  const name = value.name ?? value.config.name;
  if (typeof name !== "string" || name.length > 500) throw bad(where, "layers with a name", `a ${value.class_name}`);
  return { name, type: value.class_name, config: value.config };
}

function sequential(where: string, name: string, own: Config, model: Config): KerasModel {
  const layers = listOf(own.layers).map((value) => layerHead(where, value));
  if (layers[0]?.type !== "InputLayer") {
    const built = isConfig(model.build_config) ? model.build_config.input_shape : undefined;
    const shape =
      layers[0]?.config.batch_input_shape ?? layers[0]?.config.batch_shape ?? own.build_input_shape ?? built;
    layers.unshift({ name: `${name}_input`, type: "InputLayer", config: { batch_shape: shape } });
  }
  checkNames(where, layers);
  const chain = layers.map((layer, i) => ({
    ...layer,
    calls: [i === 0 ? [] : [{ layer: layers[i - 1]!.name, call: 0 }]],
  }));
  const [first, last] = [chain[0]!, chain.at(-1)!];
  return { name, layers: chain, inputs: [{ layer: first.name, call: 0 }], outputs: [{ layer: last.name, call: 0 }] };
}

function functional(where: string, name: string, own: Config): KerasModel {
  const layers = listOf(own.layers).map((value): KerasLayer => {
    const head = layerHead(where, value);
    const nodes = listOf((value as Config).inbound_nodes);
    if (nodes.length > mostLayers) throw bad(where, `at most ${mostLayers} uses of a layer`, `${nodes.length}`);
    const calls = nodes.map((node) => takenBy(where, node));
    return { ...head, calls: head.type === "InputLayer" && calls.length === 0 ? [[]] : calls };
  });
  checkNames(where, layers);
  if (layers.reduce((sum, { calls }) => sum + calls.length, 0) > mostCalls)
    throw bad(where, `at most ${mostCalls} uses of layers`, "more");
  const ends = (value: unknown): Result[] => {
    // One result may stand for a list of one.
    const list = listOf(value);
    if (list.length > mostPorts) throw bad(where, `at most ${mostPorts} inputs and outputs`, `${list.length}`);
    return (typeof list[0] === "string" ? [list] : list).map((each) => resultOf(where, each));
  };
  return { name, layers, inputs: ends(own.input_layers), outputs: ends(own.output_layers) };
}

/** The results that a call takes, wherever among its arguments they are. */
function takenBy(where: string, node: unknown): Result[] {
  if (Array.isArray(node)) {
    // Keras 2: [name, call, tensor, named arguments] for each.
    if (node.some((each) => isConfig(listOf(each)[3]) && Object.values(listOf(each)[3] as Config).some(isResult)))
      throw bad(where, "results as unnamed arguments", "a named one");
    return node.map((each) => resultOf(where, each));
  }
  const found: Result[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) walk(each);
    else if (isConfig(value)) {
      if (value.class_name === "__keras_tensor__" && isConfig(value.config))
        found.push(resultOf(where, value.config.keras_history));
      else for (const each of Object.values(value)) walk(each);
    }
  };
  walk(isConfig(node) ? [node.args, node.kwargs] : node);
  return found;
}
const isResult = (value: unknown): boolean =>
  Array.isArray(value) && typeof value[0] === "string" && typeof value[1] === "number";
function resultOf(where: string, value: unknown): Result {
  const [layer, call, tensor] = listOf(value);
  if (typeof layer !== "string" || !Number.isInteger(call)) throw bad(where, "[layer, call, result]", "another value");
  if (tensor !== 0) throw bad(where, "layers of one result", `result ${tensor} of ${layer}`);
  return { layer, call: call as number };
}
function checkNames(where: string, layers: readonly { readonly name: string }[]): void {
  const names = new Set<string>();
  for (const { name } of layers) {
    if (names.has(name)) throw bad(where, "a name for each layer", `${name} twice`);
    names.add(name);
  }
}
