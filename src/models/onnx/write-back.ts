/**
 * A model that came from ONNX, as ONNX again, with the weights that it has now: its own graph, as the importer left it. Not networks of
 * nn/, which are `export.ts`.
 */
import { NameError, UnsupportedModelError, type UnsupportedNode } from "../../errors.js";
import type { Numbers } from "../numbers.js";
import type { StateDict } from "../safetensors.js";
import { keptNorm, ownDomain, scaleShift } from "./batch-norm.js";
import type { OnnxNode } from "./wire.js";
import { type Attribute, type WrittenNode, type WrittenPort, type WrittenTensor, writeModel } from "./write.js";

/** What the importer keeps of a file. */
export interface KeptGraph {
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, Numbers>;
  /** The model's parameter of each weight of the file. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The part that a node became, by the node's name. */
  readonly parts: ReadonlyMap<string, string>;
  readonly inputs: readonly WrittenPort[];
  readonly outputs: readonly WrittenPort[];
}

const graphs = new WeakMap<object, KeptGraph>();
export function keepGraph(model: object, graph: KeptGraph): void {
  graphs.set(model, graph);
}
export const keptGraph = (model: object): KeptGraph | undefined => graphs.get(model);

/** Throws UnsupportedModelError with all nodes that cannot be turned back, NameError for weights that the state lacks. */
export function writeBack(graph: KeptGraph, state: Readonly<StateDict>): Uint8Array {
  const refused: UnsupportedNode[] = [];
  const tensors = new Map<string, WrittenTensor>();
  const weight = (key: string) => {
    const value = Object.hasOwn(state, key) ? state[key] : undefined;
    if (!value) throw new NameError(`exportOnnx: expected ${key} in the state, got none; try model.stateDict()`);
    return value;
  };
  const nodes = graph.nodes.map((node): WrittenNode => {
    const { name, outputs } = node;
    const part = graph.parts.get(name);
    if (node.domain === ownDomain) {
      const [input] = node.inputs as [string];
      const norm = (values: readonly WrittenTensor[], epsilon: number): WrittenNode => {
        const inputs = values.map((value, i) => {
          tensors.set(`${name}.norm${i}`, value);
          return `${name}.norm${i}`;
        });
        const attributes = { epsilon: { float: epsilon } };
        return {
          type: "BatchNormalization",
          name,
          inputs: [input, ...inputs],
          outputs: outputs.slice(0, 1),
          attributes,
        };
      };
      if (node.type === keptNorm) {
        const values = ["weight", "bias", "running_mean", "running_var"].map((each) => weight(`${part}.${each}`));
        return norm(values, node.attributes.get("epsilon")?.float ?? 1e-5);
      }
      if (node.type === scaleShift) {
        const [scale, shift] = node.inputs.slice(1).map((each) => weight(graph.parameters.get(each)!));
        const of = (value: number) => ({ shape: scale!.shape, data: new Float64Array(scale!.data.length).fill(value) });
        return norm([scale!, shift!, of(0), of(1)], 0);
      }
    } else if (part !== undefined && node.type !== "Dropout")
      refused.push({ type: node.type, name, reason: "its weights are in another order here" });
    for (const each of node.inputs) {
      const key = graph.parameters.get(each);
      const constant = graph.constants.get(each);
      if (key !== undefined) tensors.set(each, weight(key));
      else if (constant) tensors.set(each, constant);
    }
    return { type: node.type, name, inputs: node.inputs, outputs, attributes: attributesOf(node, refused) };
  });
  if (refused.length > 0)
    throw new UnsupportedModelError(
      `exportOnnx: expected nodes that can be written again, got ${refused.length} others:\n  ${refused.map(({ type, name, reason }) => `${type} ${name}: ${reason}`).join("\n  ")}`,
      refused,
    );
  return writeModel({ ...graph, nodes, tensors });
}

function attributesOf(node: OnnxNode, refused: UnsupportedNode[]): Record<string, Attribute> {
  return Object.fromEntries(
    [...node.attributes].map(
      ([name, { float, int, string, ints, floats, strings, tensor, other }]): [string, Attribute] => {
        if (other || tensor || floats.length > 0 || strings.length > 0)
          refused.push({ type: node.type, name: node.name, reason: `its attribute ${name} is not written` });
        return [name, int ?? string ?? (float === undefined ? ints : { float })];
      },
    ),
  );
}
