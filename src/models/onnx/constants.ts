/** What of an ONNX graph is public from the start: initializers, constants and what follows from them alone. Not the operators, see `fold.ts`. */
import { ModelFileError, SecretgradError, type UnsupportedNode } from "../../errors.js";
import { Numbers } from "../numbers.js";
import { Attributes, Refusal } from "./call.js";
import { folds } from "./fold.js";
import { tensorNumbers } from "./tensor.js";
import type { OnnxGraph, OnnxNode } from "./wire.js";

/** Initializers, constants and whatever follows from them alone. */
export function constantsOf(
  graph: OnnxGraph,
  nodes: readonly OnnxNode[],
  opset: number,
  refused: UnsupportedNode[],
  given: Readonly<Record<string, Numbers>> = {},
): Map<string, Numbers> {
  const constants = new Map<string, Numbers>(Object.entries(given));
  const budget = foldBudget();
  for (const tensor of graph.initializers) {
    if (constants.has(tensor.name))
      throw new ModelFileError(`importOnnx: expected weight ${tensor.name} once, got it twice`);
    constants.set(tensor.name, tensorNumbers(tensor, true));
  }
  for (const node of nodes) {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : constants.get(name)));
    if (node.type === "Constant") {
      const numbers = constantOf(node);
      if (numbers) constants.set(node.outputs[0]!, numbers);
      else refused.push({ type: node.type, name: node.name, reason: "its value is no tensor of numbers" });
    } else if (inputs.length === node.inputs.filter((name) => name === "" || constants.has(name)).length) {
      if (Object.hasOwn(folds, node.type) && (inputs.length > 0 || node.type === "ConstantOfShape")) {
        const result = attempt(node, refused, () =>
          budget(node, inputs, folds[node.type]!(inputs, new Attributes(node, opset))),
        );
        if (result) for (const [i, value] of [result].flat().entries()) constants.set(node.outputs[i]!, value);
      }
    }
  }
  return constants;
}
function constantOf({ attributes }: OnnxNode): Numbers | undefined {
  const [attribute] = [...attributes.values()].filter(({ name }) => name !== "sparse_value");
  if (!attribute) return undefined;
  if (attribute.tensor) {
    const numbers = tensorNumbers(attribute.tensor);
    return new Numbers(numbers.shape, numbers.data, numbers.kind, numbers.kind === "float" && numbers.size > 1);
  }
  const { name, float, int, floats, ints } = attribute;
  if (name === "value_float") return new Numbers([], Float64Array.of(float ?? 0));
  if (name === "value_int") return Numbers.ints([int ?? 0], []);
  if (name === "value_floats")
    return new Numbers([floats.length], Float64Array.from(floats), "float", floats.length > 1);
  return name === "value_ints" ? Numbers.ints(ints) : undefined;
}

/** What a node comes to; undefined, and listed in `refused`, if it cannot be taken. */
export function attempt<T>(node: OnnxNode, refused: UnsupportedNode[], make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof Refusal) {
      refused.push({ type: node.type, name: node.name, reason: error.message });
      return undefined;
    }
    if (error instanceof SecretgradError && !(error instanceof ModelFileError))
      throw new ModelFileError(`importOnnx: ${node.type} ${node.name}: ${error.message}`, { cause: error });
    throw error;
  }
}

type Folded = Numbers | readonly Numbers[];
export type Budget = (node: OnnxNode, inputs: readonly (Numbers | undefined)[], result: Folded) => Folded;
/** Elements that all folded nodes together read and make, but for those that only change a shape. */
const mostFolded = 2 ** 25;
export function foldBudget(): Budget {
  let spent = 0;
  return (node, inputs, result) => {
    const [first] = [result].flat();
    if (inputs.some((input) => input && input.data === first?.data)) return result;
    for (const each of [...inputs, ...[result].flat()]) spent += each?.size ?? 0;
    if (spent > mostFolded)
      throw new ModelFileError(
        `importOnnx: ${node.type} ${node.name}: expected constants that follow from at most ${mostFolded} numbers, got more; try onnxsim, or a smaller model`,
      );
    return result;
  };
}
