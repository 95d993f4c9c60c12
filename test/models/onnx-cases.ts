/** For the conformance tests of the ONNX importer: a case is a model of one operator, its inputs and the outputs that ONNX states. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nn, type Session } from "../../src/index.js";
import { calibrate, type ImportedModel, importOnnx, type Numbers } from "../../src/models/index.js";
import { operators } from "../../src/models/onnx/operators/table.js";
import { tensorNumbers } from "../../src/models/onnx/tensor.js";
import { readModel, readTensor } from "../../src/models/onnx/wire.js";

export interface OnnxCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly inputs: readonly Numbers[];
  readonly outputs: readonly Numbers[];
}

export function readCase(folder: string, name: string): OnnxCase {
  const data = join(folder, name, "test_data_set_0");
  const read = (kind: string): Numbers[] => {
    const list: Numbers[] = [];
    for (let i = 0; existsSync(join(data, `${kind}_${i}.pb`)); i++)
      list.push(tensorNumbers(readTensor(readFileSync(join(data, `${kind}_${i}.pb`)))));
    return list;
  };
  const bytes = readFileSync(join(folder, name, "model.onnx"));
  return { name, bytes, inputs: read("input"), outputs: read("output") };
}
export const caseNames = (folder: string): string[] => readdirSync(folder).sort();

/** The model of a case, with what is structure as constants, and the rest as its inputs. */
function opened({ bytes, inputs }: OnnxCase): { model: ImportedModel; secrets: readonly Numbers[] } {
  const { graph } = readModel(bytes);
  const initial = new Set(graph.initializers.map(({ name }) => name));
  const ports = graph.inputs.filter(({ name }) => !initial.has(name));
  const isStructure = (name: string) =>
    graph.nodes.some(({ type, inputs: own }) =>
      own.some((each, i) => each === name && operators[type]?.structure?.includes(i)),
    );
  const constants: Record<string, Numbers> = {};
  const secrets: Numbers[] = [];
  const ofBits = ["Equal", "Less", "Greater", "And", "Or", "Xor", "Not", "Where", "Cast"].includes(
    graph.nodes[0]!.type,
  );
  ports.forEach(({ name }, i) => {
    const isPublic = isStructure(name) || (inputs[i]!.kind !== "float" && !ofBits);
    if (isPublic && secrets.length > 0) constants[name] = inputs[i]!;
    else secrets.push(inputs[i]!);
  });
  return { model: importOnnx(bytes, { constants }), secrets };
}

let count = 0;
/** The model's outputs for the case's inputs. */
export async function runCase(
  session: Session,
  each: OnnxCase,
): Promise<{ shape: readonly number[]; data: Float64Array }[]> {
  const { model, secrets } = opened(each);
  const named = nn.named(`case${count++}`, model);
  const results = Object.values(named.all(...secrets.map(({ data, shape }) => session.secret(data, shape))));
  return Promise.all(results.map((result) => result.reveal()));
}
/** The same without a session, in float64. */
export async function runInReals(each: OnnxCase): Promise<Float64Array[]> {
  const { model, secrets } = opened(each);
  const { outputs } = await calibrate(model, ...secrets.map(({ data }) => data));
  return Object.values(outputs);
}

/** The largest difference of two lists, relative where numbers are above 1. */
export function distance(got: Float64Array, wanted: Float64Array): number {
  return wanted.reduce((most, value, i) => {
    const off = Math.abs(value - got[i]!) / Math.max(1, Math.abs(value));
    return Math.max(most, Number.isNaN(off) ? Number.POSITIVE_INFINITY : off);
  }, 0);
}
