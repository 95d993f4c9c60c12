/**
 * Messages of ONNX files (onnx.proto), those that inference needs, read strictly from protobuf's wire format; and written. By hand
 * instead of generated: every count and length is checked while it is read, graphs inside attributes are never entered, so nothing
 * recurses, and numbers come out as numbers.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { ModelFileError } from "../../errors.js";

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** TensorProto.DataType. */
  readonly type: number;
  /** Little-endian elements; undefined where they are listed in `listed`. */
  readonly raw: Uint8Array | undefined;
  readonly listed: readonly number[];
  readonly external: boolean;
}
export interface OnnxAttribute {
  readonly name: string;
  readonly float?: number;
  readonly int?: number;
  readonly string?: string;
  readonly tensor?: OnnxTensor;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly string[];
  /** A graph, a sparse tensor or a reference: nothing that is read. */
  readonly other: boolean;
}
export interface OnnxNode {
  readonly name: string;
  readonly type: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}
export interface OnnxPort {
  readonly name: string;
  /** TensorProto.DataType; 0 if it is no tensor. */
  readonly type: number;
  /** null where the length is open; undefined where not even the number of axes is stated. */
  readonly shape: readonly (number | null)[] | undefined;
}
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly sparse: number;
}
export interface OnnxModel {
  readonly graph: OnnxGraph;
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
  readonly functions: number;
}

/** More of these than any model that could be evaluated on shares has. */
const most = {
  nodes: 20_000,
  tensors: 20_000,
  ports: 4_000,
  attributes: 64,
  perNode: 1_024,
  axes: 16,
  text: 1_024,
  /** Numbers that are listed one by one, which exporters do for short tensors: of all tensors and attributes together. */
  listed: 2 ** 25,
};
/** What may still be listed in this file. */
interface Budget {
  readonly most: number;
  left: number;
}
const budgetOf = (listed: number): Budget => ({ most: listed, left: listed });

type Handle = (reader: BinaryReader, wire: WireType) => void;

/** Calls the handle of each field; skips unknown ones. Throws ModelFileError for bytes that are no such message. */
function read(where: string, bytes: Uint8Array, handles: Readonly<Record<number, Handle>>): void {
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      const handle = handles[field];
      if (handle) handle(reader, wire);
      else if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw new Error("a group");
      else reader.skip(wire, field);
      if (reader.pos > reader.len) throw new Error("a field beyond the end");
    }
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    throw new ModelFileError(
      `${where}: expected a message of onnx.proto, got ${(error as Error).message} near byte ${reader.pos} of ${reader.len}; try exporting the model again`,
      { cause: error },
    );
  }
}
const expectWire = (wire: WireType, wanted: WireType): void => {
  if (wire !== wanted) throw new Error(`wire type ${wire} where ${wanted} belongs`);
};
const text =
  (set: (value: string) => void, limit = most.text): Handle =>
  (reader, wire) => {
    expectWire(wire, WireType.LengthDelimited);
    const bytes = reader.bytes();
    if (bytes.length > limit) throw new Error(`a name of ${bytes.length} bytes`);
    set(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  };
const message =
  (set: (bytes: Uint8Array) => void): Handle =>
  (reader, wire) => {
    expectWire(wire, WireType.LengthDelimited);
    set(reader.bytes());
  };
const int =
  (set: (value: number) => void): Handle =>
  (reader, wire) => {
    expectWire(wire, WireType.Varint);
    set(Number(reader.int64()));
  };
/** Packed, or one at a time. */
const numbers =
  (budget: Budget, into: number[], wire: WireType, next: (reader: BinaryReader) => number, limit = Infinity): Handle =>
  (reader, got) => {
    const packed = got === WireType.LengthDelimited ? reader.bytes() : undefined;
    if (!packed) expectWire(got, wire);
    const count = packed ? countOf(packed, wire) : 1;
    // Before any is decoded.
    if (into.length + count > limit) throw new Error(`more than ${limit} numbers`);
    if (count > budget.left) throw new Error(`more than ${budget.most} numbers that the file lists one by one`);
    budget.left -= count;
    if (!packed) {
      into.push(next(reader));
      return;
    }
    const inner = new BinaryReader(packed);
    while (inner.pos < inner.len) into.push(next(inner));
  };
/** How many numbers are packed; of varints the upper bit says which byte is not the last. */
function countOf(packed: Uint8Array, wire: WireType): number {
  if (wire !== WireType.Varint) return Math.ceil(packed.length / (wire === WireType.Bit64 ? 8 : 4));
  let count = 0;
  for (let i = 0; i < packed.length; i++) count += packed[i]! < 0x80 ? 1 : 0;
  return count;
}
const int64 = (reader: BinaryReader): number => Number(reader.int64());
const uint64 = (reader: BinaryReader): number => Number(reader.uint64());
const float = (reader: BinaryReader): number => reader.float();
const double = (reader: BinaryReader): number => reader.double();

function push<T>(where: string, list: T[], limit: number, item: T): void {
  if (list.length >= limit)
    throw new ModelFileError(`${where}: expected at most ${limit}, got more; try a smaller model`);
  list.push(item);
}

/** A tensor of its own, or of a file with `budget`. */
export function readTensor(bytes: Uint8Array, budget = budgetOf(most.listed)): OnnxTensor {
  let [name, type, external]: [string, number, boolean] = ["", 0, false];
  let raw: Uint8Array | undefined;
  const [dims, listed]: [number[], number[]] = [[], []];
  read("TensorProto", bytes, {
    1: numbers(budget, dims, WireType.Varint, int64, most.axes),
    2: int((value) => {
      type = value;
    }),
    4: numbers(budget, listed, WireType.Bit32, float),
    5: numbers(budget, listed, WireType.Varint, int64),
    7: numbers(budget, listed, WireType.Varint, int64),
    8: text((value) => {
      name = value;
    }),
    9: message((value) => {
      raw = value;
    }),
    10: numbers(budget, listed, WireType.Bit64, double),
    11: numbers(budget, listed, WireType.Varint, uint64),
    13: (reader, wire) => {
      external = true;
      reader.skip(wire, 13);
    },
    14: int((value) => {
      external ||= value === 1;
    }),
  });
  return { name, dims, type, raw, listed, external };
}

function readAttribute(bytes: Uint8Array, budget: Budget): OnnxAttribute {
  const [floats, ints, strings]: [number[], number[], string[]] = [[], [], []];
  const attribute: { -readonly [K in keyof OnnxAttribute]: OnnxAttribute[K] } = {
    ...{ name: "", floats, ints, strings, other: false },
  };
  const skipped: Handle = (reader, wire) => {
    attribute.other = true;
    expectWire(wire, WireType.LengthDelimited);
    reader.bytes();
  };
  read("AttributeProto", bytes, {
    1: text((value) => {
      attribute.name = value;
    }),
    2: (reader, wire) => {
      expectWire(wire, WireType.Bit32);
      attribute.float = reader.float();
    },
    3: int((value) => {
      attribute.int = value;
    }),
    4: text((value) => {
      attribute.string = value;
    }),
    5: message((value) => {
      attribute.tensor = readTensor(value, budget);
    }),
    6: skipped,
    7: numbers(budget, floats, WireType.Bit32, float),
    8: numbers(budget, ints, WireType.Varint, int64),
    9: text((value) => push("AttributeProto", strings, most.perNode, value)),
    10: skipped,
    11: skipped,
    21: skipped,
    22: skipped,
  });
  return attribute;
}

function readNode(bytes: Uint8Array, budget: Budget): OnnxNode {
  let [name, type, domain] = ["", "", ""];
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const attributes = new Map<string, OnnxAttribute>();
  read("NodeProto", bytes, {
    1: text((value) => push("NodeProto: inputs", inputs, most.perNode, value)),
    2: text((value) => push("NodeProto: outputs", outputs, most.perNode, value)),
    3: text((value) => {
      name = value;
    }),
    4: text((value) => {
      type = value;
    }),
    5: message((value) => {
      const attribute = readAttribute(value, budget);
      if (attributes.has(attribute.name) || attributes.size >= most.attributes)
        throw new ModelFileError(
          `NodeProto ${name}: expected at most ${most.attributes} attributes of different names, got ${attribute.name} again or too many`,
        );
      attributes.set(attribute.name, attribute);
    }),
    7: text((value) => {
      domain = value;
    }),
  });
  return { name, type, domain, inputs, outputs, attributes };
}

function readPort(bytes: Uint8Array): OnnxPort {
  let [name, type]: [string, number] = ["", 0];
  let shape: (number | null)[] | undefined;
  const dimension = (own: Uint8Array) => {
    let length: number | null = null;
    read("Dimension", own, {
      1: int((value) => {
        length = value >= 0 ? value : null;
      }),
    });
    push("TensorShapeProto: axes", shape!, most.axes, length);
  };
  const tensorType = (own: Uint8Array) =>
    read("TypeProto.Tensor", own, {
      1: int((value) => {
        type = value;
      }),
      2: message((value) => {
        shape = [];
        read("TensorShapeProto", value, { 1: message(dimension) });
      }),
    });
  read("ValueInfoProto", bytes, {
    1: text((value) => {
      name = value;
    }),
    2: message((value) => read("TypeProto", value, { 1: message(tensorType) })),
  });
  return { name, type, shape };
}

function readGraph(bytes: Uint8Array, budget: Budget): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const [inputs, outputs]: [OnnxPort[], OnnxPort[]] = [[], []];
  let sparse = 0;
  read("GraphProto", bytes, {
    1: message((value) => push("GraphProto: nodes", nodes, most.nodes, readNode(value, budget))),
    5: message((value) => push("GraphProto: tensors", initializers, most.tensors, readTensor(value, budget))),
    11: message((value) => push("GraphProto: inputs", inputs, most.ports + most.tensors, readPort(value))),
    12: message((value) => push("GraphProto: outputs", outputs, most.ports, readPort(value))),
    15: message(() => {
      sparse++;
    }),
  });
  return { nodes, initializers, inputs, outputs, sparse };
}

/** `listed`: numbers that the file may list one by one. */
export function readModel(bytes: Uint8Array, listed = most.listed): OnnxModel {
  const budget = budgetOf(listed);
  let graph: OnnxGraph | undefined;
  const opsets = new Map<string, number>();
  let [producer, functions]: [string, number] = ["", 0];
  read("ModelProto", bytes, {
    2: text((value) => {
      producer = value;
    }),
    7: message((value) => {
      if (graph) throw new ModelFileError("ModelProto: expected one graph, got several; try exporting the model again");
      graph = readGraph(value, budget);
    }),
    8: message((value) => {
      let [domain, version]: [string, number] = ["", 0];
      read("OperatorSetIdProto", value, {
        1: text((own) => {
          domain = own;
        }),
        2: int((own) => {
          version = own;
        }),
      });
      if (opsets.size >= 64) throw new ModelFileError("ModelProto: expected at most 64 operator sets, got more");
      opsets.set(domain === "ai.onnx" ? "" : domain, version);
    }),
    25: message(() => {
      functions++;
    }),
  });
  if (!graph)
    throw new ModelFileError("ModelProto: expected a graph, got none; try a file that an ONNX exporter wrote");
  return { graph, opsets, producer, functions };
}
