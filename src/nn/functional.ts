/** Layers as functions, for networks that bring their own weights: nn.functional.conv2d(x, weight, bias, { stride: 2 }). */
export {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
  cosineSimilarity,
  dropout,
  linear,
  maxPool1d,
  maxPool2d,
} from "../tensor/index.js";
