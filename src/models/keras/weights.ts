/** Which arrays of a Keras file belong to which layer, in the order in which the layer lists its weights. */
import { ModelFileError } from "../../errors.js";
import type { Numbers } from "../numbers.js";
import type { KerasModel } from "./config.js";
import type { Hdf5Object } from "./hdf5.js";

/** By the layer's name. */
export type LayerWeights = ReadonlyMap<string, readonly Numbers[]>;

const mostWeights = 50_000;

/** Lists that are longer than an attribute may be are cut: layer_names0, layer_names1, … */
function listOf(group: Hdf5Object, name: string): string[] {
  const parts: unknown[] = [group.attributes.get(name) ?? []].flat();
  for (let i = 0; group.attributes.has(`${name}${i}`) && i < 1_000; i++)
    parts.push(...[group.attributes.get(`${name}${i}`)!].flat());
  return parts.filter((each): each is string => typeof each === "string");
}
function follow(group: Hdf5Object, path: string): Hdf5Object {
  let at = group;
  for (const step of path.split("/")) {
    const next = at.members?.get(step);
    if (!next)
      throw new ModelFileError(
        `importKeras: expected ${path} in ${group.path}, got no ${step}; try saving the model again`,
      );
    at = next();
  }
  return at;
}

/** Keras 2, and .h5 of Keras 3: a group for each layer, with the names of its weights. */
export function weightsOfGroups(root: Hdf5Object): LayerWeights {
  const weights = new Map<string, Numbers[]>();
  let count = 0;
  for (const name of listOf(root, "layer_names")) {
    const group = follow(root, name);
    const names = listOf(group, "weight_names");
    count += names.length;
    if (count > mostWeights) throw new ModelFileError(`importKeras: expected at most ${mostWeights} weights, got more`);
    weights.set(
      name,
      names.map((weight) => follow(group, weight).read()),
    );
  }
  return weights;
}

/** .weights.h5 of Keras 3: layers by class and number, with their own names as an attribute; variables by number. */
export function weightsOfVariables(root: Hdf5Object, model: KerasModel): LayerWeights {
  const groups = root.members?.get("layers")?.() ?? root.members?.get("_layer_checkpoint_dependencies")?.();
  if (!groups?.members) throw new ModelFileError("importKeras: expected groups of layers, got none; try model.save()");
  const fallback = namesByClass(model);
  const weights = new Map<string, Numbers[]>();
  for (const [key, open] of groups.members) {
    const group = open();
    const stated = group.members?.get("vars")?.().attributes.get("name");
    const name = typeof stated === "string" ? stated : fallback.get(key);
    if (name === undefined) continue;
    const found: Numbers[] = [];
    collect(group, found, 0);
    weights.set(name, found);
  }
  return weights;
}
/** Own variables first, then those of cells. */
function collect(group: Hdf5Object, found: Numbers[], depth: number): void {
  if (depth > 3) return;
  const own = group.members?.get("vars")?.();
  for (let i = 0; own?.members?.has(String(i)); i++) {
    if (found.length > 100)
      throw new ModelFileError(`importKeras: expected at most 100 weights in ${group.path}, got more`);
    found.push(own.members.get(String(i))!().read());
  }
  for (const inner of ["depthwise_conv", "pointwise_conv", "cell"]) {
    const open = group.members?.get(inner);
    if (open) collect(open(), found, depth + 1);
  }
}
/** Without names: conv2d, conv2d_1, … in the order of the layers. */
function namesByClass({ layers }: KerasModel): Map<string, string> {
  const names = new Map<string, string>();
  for (const { type, name } of layers) {
    const base = type
      .replace(/\W+/g, "")
      .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
      .replace(/([a-z])([A-Z])/g, "$1_$2")
      .toLowerCase();
    let key = base;
    for (let i = 1; names.has(key); i++) key = `${base}_${i}`;
    names.set(key, name);
  }
  return names;
}
