/** Modules that only hold others: in a row, in a list, by name. */
import type { Tensor } from "../tensor/index.js";
import { described, type Module, module, type Part, roleOf, withParts } from "./module.js";

/**
 * Layers one after the other. Parameter names are "0.weight", "2.bias", …, as in PyTorch. A relu right before a pooling by maximum or a
 * dropout is taken after it, which gives the same numbers from fewer comparisons, or from one truncation less.
 */
export function sequential(...layers: readonly Module[]): Module {
  const order = [...layers];
  for (let i = 0; i + 1 < order.length; i++)
    if (roleOf(order[i]!) === "relu" && ["maxPool", "dropout"].includes(roleOf(order[i + 1]!) ?? ""))
      [order[i], order[i + 1]] = [order[i + 1]!, order[i]!];
  const network = module(numbered(layers), (x: Tensor) => order.reduce((value, layer) => layer(value), x));
  return described(network, "sequential", {}, layers);
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
