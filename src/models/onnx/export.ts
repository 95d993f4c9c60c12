/**
 * Networks of nn/ as ONNX files, with revealed weights: layers in a row that ONNX has an operator for. Not graphs of your own, whose
 * forward is code; models that came from ONNX are `write-back.ts`.
 */
import { NameError, ShapeError, UnsupportedModelError, type UnsupportedNode } from "../../errors.js";
import * as nn from "../../nn/index.js";
import type { Shape } from "../../ring/index.js";
import type { StateDict } from "../safetensors.js";
import { type Attribute, type WrittenNode, type WrittenTensor, writeModel } from "./write.js";
import { keptGraph, writeBack } from "./write-back.js";

export interface OnnxExport {
  /** Shape of the network's input, null where any length goes: [null, 1, 28, 28]. Models that came from ONNX know it. */
  readonly input?: readonly (number | null)[];
}

interface Node {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}
interface Writing {
  readonly options: Readonly<Record<string, unknown>>;
  readonly rank: number;
  /** The name of a weight of the layer; undefined if it has none of this name. */
  weight(name: string): string | undefined;
  /** A constant that is not trained. */
  constant(name: string, values: readonly number[], shape?: Shape): string;
  refuse(reason: string): never;
}
/** What a layer is in ONNX, as nodes one after the other; the first input of each is the result before. */
type Write = (writing: Writing, x: string) => readonly Node[];
class Refusal extends Error {}

const node = (type: string, inputs: readonly string[], attributes: Node["attributes"] = {}): Node[] => [
  { type, inputs, attributes },
];
const unary =
  (type: string, attributes: Node["attributes"] = {}): Write =>
  (_, x) =>
    node(type, [x], attributes);

/** An option as one number for each axis. */
function perAxis(value: unknown, rank: number, otherwise: number): number[] {
  if (Array.isArray(value)) return value as number[];
  return new Array<number>(rank).fill(typeof value === "number" ? value : otherwise);
}
const twice = (values: readonly number[]): number[] => [...values, ...values];

const convolution =
  (rank: number): Write =>
  ({ options, weight }, x) => {
    const strides = perAxis(options.stride, rank, 1);
    const dilations = perAxis(options.dilation, rank, 1);
    const same = options.padding === "same";
    const pads = same ? {} : { pads: twice(perAxis(options.padding === "valid" ? 0 : options.padding, rank, 0)) };
    const auto = same ? { auto_pad: "SAME_UPPER" } : {};
    const group = typeof options.groups === "number" ? options.groups : 1;
    const inputs = [x, weight("weight")!, weight("bias")].filter((each) => each !== undefined);
    return node("Conv", inputs, { strides, dilations, group, ...pads, ...auto });
  };
const transposed =
  (rank: number): Write =>
  ({ options, weight }, x) =>
    node(
      "ConvTranspose",
      [x, weight("weight")!, weight("bias")].filter((each) => each !== undefined),
      {
        strides: perAxis(options.stride, rank, 1),
        dilations: perAxis(options.dilation, rank, 1),
        pads: twice(perAxis(options.padding, rank, 0)),
        output_padding: perAxis(options.outputPadding, rank, 0),
        group: typeof options.groups === "number" ? options.groups : 1,
      },
    );
const pooling =
  (type: string, rank: number): Write =>
  ({ options, refuse }, x) => {
    if (options.divisorOverride !== undefined) refuse("divisorOverride");
    const kernel = perAxis(options.kernelSize, rank, 1);
    return node(type, [x], {
      kernel_shape: kernel,
      strides: options.stride === undefined ? kernel : perAxis(options.stride, rank, 1),
      pads: twice(perAxis(options.padding, rank, 0)),
      ceil_mode: options.ceilMode === true ? 1 : 0,
      ...(type === "MaxPool"
        ? { dilations: perAxis(options.dilation, rank, 1) }
        : { count_include_pad: options.countIncludePad === false ? 0 : 1 }),
    });
  };
const float = (value: unknown): Attribute => ({ float: value as number });

const writers: Readonly<Record<string, Write>> = {
  linear({ weight, rank }, x) {
    const [w, b] = [weight("weight")!, weight("bias")];
    if (rank === 2) return node("Gemm", b ? [x, w, b] : [x, w], { transB: 1 });
    // Of more axes: the weight is turned first.
    const turned = [...node("Transpose", [w], { perm: [1, 0] }), ...node("MatMul", [x, ""])];
    return b ? [...turned, ...node("Add", ["", b])] : turned;
  },
  conv1d: convolution(1),
  conv2d: convolution(2),
  convTranspose1d: transposed(1),
  convTranspose2d: transposed(2),
  maxPool1d: pooling("MaxPool", 1),
  maxPool2d: pooling("MaxPool", 2),
  avgPool1d: pooling("AveragePool", 1),
  avgPool2d: pooling("AveragePool", 2),
  adaptiveAvgPool2d({ options, refuse }, x) {
    if ([options.outputSize].flat().some((each) => each !== 1)) refuse("an outputSize other than 1");
    return node("GlobalAveragePool", [x]);
  },
  flatten({ options, rank, refuse }, x) {
    const end = options.endDim as number;
    if (options.startDim !== 1 || (end !== -1 && end !== rank - 1)) refuse("axes other than all but the first");
    return node("Flatten", [x], { axis: 1 });
  },
  batchNorm({ weight, options, refuse }, x) {
    const inputs = ["weight", "bias", "running_mean", "running_var"].map((each) => weight(each));
    if (inputs.some((each) => each === undefined)) refuse("no weight, bias or running statistics");
    return node("BatchNormalization", [x, ...(inputs as string[])], { epsilon: float(options.eps) });
  },
  layerNorm({ weight, options, refuse }, x) {
    const inputs = [x, weight("weight") ?? refuse("no weight"), weight("bias")].filter((each) => each !== undefined);
    return node("LayerNormalization", inputs, { axis: options.axis as number, epsilon: float(options.eps) });
  },
  relu: unary("Relu"),
  sigmoid: unary("Sigmoid"),
  tanh: unary("Tanh"),
  softplus: unary("Softplus"),
  gelu: ({ options }, x) => node("Gelu", [x], { approximate: (options.approximate as string) ?? "none" }),
  hardsigmoid: unary("HardSigmoid", { alpha: float(1 / 6), beta: float(0.5) }),
  hardswish: unary("HardSwish"),
  hardtanh: ({ options, constant }, x) =>
    node("Clip", [x, constant("low", [options.low as number], []), constant("high", [options.high as number], [])]),
  leakyRelu: ({ options }, x) => node("LeakyRelu", [x], { alpha: float(options.slope) }),
  elu: ({ options }, x) => node("Elu", [x], { alpha: float(options.alpha) }),
  softmax: ({ options }, x) => node("Softmax", [x], { axis: options.axis as number }),
  logSoftmax: ({ options }, x) => node("LogSoftmax", [x], { axis: options.axis as number }),
  dropout: () => [],
  identity: () => [],
};
/** Gelu and layer normalisation came late; what any of the others needs is older. */
const opset = 20;

/**
 * The bytes of an ONNX file, as the model predicts after eval(): layers in a row (operator set 20), or a model that came from ONNX (its
 * own operator set, but for recurrent layers), trained further or not. Throws UnsupportedModelError with all
 * layers that cannot be written, NameError for weights that the state lacks.
 *
 * @example await writeFile("model.onnx", models.exportOnnx(model, await model.stateDict(session), { input: [null, 784] }));
 */
export function exportOnnx(model: nn.Part, state: Readonly<StateDict>, { input }: OnnxExport = {}): Uint8Array {
  const graph = keptGraph(model);
  if (graph) return writeBack(graph, state);
  if (!input) throw new ShapeError("exportOnnx: expected the shape of the input, got none; try { input: [null, 784] }");
  const refused: UnsupportedNode[] = [];
  const nodes: WrittenNode[] = [];
  const constants = new Map<string, WrittenTensor>();
  let [last, rank] = ["input", input.length];
  const walk = (layer: nn.Part, path: string): void => {
    const kind = nn.kindOf(layer);
    if (kind?.layers) {
      kind.layers.forEach((each, i) => {
        walk(each, path === "" ? String(i) : `${path}.${i}`);
      });
      return;
    }
    const write = kind && Object.hasOwn(writers, kind.type) ? writers[kind.type] : undefined;
    if (!write || !kind) {
      refused.push({ type: kind?.type ?? "layer", name: path, reason: "ONNX has no operator for it here" });
      return;
    }
    const refuse = (reason: string): never => {
      throw new Refusal(reason);
    };
    const weight = (name: string): string | undefined => {
      const key = path === "" ? name : `${path}.${name}`;
      const parameter = layer.named.get(name);
      if (!parameter) return undefined;
      const value = Object.hasOwn(state, key) ? state[key] : undefined;
      if (!value || `${value.shape}` !== `${parameter.shape}`)
        throw new NameError(
          `exportOnnx: expected ${key} [${parameter.shape}] in the state, got ${value ? `[${value.shape}]` : "none"}; try model.stateDict()`,
        );
      constants.set(key, value);
      return key;
    };
    const constant = (name: string, values: readonly number[], shape: Shape = [values.length]): string => {
      constants.set(`${path}.${name}`, { shape, data: values });
      return `${path}.${name}`;
    };
    try {
      const written = write({ options: kind.options, rank, weight, constant, refuse }, last);
      let before = "";
      written.forEach(({ type, inputs, attributes }, i) => {
        const name = `/${path || kind.type}/${type}`;
        const output = `${name}_output`;
        nodes.push({
          type,
          name,
          inputs: inputs.map((each) => each || before),
          outputs: [output],
          attributes: attributes ?? {},
        });
        before = output;
        if (i === written.length - 1) last = output;
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused.push({ type: kind.type, name: path, reason: error.message });
    }
    if (kind.type === "flatten") rank = 2;
  };
  walk(model, "");
  if (refused.length > 0)
    throw new UnsupportedModelError(
      `exportOnnx: expected layers in a row that ONNX has, got ${refused.length} others:\n  ${refused.map(({ type, name, reason }) => `${type} ${name}: ${reason}`).join("\n  ")}`,
      refused,
    );
  return writeModel({
    opset,
    nodes,
    tensors: constants,
    inputs: [{ name: "input", type: 1, shape: input }],
    outputs: [{ name: last, type: 1, shape: undefined }],
  });
}
