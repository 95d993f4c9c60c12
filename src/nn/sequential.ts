/** Layers one after the other. */
import { type Module, module } from "./module.js";

/** Parameter names are "0.weight", "2.bias", …, as in PyTorch. */
export function sequential(...layers: readonly Module[]): Module {
  const children = Object.fromEntries(layers.map((layer, i) => [String(i), layer]));
  return module(children, (x) => layers.reduce((value, layer) => layer(value), x));
}
