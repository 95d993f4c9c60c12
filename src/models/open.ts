/** Which format a model file has, told from its bytes alone. */
import { ModelFileError } from "../errors.js";
import { checkOptions } from "../options.js";
import type { ImportedModel } from "./imported.js";
import { isHdf5 } from "./keras/hdf5.js";
import { importKeras, type KerasOptions, kerasNames } from "./keras/import.js";
import { importOnnx, type OnnxOptions, onnxNames } from "./onnx/import.js";
import { isSafetensors } from "./safetensors.js";
import { isZip, unzip } from "./zip.js";

export type ModelFormat = "onnx" | "keras" | "tfjs" | "torch" | "safetensors";

/** The format that a file seems to have; "onnx" for what has no sign of its own. */
export function modelFormat(bytes: Uint8Array): ModelFormat {
  if (isHdf5(bytes)) return "keras";
  if (isSafetensors(bytes)) return "safetensors";
  if (bytes[0] === 0x7b) return "tfjs";
  if (bytes[0] === 0x80 && bytes[1] === 2) return "torch";
  if (!isZip(bytes)) return "onnx";
  return unzip("modelFormat", bytes, 2 ** 20, (name) => name === "metadata.json").size > 0 ? "keras" : "torch";
}

/**
 * A model from an .onnx, .h5 or .keras file; options of another format than the file's are passed over. Throws as the importers do, and ModelFileError for files of weights without layers.
 *
 * @example const model = models.importModel(await readFile(path));
 */
export function importModel(bytes: Uint8Array, options: OnnxOptions & KerasOptions = {}): ImportedModel {
  checkOptions("importModel", options, { ...onnxNames, ...kerasNames });
  const { inputShapes, constants, architecture, ...common } = options;
  const format = modelFormat(bytes);
  if (format === "onnx")
    return importOnnx(bytes, { ...common, ...(inputShapes && { inputShapes }), ...(constants && { constants }) });
  if (format === "keras") return importKeras(bytes, { ...common, ...(architecture !== undefined && { architecture }) });
  const instead = format === "tfjs" ? "importTfjs with its shards" : "readStateDict for a network of yours";
  throw new ModelFileError(`importModel: expected a file with layers, got ${format}; try ${instead}`);
}
