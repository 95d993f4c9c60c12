/** Modules that only hold others: in a row, in a list, by name. */
import type { Tensor } from "../tensor/index.js";
import { type Module, module, type Part, withParts } from "./module.js";

/** Layers one after the other. Parameter names are "0.weight", "2.bias", …, as in PyTorch. */
export function sequential(...layers: readonly Module[]): Module {
  return module(numbered(layers), (x: Tensor) => layers.reduce((value, layer) => layer(value), x));
}
/** Modules that a forward of your own goes through; an array, and a child for nn.module(). Names as for sequential. */
export function moduleList<M extends Part>(modules: readonly M[]): readonly M[] & Part {
  return withParts([...modules], numbered(modules));
}
/** Modules by name, to choose from: get("left"). A plain object of modules for nn.module() needs none. */
export function moduleDict<M extends Part>(modules: Readonly<Record<string, M>>): ReadonlyMap<string, M> & Part {
  return withParts(new Map(Object.entries(modules)), modules);
}

function numbered<M>(list: readonly M[]): Record<string, M> {
  return Object.fromEntries(list.map((item, i) => [String(i), item]));
}
