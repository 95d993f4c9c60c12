/** Layers that compare two tensors. No parameters. */

import type { Tensor } from "../tensor/index.js";
import * as functional from "../tensor/index.js";
import { type Module, module } from "./module.js";

/** The cosine of the angle between rows of two tensors, along an axis; see nn.functional.cosineSimilarity. */
export function cosineSimilarity(axis = 1): Module<readonly [Tensor, Tensor]> {
  return module({}, (x: Tensor, y: Tensor, _: object) => functional.cosineSimilarity(x, y, axis));
}
