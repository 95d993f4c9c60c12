/** Layers without parameters. */
import { type Module, module, playing } from "./module.js";

/**
 * max(x, 0). Its gradient at exactly 0 is 1, where PyTorch's is 0. Cost: one comparison (rep3 up to 41 bits: 5 rounds) and one
 * selection (2 rounds); in training one round more, and the numbers of the bits beside the selection.
 */
export function relu(): Module {
  return playing(
    "relu",
    module({}, (x) => x.relu()),
  );
}
