/** Neural networks: layers, losses, modules. Names and meaning of PyTorch, in camelCase. */
export { flatten, gelu, hardsigmoid, relu, sigmoid, silu, softplus, tanh } from "./activation.js";
export { linear } from "./linear.js";
export { Loss, mseLoss } from "./loss.js";
export { type Module, module, named, Parameter } from "./module.js";
export { sequential } from "./sequential.js";
