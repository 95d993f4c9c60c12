/** Secret tensors and the graph they are recorded in. */
export { type Closing, type Feed, Graph, type GraphHost, type PendingReveal } from "./graph.js";
export { type Nested, Plaintext, readValues, type Values } from "./plaintext.js";
export { concat, linear, type Operand, refOf, type Sorted, Tensor, where } from "./tensor.js";
export { Variable } from "./variable.js";
