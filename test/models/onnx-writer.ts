/** ONNX files written field by field, as no exporter would: for tests of hostile files. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export const message = (write: (writer: BinaryWriter) => void): Uint8Array => {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
};
export const field = (writer: BinaryWriter, number: number, bytes: Uint8Array) =>
  writer.tag(number, WireType.LengthDelimited).bytes(bytes);
export const name = (writer: BinaryWriter, number: number, text: string) =>
  writer.tag(number, WireType.LengthDelimited).string(text);
export const port = (called: string, ...shape: number[]) =>
  message((w) => {
    name(w, 1, called);
    const dims = message((s) => {
      for (const d of shape)
        field(
          s,
          1,
          message((own) => own.tag(1, WireType.Varint).int64(d)),
        );
    });
    const tensor = message((t) => field(t.tag(1, WireType.Varint).int32(1), 2, dims));
    field(
      w,
      2,
      message((type) => field(type, 1, tensor)),
    );
  });
export const tensor = (called: string, dims: readonly number[], raw: Uint8Array, type = 1) =>
  message((w) => {
    for (const d of dims) w.tag(1, WireType.Varint).int64(d);
    w.tag(2, WireType.Varint).int32(type);
    name(w, 8, called);
    field(w, 9, raw);
  });
export const node = (type: string, inputs: readonly string[], output: string, ...attributes: readonly Uint8Array[]) =>
  message((w) => {
    for (const input of inputs) name(w, 1, input);
    name(w, 2, output);
    name(w, 3, `the ${type}`);
    name(w, 4, type);
    for (const each of attributes) field(w, 5, each);
  });
export function model(nodes: readonly Uint8Array[], tensors: readonly Uint8Array[] = []): Uint8Array {
  const graph = message((w) => {
    for (const each of nodes) field(w, 1, each);
    for (const each of tensors) field(w, 5, each);
    field(w, 11, port("x", 1, 2));
    field(w, 12, port("y", 1, 2));
  });
  return message((w) => {
    field(w, 7, graph);
    field(
      w,
      8,
      message((own) => own.tag(2, WireType.Varint).int64(13)),
    );
  });
}
export const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
export const longs = (...values: bigint[]) => new Uint8Array(BigInt64Array.from(values).buffer);
