/** Neural networks: layers, losses, modules. Names and meaning of PyTorch, in camelCase. */
export * from "./activation.js";
export {
  type Attention,
  type AttentionMask,
  multiheadAttention,
  type TransformerLayer,
  transformerEncoder,
  transformerEncoderLayer,
} from "./attention.js";
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type ClassTarget,
  crossEntropy,
  klDiv,
  nllLoss,
} from "./classification.js";
export { moduleDict, moduleList, sequential } from "./containers.js";
export { conv1d, conv2d, convTranspose1d, convTranspose2d } from "./convolution.js";
export { dropout, dropout1d, dropout2d } from "./dropout.js";
export { type Embedding, embedding } from "./embedding.js";
export * as functional from "./functional.js";
export * as init from "./init.js";
export { linear } from "./linear.js";
export { huberLoss, Loss, l1Loss, mseLoss, type Reduction, smoothL1Loss } from "./loss.js";
export { type Children, kindOf, type LayerKind, type Module, module, named, type Part } from "./module.js";
export {
  type BatchNorm,
  type BatchNormOptions,
  batchNorm1d,
  batchNorm2d,
  fuseBatchNorm,
  groupNorm,
  instanceNorm1d,
  instanceNorm2d,
  layerNorm,
  rmsNorm,
} from "./normalization.js";
export { Buffer, Parameter } from "./parameter.js";
export {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
} from "./pooling.js";
export {
  gru,
  gruCell,
  type LstmState,
  lstm,
  lstmCell,
  type Recurrent,
  type RecurrentOptions,
  rnn,
  rnnCell,
} from "./recurrent.js";
export { flatten, unflatten, zeroPad2d } from "./shape.js";
export { cosineSimilarity } from "./similarity.js";
