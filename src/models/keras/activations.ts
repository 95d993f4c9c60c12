/** Activations of Keras by name, with the options and defaults of Keras 2 and 3. */
import type { Tensor } from "../../tensor/index.js";
import { type Config, isConfig } from "./config.js";
import type { Making } from "./making.js";
import { Value } from "./value.js";

type Apply = (x: Tensor) => Tensor;

const exponential = (x: Tensor, alpha: number): Tensor => {
  const positive = x.relu();
  return positive.add(x.sub(positive).exp().sub(1).mul(alpha));
};
const leaky = (x: Tensor, slope: number): Tensor => x.mul(slope).add(x.relu().mul(1 - slope));

function relu(making: Making, options: Config): Apply {
  const [max, slope, threshold] = ["max_value", "negative_slope", "threshold"].map((key) => {
    const value = options[key];
    if (value != null && typeof value !== "number") making.refuse(`${key} is no number`);
    return value as number | null | undefined;
  });
  if (threshold) making.refuse("a threshold");
  if (max != null) return slope ? making.refuse("max_value with a slope") : (x) => x.clamp(0, max);
  return slope ? (x) => leaky(x, slope) : (x) => x.relu();
}
const number = (options: Config, key: string, otherwise: number): number => {
  const value = options[key];
  return typeof value === "number" ? value : otherwise;
};

const table: Readonly<Record<string, (making: Making, options: Config) => Apply>> = {
  linear: () => (x) => x,
  relu: (making, options) => relu(making, options),
  ReLU: (making, options) => relu(making, options),
  relu6: () => (x) => x.clamp(0, 6),
  leaky_relu: (_, options) => (x) => leaky(x, number(options, "negative_slope", number(options, "alpha", 0.2))),
  elu: (_, options) => (x) => exponential(x, number(options, "alpha", 1)),
  selu: () => (x) => exponential(x, 1.6732632423543772).mul(1.0507009873554805),
  sigmoid: () => (x) => x.sigmoid(),
  tanh: () => (x) => x.tanh(),
  gelu: (_, options) => (x) => x.gelu(options.approximate === true ? "tanh" : "none"),
  softplus: () => (x) => x.softplus(),
  softsign: () => (x) => x.div(x.abs().add(1)),
  swish: () => (x) => x.silu(),
  silu: () => (x) => x.silu(),
  mish: () => (x) => x.mul(x.softplus().tanh()),
  exponential: () => (x) => x.exp(),
  // Keras 2 has 0.2 x + 0.5, Keras 3 x / 6 + 0.5.
  hard_sigmoid: (making) => (making.major < 3 ? (x) => x.mul(0.2).add(0.5).clamp(0, 1) : (x) => x.hardsigmoid()),
  hard_silu: () => (x) => x.mul(x.hardsigmoid()),
  hard_swish: () => (x) => x.mul(x.hardsigmoid()),
};

/** Throws a Refusal for one that is not known. */
export function activationNamed(making: Making, name: string, options: Config = {}): (x: Value) => Value {
  // Along the last axis, which may not lie last.
  if (name === "softmax") return (x) => new Value(x.keras.softmax(-1));
  if (name === "log_softmax") return (x) => new Value(x.keras.logSoftmax(-1));
  if (!Object.hasOwn(table, name)) return making.refuse(`activation ${name}`);
  const apply = table[name]!(making, options);
  return name === "linear" ? (x) => x : (x) => x.map(apply);
}

/** From a configuration: a name, or a class with its options. */
export function activation(making: Making, given: unknown): (x: Value) => Value {
  if (given == null) return (x) => x;
  if (typeof given === "string") return activationNamed(making, given);
  if (!isConfig(given)) return making.refuse("an activation without a name");
  const { class_name: type, config } = given;
  if (type === "function" && typeof config === "string") return activationNamed(making, config);
  if (typeof type !== "string") return making.refuse("an activation without a name");
  const known = Object.hasOwn(table, type) ? type : type.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
  return activationNamed(making, known, isConfig(config) ? config : {});
}
