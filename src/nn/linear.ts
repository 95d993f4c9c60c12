/** Fully connected layers. */

import { checkOptions } from "../options.js";
import { uniform } from "../random/index.js";
import { linear as multiply } from "../tensor/index.js";
import { described, type Module, module } from "./module.js";
import { Parameter } from "./parameter.js";

/**
 * y = x Wᵀ + b, x: [batch, inputs], weight: [outputs, inputs], bias: [outputs], as in PyTorch. Initial values are uniform
 * in ±1/√inputs, drawn by whoever drives the session.
 *
 * Cost: none until the product is truncated; with a relu after it, one truncation of batch × outputs.
 */
export function linear(inputs: number, outputs: number, options: { bias?: boolean } = {}): Module {
  checkOptions("linear", options, { bias: true });
  const limit = 1 / Math.sqrt(inputs);
  const weight = new Parameter([outputs, inputs], () => uniform(outputs * inputs, -limit, limit));
  if (options.bias === false)
    return described(
      module({ weight }, (x, own) => multiply(x, own.weight)),
      "linear",
    );
  const bias = new Parameter([outputs], () => uniform(outputs, -limit, limit));
  return described(
    module({ weight, bias }, (x, own) => multiply(x, own.weight, own.bias)),
    "linear",
  );
}
