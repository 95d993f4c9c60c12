/** Secret tensors and the graph they are recorded in. */
export { dropout } from "./dropout.js";
export * from "./functional.js";
export { type Closing, type Feed, Graph, type GraphHost, type PendingReveal, type Watched } from "./graph.js";
export { standardize } from "./normalize.js";
export { type Nested, Plaintext, readValues, type Values } from "./plaintext.js";
export { concat, linear, type Operand, refOf, refuseArguments, type Sorted, Tensor, where } from "./tensor.js";
export { Variable } from "./variable.js";
