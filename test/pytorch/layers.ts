/** How the layers that record.py has recorded are made and called here. Not the tests. */
import { nn } from "../../src/index.js";
import type { Tensor } from "../../src/tensor/index.js";
import type { LayerCase } from "./recorded.js";

export type Layer = nn.Module<readonly never[], unknown>;
export function make({ layer, options }: LayerCase): Layer {
  const made = (name: string) =>
    (nn[name as "linear"] as unknown as (...args: readonly unknown[]) => Layer)(...options.args);
  if (layer !== "transformerEncoder") return made(layer);
  return nn.transformerEncoder(() => made("transformerEncoderLayer") as never, options.count as number) as never;
}

/** How a recorded case is called: [h, c] is one argument here, and all results are a list. */
export function call(layer: Layer, { layer: name, options }: LayerCase, inputs: readonly Tensor[]): Tensor[] {
  const apply = layer as unknown as (...args: readonly unknown[]) => unknown;
  const flat = (value: unknown): Tensor[] => (Array.isArray(value) ? value.flatMap(flat) : [value as Tensor]);
  if (name === "lstmCell") return flat(apply(inputs[0], [inputs[1], inputs[2]]));
  if (name === "multiheadAttention") {
    const [query, key = query, value = query] = inputs;
    return flat(apply(query, key, value, { isCausal: options.causal === true })).slice(0, 1);
  }
  return flat(apply(...inputs));
}
