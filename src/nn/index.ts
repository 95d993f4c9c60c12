/** Neural networks: layers, losses, modules. Names and meaning of PyTorch, in camelCase. */
export { relu } from "./activation.js";
export { conv1d, conv2d, convTranspose1d, convTranspose2d } from "./convolution.js";
export * as functional from "./functional.js";
export { linear } from "./linear.js";
export { Loss, mseLoss } from "./loss.js";
export { type Module, module, named, Parameter } from "./module.js";
export {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
} from "./pooling.js";
export { sequential } from "./sequential.js";
export { flatten, unflatten, zeroPad2d } from "./shape.js";
