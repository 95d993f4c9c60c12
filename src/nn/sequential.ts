/** Layers one after the other. */
import { type Module, module, partOf } from "./module.js";

/**
 * Parameter names are "0.weight", "2.bias", …, as in PyTorch. A relu right before a pooling by maximum is taken after it, which gives
 * the same numbers from fewer comparisons.
 */
export function sequential(...layers: readonly Module[]): Module {
  const children = Object.fromEntries(layers.map((layer, i) => [String(i), layer]));
  const order = [...layers];
  for (let i = 0; i + 1 < order.length; i++)
    if (partOf(order[i]!) === "relu" && partOf(order[i + 1]!) === "maxPool")
      [order[i], order[i + 1]] = [order[i + 1]!, order[i]!];
  return module(children, (x) => order.reduce((value, layer) => layer(value), x));
}
