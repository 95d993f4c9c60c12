/** Models of other frameworks as modules: ONNX, Keras, PyTorch, TensorFlow.js. Files are hostile until they are read. */

export { type Calibration, calibrate, type LayerRange } from "./calibrate.js";
export type { ImportedModel, LayerSummary, ModelSummary, Port } from "./imported.js";
export { importKeras, type KerasOptions } from "./keras/import.js";
export type { FileLimits } from "./limits.js";
export { Numbers } from "./numbers.js";
export { exportOnnx, type OnnxExport } from "./onnx/export.js";
export { importOnnx, type OnnxOptions } from "./onnx/import.js";
export { importModel, type ModelFormat, modelFormat } from "./open.js";
export { readSafetensors, type StateDict, writeSafetensors } from "./safetensors.js";
export { importTfjs, shardNames } from "./tfjs.js";
export { readStateDict, type StateDictOptions } from "./torch/checkpoint.js";
