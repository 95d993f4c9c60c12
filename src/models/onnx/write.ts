/** Messages of ONNX files, written: nodes, tensors, inputs and outputs of a graph. Not which nodes, see `export.ts` and `write-back.ts`. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Shape, size } from "../../ring/index.js";
import type { Numbers } from "../numbers.js";

export type Attribute = number | readonly number[] | { readonly float: number } | string;
export interface WrittenNode {
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}
export interface WrittenTensor {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
  /** Default "float": float32. Whole numbers are int64. */
  readonly kind?: Numbers["kind"];
}
export interface WrittenPort {
  readonly name: string;
  /** TensorProto.DataType. */
  readonly type: number;
  /** null where any length goes; undefined where the shape follows from the inputs. */
  readonly shape: readonly (number | null)[] | undefined;
}
export interface WrittenGraph {
  readonly opset: number;
  readonly nodes: readonly WrittenNode[];
  readonly tensors: ReadonlyMap<string, WrittenTensor>;
  readonly inputs: readonly WrittenPort[];
  readonly outputs: readonly WrittenPort[];
}

/** The bytes of a file. */
export function writeModel({ opset, nodes, tensors, inputs, outputs }: WrittenGraph): Uint8Array {
  return message((writer) => {
    writer.tag(1, WireType.Varint).int64(9);
    text(writer, 2, "secretgrad");
    part(writer, 7, (graph) => {
      for (const each of nodes) part(graph, 1, (own) => writeNode(own, each));
      text(graph, 2, "model");
      for (const [name, value] of tensors) part(graph, 5, (own) => writeTensor(own, name, value));
      for (const each of inputs) part(graph, 11, (own) => writePort(own, each));
      for (const each of outputs) part(graph, 12, (own) => writePort(own, each));
    });
    part(writer, 8, (set) => {
      text(set, 1, "");
      set.tag(2, WireType.Varint).int64(opset);
    });
  });
}

function message(write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}
const part = (writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void) =>
  writer.tag(field, WireType.LengthDelimited).bytes(message(write));
const text = (writer: BinaryWriter, field: number, value: string) =>
  writer.tag(field, WireType.LengthDelimited).string(value);

function writeNode(writer: BinaryWriter, node: WrittenNode): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 3, node.name);
  text(writer, 4, node.type);
  for (const [name, value] of Object.entries(node.attributes))
    part(writer, 5, (own) => {
      text(own, 1, name);
      // Each attribute says of which type it is: 1 float, 2 int, 3 string, 7 ints.
      if (typeof value === "number") own.tag(3, WireType.Varint).int64(value).tag(20, WireType.Varint).int32(2);
      else if (typeof value === "string") text(own, 4, value).tag(20, WireType.Varint).int32(3);
      else if ("float" in value) own.tag(2, WireType.Bit32).float(value.float).tag(20, WireType.Varint).int32(1);
      else {
        for (const each of value) own.tag(8, WireType.Varint).int64(each);
        own.tag(20, WireType.Varint).int32(7);
      }
    });
}
const types = { float: 1, int: 7, bool: 9 } as const;
const bytesOf = { float: 4, int: 8, bool: 1 } as const;
function writeTensor(writer: BinaryWriter, name: string, { shape, data, kind = "float" }: WrittenTensor): void {
  for (const length of shape) writer.tag(1, WireType.Varint).int64(length);
  writer.tag(2, WireType.Varint).int32(types[kind]);
  text(writer, 8, name);
  const n = size(shape);
  const raw = new DataView(new ArrayBuffer(bytesOf[kind] * n));
  for (let i = 0; i < n; i++)
    if (kind === "float") raw.setFloat32(4 * i, data[i]!, true);
    else if (kind === "int") raw.setBigInt64(8 * i, BigInt(data[i]!), true);
    else raw.setUint8(i, data[i]!);
  writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(raw.buffer));
}
function writePort(writer: BinaryWriter, { name, type: element, shape }: WrittenPort): void {
  text(writer, 1, name);
  part(writer, 2, (type) =>
    part(type, 1, (tensor) => {
      tensor.tag(1, WireType.Varint).int32(element);
      if (!shape) return;
      part(tensor, 2, (own) => {
        for (const length of shape)
          part(own, 1, (dimension) => {
            if (length === null) text(dimension, 2, "batch");
            else dimension.tag(1, WireType.Varint).int64(length);
          });
      });
    }),
  );
}
