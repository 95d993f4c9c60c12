/**
 * Batch normalisation of inference, in the clear before anything is shared: part of the linear layer before it, or a scale and a
 * shift for each channel. Keeping it as a layer is `operators/normalization.ts`.
 */
import { ModelFileError } from "../../errors.js";
import { size } from "../../ring/index.js";
import { Numbers } from "../numbers.js";
import { Attributes } from "./call.js";
import type { OnnxNode } from "./wire.js";

/** The domain of nodes that are made here, and their operators. */
export const ownDomain = "secretgrad";
export const scaleShift = "ScaleShift";
export const keptNorm = "BatchNorm";

/** Which axis of a layer's weight its output channels lie along; undefined where folding does not apply. */
function channelAxis(node: OnnxNode, opset: number): number | undefined {
  const attributes = new Attributes(node, opset);
  switch (node.type) {
    case "Conv":
      return 0;
    case "ConvTranspose":
      return attributes.int("group", 1) === 1 ? 1 : undefined;
    case "Gemm":
      if (attributes.float("alpha", 1) !== 1 || attributes.float("beta", 1) !== 1) return undefined;
      return attributes.flag("transB") ? 0 : 1;
    default:
      return undefined;
  }
}

/** Nodes without those that were folded; their new weights are added to the constants. */
export function foldBatchNorms(
  nodes: readonly OnnxNode[],
  constants: Map<string, Numbers>,
  outputs: ReadonlySet<string>,
  mode: "fold" | "keep",
  opset: number,
): OnnxNode[] {
  const uses = new Map<string, number>();
  for (const { inputs } of nodes) for (const name of new Set(inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const result: OnnxNode[] = [];
  const made = new Map<string, number>();
  for (const node of nodes) {
    const next = node.type === "BatchNormalization" ? normalised(node) : node;
    if (next.outputs[0] !== undefined && !result.includes(next)) {
      made.set(next.outputs[0], result.length);
      result.push(next);
    }
  }
  return result;

  function normalised(node: OnnxNode): OnnxNode {
    const attributes = new Attributes(node, opset);
    const given = node.inputs.slice(1, 5).map((name) => constants.get(name));
    if (given.length !== 4 || !given.every((each) => each !== undefined) || attributes.flag("training_mode"))
      return node;
    if (mode === "keep") return { ...node, type: keptNorm, domain: ownDomain };
    const [scale, shift, mean, variance] = given as [Numbers, Numbers, Numbers, Numbers];
    const channels = scale.size;
    if (given.some((each) => each!.size !== channels))
      throw new ModelFileError(
        `importOnnx: BatchNormalization ${node.name}: expected as many numbers in each input, got ${given.map((each) => each!.size)}`,
      );
    const eps = attributes.float("epsilon", 1e-5);
    const factors = scale.data.map((value, i) => value / Math.sqrt(variance.data[i]! + eps));
    const offsets = shift.data.map((value, i) => value - mean.data[i]! * factors[i]!);
    const at = made.get(node.inputs[0]!);
    const before = at === undefined ? undefined : result[at]!;
    const fused = before && fuse(before, node, factors, offsets);
    if (fused) {
      result[at!] = fused;
      made.set(fused.outputs[0]!, at!);
      return fused;
    }
    constants.set(`${node.name}.scale`, new Numbers([channels], factors, "float", true));
    constants.set(`${node.name}.shift`, new Numbers([channels], offsets, "float", true));
    const inputs = [node.inputs[0]!, `${node.name}.scale`, `${node.name}.shift`];
    return { ...node, type: scaleShift, domain: ownDomain, inputs, attributes: new Map() };
  }

  /** The layer with the normalisation in its weights, if nobody else sees its result. */
  function fuse(layer: OnnxNode, norm: OnnxNode, factors: Float64Array, offsets: Float64Array): OnnxNode | undefined {
    const [output] = layer.outputs;
    const weight = constants.get(layer.inputs[1] ?? "");
    const bias = layer.inputs[2] ? constants.get(layer.inputs[2]) : undefined;
    const axis = channelAxis(layer, opset);
    if (axis === undefined || !weight || outputs.has(output!) || uses.get(output!) !== 1) return undefined;
    if (layer.inputs[2] && bias?.size !== factors.length) return undefined;
    if (weight.shape[axis] !== factors.length) return undefined;
    const inner = size(weight.shape.slice(axis + 1));
    const data = weight.data.map((value, i) => value * factors[Math.floor(i / inner) % factors.length]!);
    const shifted = offsets.map((value, i) => value + (bias?.data[i] ?? 0) * factors[i]!);
    const names = [layer.inputs[1]!, layer.inputs[2] || `${layer.name}.bias`].map((name) =>
      (uses.get(name) ?? 0) > 1 ? `${layer.name}.${name}` : name,
    );
    constants.set(names[0]!, new Numbers(weight.shape, data, "float", true));
    constants.set(names[1]!, new Numbers([factors.length], shifted, "float", true));
    return { ...layer, inputs: [layer.inputs[0]!, ...names], outputs: norm.outputs };
  }
}
