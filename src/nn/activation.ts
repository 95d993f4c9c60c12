/** Layers without parameters (but for prelu), element by element or along an axis. Domains and errors are those of `functions/`. */
import * as functions from "../functions/index.js";
import { checkOptions } from "../options.js";
import { Tensor } from "../tensor/index.js";
import { described, type Module, module, playing } from "./module.js";
import { Parameter } from "./parameter.js";

const layer = (forward: (x: Tensor) => Tensor): Module => module({}, forward);
/** A function that tensors have no method for. */
const recorded = (x: Tensor, make: (b: Tensor["graph"]["recorder"], ref: Tensor["ref"]) => Tensor["ref"]): Tensor =>
  new Tensor(x.graph, make(x.graph.recorder, x.ref));

/**
 * max(x, 0). Its gradient at exactly 0 is 1, where PyTorch's is 0. Cost: one comparison (rep3 up to 41 bits: 5 rounds) and one
 * selection (2 rounds); in training one round more, and the numbers of the bits beside the selection.
 */
export const relu = (): Module =>
  playing(
    "relu",
    described(
      layer((x) => x.relu()),
      "relu",
    ),
  );
export const sigmoid = (): Module =>
  described(
    layer((x) => x.sigmoid()),
    "sigmoid",
  );
export const tanh = (): Module =>
  described(
    layer((x) => x.tanh()),
    "tanh",
  );
export const silu = (): Module => layer((x) => x.silu());
export const softplus = (): Module =>
  described(
    layer((x) => x.softplus()),
    "softplus",
  );
/** x Phi(x); with "tanh" the approximation that PyTorch has under that name. */
export function gelu(options: { readonly approximate?: "none" | "tanh" } = {}): Module {
  checkOptions("gelu", options, { approximate: true });
  return described(
    layer((x) => x.gelu(options.approximate)),
    "gelu",
    options,
  );
}
/** max(0, min(1, x / 6 + 1/2)) */
export const hardsigmoid = (): Module =>
  described(
    layer((x) => x.hardsigmoid()),
    "hardsigmoid",
  );
/** x hardsigmoid(x) */
export const hardswish = (): Module =>
  described(
    layer((x) => x.mul(x.hardsigmoid())),
    "hardswish",
  );
/** x between two numbers, -1 and 1 unless others are given. */
export const hardtanh = (low = -1, high = 1): Module =>
  described(
    layer((x) => x.clamp(low, high)),
    "hardtanh",
    { low, high },
  );
export const relu6 = (): Module => hardtanh(0, 6);
/** x, or slope x where x < 0. As relu, and a truncation unless the slope is a power of two. */
export const leakyRelu = (slope = 0.01): Module =>
  described(
    layer((x) => leaky(x, slope)),
    "leakyRelu",
    { slope },
  );
/** The same with slopes that are learnt: one, or one for each channel along axis 1. They begin at 0.25. */
export function prelu(numParameters = 1, init = 0.25): Module {
  const weight = new Parameter([numParameters], () => new Float64Array(numParameters).fill(init));
  return module({ weight }, (x, own) => {
    const slopes = own.weight.in(x.graph);
    const column = numParameters === 1 ? slopes : slopes.reshape(...x.shape.slice(1).map((d, i) => (i === 0 ? d : 1)));
    const positive = x.relu();
    return positive.add(x.sub(positive).mul(column));
  });
}
const leaky = (x: Tensor, slope: number): Tensor => x.mul(slope).add(x.relu().mul(1 - slope));
/** x, or alpha (exp(x) - 1) where x < 0. */
export const elu = (alpha = 1): Module =>
  described(
    layer((x) => exponential(x, alpha)),
    "elu",
    { alpha },
  );
/** Scaled so that variances stay 1 (Klambauer et al. 2017). */
export const selu = (): Module => layer((x) => exponential(x, 1.6732632423543772).mul(1.0507009873554805));
function exponential(x: Tensor, alpha: number): Tensor {
  const positive = x.relu();
  const powers = recorded(x.sub(positive), functions.expNonPositive);
  return positive.add(powers.sub(1).mul(alpha));
}
/** x tanh(softplus(x)) */
export const mish = (): Module => layer((x) => x.mul(x.softplus().tanh()));
export const logSigmoid = (): Module => layer((x) => x.neg().softplus().neg());
/** x / (1 + |x|) */
export const softsign = (): Module => layer((x) => x.div(x.abs().add(1)));
/** x - tanh(x) */
export const tanhshrink = (): Module => layer((x) => x.sub(x.tanh()));
export const softmax = (axis: number): Module =>
  described(
    layer((x) => x.softmax(axis)),
    "softmax",
    { axis },
  );
export const logSoftmax = (axis: number): Module =>
  described(
    layer((x) => x.logSoftmax(axis)),
    "logSoftmax",
    { axis },
  );
export const softmin = (axis: number): Module => layer((x) => x.neg().softmax(axis));

export const identity = (): Module =>
  described(
    layer((x) => x),
    "identity",
  );
