/** Layers that drop values while a network trains, and do nothing after eval(). */

import type { Tensor } from "../tensor/index.js";
import { dropout as drop } from "../tensor/index.js";
import { described, type Module, playing, withParts } from "./module.js";

/**
 * Elements become 0 with probability p, at most 0.9, others are multiplied by 1/(1-p). The mask is drawn by the parties, who know
 * it, and is another one in each run of the plan. Cheapest before an activation: `linear, dropout, relu` computes the same as
 * `linear, relu, dropout`, without a truncation of its own.
 */
export function dropout(p = 0.5): Module {
  return described(
    layer((x) => drop(x, p)),
    "dropout",
  );
}
/** Drops whole channels of [batch, channels, ...]. */
export function dropout1d(p = 0.5): Module {
  return described(
    layer((x) =>
      drop(
        x,
        p,
        x.shape.map((length, axis) => (axis < 2 ? length : 1)),
      ),
    ),
    "dropout",
  );
}
/** The same. */
export const dropout2d = dropout1d;

function layer(training: (x: Tensor) => Tensor): Module {
  const self: Module = withParts((x: Tensor) => (self.training ? training(x) : x), {});
  return playing("dropout", self);
}
