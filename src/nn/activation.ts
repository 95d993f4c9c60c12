/** Layers without parameters. */
import { type Module, module } from "./module.js";

/**
 * max(x, 0). Its gradient at exactly 0 is 1, where PyTorch's is 0. Cost: one comparison (rep3 up to 41 bits: 5 rounds) and one
 * selection (2 rounds); in training one round more, and the numbers of the bits beside the selection.
 */
export function relu(): Module {
  return module({}, (x) => x.relu());
}
/** 1 / (1 + exp(-x)). Cost: 7 rounds (rep3), see docs/functions.md for this one and those below. */
export function sigmoid(): Module {
  return module({}, (x) => x.sigmoid());
}
/** max(0, min(1, x / 6 + 1/2)): the cheap relative of sigmoid. The same rounds, half the bytes. */
export function hardsigmoid(): Module {
  return module({}, (x) => x.hardsigmoid());
}
export function tanh(): Module {
  return module({}, (x) => x.tanh());
}
/** x Phi(x); with `approximate: "tanh"` what PyTorch computes under that name, which costs the same here. */
export function gelu({ approximate = "none" }: { readonly approximate?: "none" | "tanh" } = {}): Module {
  return module({}, (x) => x.gelu(approximate));
}
/** x / (1 + exp(-x)). */
export function silu(): Module {
  return module({}, (x) => x.silu());
}
/** log(1 + exp(x)). */
export function softplus(): Module {
  return module({}, (x) => x.softplus());
}
/** Keeps axis 0 and joins all others. Free. */
export function flatten(): Module {
  return module({}, (x) => x.flatten());
}
