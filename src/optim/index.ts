/** Optimizers. */
export { type Optimizer, type SgdOptions, sgd } from "./sgd.js";
