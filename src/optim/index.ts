/** Optimizers and their learning-rate schedules. Names and meaning of torch.optim, in camelCase. */
export { type AdagradOptions, adagrad } from "./adagrad.js";
export { type AdamOptions, adam, adamW } from "./adam.js";
export type { Clipping } from "./gradients.js";
export type { Optimizer, ParamGroup } from "./optimizer.js";
export { type RmspropOptions, rmsprop } from "./rmsprop.js";
export * from "./schedules.js";
export { type SgdOptions, sgd } from "./sgd.js";
