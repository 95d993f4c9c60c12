/** Layers without parameters. */
import { type Module, module } from "./module.js";

/** max(x, 0). Cost: one comparison (rep3 at 32 bits: 7 rounds) and one selection (2 rounds). */
export function relu(): Module {
  return module({}, (x) => x.relu());
}
/** Keeps axis 0 and joins all others. Free. */
export function flatten(): Module {
  return module({}, (x) => x.flatten());
}
