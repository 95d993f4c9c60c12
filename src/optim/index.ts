/** Optimizers and their learning-rate schedules. Names and meaning of torch.optim, in camelCase. */
export type { Clipping } from "./gradients.js";
export type { Optimizer, ParamGroup } from "./optimizer.js";
export * from "./schedules.js";
export { type SgdOptions, sgd } from "./sgd.js";
