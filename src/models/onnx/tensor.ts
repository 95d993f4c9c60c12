/** The numbers of a TensorProto, whatever its element type and its way of storing them. Not the bytes around it, see `wire.ts`. */
import { ModelFileError } from "../../errors.js";
import { size } from "../../ring/index.js";
import { brainFloat, halfPrecision } from "../floats.js";
import { checkedShape, Numbers } from "../numbers.js";
import type { OnnxTensor } from "./wire.js";

interface Element {
  readonly name: string;
  readonly bytes: number;
  readonly kind: Numbers["kind"];
  readonly at: (view: DataView, offset: number) => number;
  /** Of an element that is listed as an integer. */
  readonly listed?: (word: number) => number;
}
/** By TensorProto.DataType. */
const elements: Readonly<Record<number, Element>> = {
  1: { name: "float", bytes: 4, kind: "float", at: (view, i) => view.getFloat32(i, true) },
  2: { name: "uint8", bytes: 1, kind: "int", at: (view, i) => view.getUint8(i) },
  3: { name: "int8", bytes: 1, kind: "int", at: (view, i) => view.getInt8(i) },
  4: { name: "uint16", bytes: 2, kind: "int", at: (view, i) => view.getUint16(i, true) },
  5: { name: "int16", bytes: 2, kind: "int", at: (view, i) => view.getInt16(i, true) },
  6: { name: "int32", bytes: 4, kind: "int", at: (view, i) => view.getInt32(i, true) },
  7: { name: "int64", bytes: 8, kind: "int", at: (view, i) => Number(view.getBigInt64(i, true)) },
  9: { name: "bool", bytes: 1, kind: "bool", at: (view, i) => (view.getUint8(i) ? 1 : 0) },
  10: {
    name: "float16",
    bytes: 2,
    kind: "float",
    at: (view, i) => halfPrecision(view.getUint16(i, true)),
    listed: halfPrecision,
  },
  11: { name: "double", bytes: 8, kind: "float", at: (view, i) => view.getFloat64(i, true) },
  12: { name: "uint32", bytes: 4, kind: "int", at: (view, i) => view.getUint32(i, true) },
  13: { name: "uint64", bytes: 8, kind: "int", at: (view, i) => Number(view.getBigUint64(i, true)) },
  16: {
    name: "bfloat16",
    bytes: 2,
    kind: "float",
    at: (view, i) => brainFloat(view.getUint16(i, true)),
    listed: brainFloat,
  },
};
const otherNames: Readonly<Record<number, string>> = { 0: "undefined", 8: "string", 14: "complex64", 15: "complex128" };

export const elementName = (type: number): string => elements[type]?.name ?? otherNames[type] ?? `type ${type}`;
/** Undefined for texts, complex numbers and what is newer than this. */
export const elementKind = (type: number): Numbers["kind"] | undefined => elements[type]?.kind;

/** Throws ModelFileError for elements kept elsewhere, of another kind, or not as many as the shape says. */
export function tensorNumbers(tensor: OnnxTensor, trained = false): Numbers {
  const where = `tensor ${tensor.name || "(unnamed)"}`;
  if (tensor.external)
    throw new ModelFileError(
      `${where}: expected its numbers in the file, got external data, which is never opened; try onnx.save(model, path, save_as_external_data=False)`,
    );
  const element = elements[tensor.type];
  if (!element)
    throw new ModelFileError(`${where}: expected numbers, got ${elementName(tensor.type)}; try exporting as float32`);
  const shape = checkedShape(where, tensor.dims);
  const n = size(shape);
  const { raw, listed } = tensor;
  const got = raw && raw.length > 0 ? raw.length / element.bytes : listed.length;
  if (got !== n)
    throw new ModelFileError(
      `${where}: expected ${n} elements for [${shape}], got ${got}; try exporting the model again`,
    );
  const data = new Float64Array(n);
  if (raw && raw.length > 0) {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    for (let i = 0; i < n; i++) data[i] = element.at(view, i * element.bytes);
  } else {
    const { listed: decode = (word: number) => word } = element;
    for (let i = 0; i < n; i++) data[i] = decode(listed[i]!);
  }
  return new Numbers(shape, data, element.kind, trained && element.kind === "float");
}
