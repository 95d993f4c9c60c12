/**
 * ONNX files as modules: weights become parameters, nodes become steps that record operations of tensors. What each operator means
 * is in `operators/`; this file decides what is secret, what is folded, and lists what cannot be taken.
 *
 * What was trained is secret: floating-point initializers, and constants of several numbers. What is structure is public, as in every
 * plan: shapes, axes, single constants of the graph (a division by 8), bounds of Clip.
 */
import { ModelFileError, UnsupportedModelError, type UnsupportedNode } from "../../errors.js";
import type * as nn from "../../nn/index.js";
import { Tensor } from "../../tensor/index.js";
import { checkLayer, type ImportedModel, importedModel, type Port, type Source, type Watch } from "../imported.js";
import { checkFileSize, type FileLimits, partyName, weight } from "../limits.js";
import { Numbers } from "../numbers.js";
import { foldBatchNorms, ownDomain } from "./batch-norm.js";
import { Attributes, Call, type Layer, type OnnxOperator, type Recorded, type Value } from "./call.js";
import { attempt, type Budget, constantsOf, foldBudget } from "./constants.js";
import { folds } from "./fold.js";
import { operators } from "./operators/table.js";
import { elementKind, elementName } from "./tensor.js";
import { type OnnxGraph, type OnnxNode, type OnnxPort, readModel } from "./wire.js";
import { type KeptGraph, keepGraph } from "./write-back.js";

export interface OnnxOptions extends FileLimits {
  /** Shapes of inputs, where the file leaves lengths open other than the first axis; null for any length. */
  readonly inputShapes?: Readonly<Record<string, readonly (number | null)[]>>;
  /** Inputs of the file that are fixed here instead, such as a shape: public numbers. */
  readonly constants?: Readonly<Record<string, Numbers>>;
  /**
   * "fold" (default): batch normalisation becomes part of the layer before it, or a scale and a shift, in the clear while importing.
   * "keep": it stays a layer with running statistics, for training further.
   */
  readonly batchNorm?: "fold" | "keep";
}

/** Operator sets that operators are written for. What old versions meant by other attributes is refused node by node. */
const [oldest, newest] = [1, 22];

/**
 * A model that an ONNX exporter wrote, operator sets up to 22. Throws ModelFileError for a damaged or too large file,
 * UnsupportedModelError with all nodes that cannot be taken, ScaleError naming a weight that fixed point cannot hold.
 *
 * @example const model = models.importOnnx(await readFile("digits.onnx")); model(session.secret(image, [1, 1, 28, 28]));
 */
export function importOnnx(bytes: Uint8Array, options: OnnxOptions = {}): ImportedModel {
  checkFileSize("importOnnx", bytes, options);
  const { graph, opsets, functions } = readModel(bytes);
  const opset = opsets.get("") ?? 0;
  if (opset < oldest || opset > newest)
    throw new ModelFileError(
      `importOnnx: expected operator set ${oldest} to ${newest}, got ${opset}; try onnx.version_converter`,
    );
  const refused: UnsupportedNode[] = [];
  if (functions > 0)
    refused.push({ type: "FunctionProto", name: "", reason: `the file defines ${functions} operators` });
  if (graph.sparse > 0) refused.push({ type: "SparseTensor", name: "", reason: `${graph.sparse} sparse weights` });
  const nodes = namedNodes(graph);
  const constants = constantsOf(graph, nodes, opset, refused, options.constants);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const folded = foldBatchNorms(
    nodes.filter(({ outputs }) => outputs.some((name) => name !== "" && !constants.has(name))),
    constants,
    outputs,
    options.batchNorm ?? "fold",
    opset,
  );
  const secret = new Set(graph.inputs.map(({ name }) => name).filter((name) => !constants.has(name)));
  const steps = poolFirst(folded, outputs).map((node) => stepOf(node, opset, secret, refused));
  if (refused.length > 0) throw unsupported(refused);
  const { source, kept } = sourceOf(graph, steps, constants, opset, options);
  const model = importedModel(source);
  keepGraph(model, kept);
  return model;
}

function unsupported(refused: readonly UnsupportedNode[]): UnsupportedModelError {
  const listed = refused.map(({ type, name, reason }) => `${type}${name ? ` ${name}` : ""}: ${reason}`);
  return new UnsupportedModelError(
    `importOnnx: expected operators that secretgrad has (docs/models.md), got ${refused.length} that it has not:\n  ${listed.join("\n  ")}`,
    refused,
  );
}

/** Initializers and results of nodes. */
const mostValues = 50_000;

/** Nodes with a name each; throws ModelFileError unless values are defined once and before they are used. */
function namedNodes(graph: OnnxGraph): OnnxNode[] {
  const defined = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name));
  const names = new Map<string, number>();
  return graph.nodes.map((node) => {
    for (const input of node.inputs)
      if (input !== "" && !defined.has(input))
        throw new ModelFileError(
          `importOnnx: expected nodes after those whose results they take, got ${node.type} ${node.name} with ${input}; try onnx.checker`,
        );
    for (const output of node.outputs) {
      if (output !== "" && defined.has(output))
        throw new ModelFileError(`importOnnx: expected each value once, got ${output} twice; try onnx.checker`);
      if (output !== "") defined.add(output);
    }
    if (defined.size > mostValues)
      throw new ModelFileError(`importOnnx: expected at most ${mostValues} values, got more; try a smaller model`);
    const base = node.name || `${node.type}_${node.outputs[0] ?? ""}`;
    const times = (names.get(base) ?? 0) + 1;
    names.set(base, times);
    return { ...node, name: times === 1 ? base : `${base}.${times}` };
  });
}

interface Step {
  readonly node: OnnxNode;
  readonly operator: OnnxOperator | undefined;
}
/** A relu right before a pooling by maximum is taken after it: the same numbers from fewer comparisons. */
function poolFirst(nodes: readonly OnnxNode[], outputs: ReadonlySet<string>): OnnxNode[] {
  const uses = new Map<string, number>();
  for (const { inputs } of nodes) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const result = [...nodes];
  const places = new Map(nodes.map(({ outputs: [name] }, i) => [name, i]));
  for (const [i, pool] of nodes.entries()) {
    const at = places.get(pool.inputs[0]) ?? -1;
    const relu = result[at];
    const between = relu?.outputs[0] ?? "";
    if (pool.type !== "MaxPool" || relu?.type !== "Relu" || pool.outputs.length !== 1) continue;
    if (uses.get(between) !== 1 || outputs.has(between)) continue;
    result[at] = { ...pool, inputs: relu.inputs, outputs: [between] };
    result[i] = { ...relu, inputs: [between], outputs: pool.outputs };
  }
  return result;
}

/** `secret`: the values that follow from inputs, other than by their shapes. */
function stepOf(node: OnnxNode, opset: number, secret: Set<string>, refused: UnsupportedNode[]): Step {
  const { type, name, domain } = node;
  const known = ["", "ai.onnx", ownDomain].includes(domain);
  const operator = known && Object.hasOwn(operators, type) ? operators[type] : undefined;
  if (!operator) refused.push({ type, name, reason: known ? "no such operator here" : `of the domain ${domain}` });
  else {
    const attributes = new Attributes(node, opset);
    const old = opset < 9 && ["broadcast", "spatial", "paddings"].find((each) => attributes.int(each, 0) !== 0);
    const reason = old
      ? `attribute ${old} of operator set ${opset}`
      : attempt(node, refused, () => operator.refuses?.(attributes));
    if (reason !== undefined) refused.push({ type, name, reason });
  }
  const isSecret = node.inputs.map((input) => secret.has(input));
  if (isSecret.some(Boolean) && !["Shape", "Size"].includes(type))
    for (const output of node.outputs) secret.add(output);
  const { structure, isPublic } = operator ?? {};
  if (isSecret.some((each, i) => each && (isPublic || structure?.includes(i))))
    refused.push({ type, name, reason: "what has to be public, such as a shape or a bound, follows from an input" });
  return { node, operator };
}
function sourceOf(
  graph: OnnxGraph,
  steps: readonly Step[],
  constants: ReadonlyMap<string, Numbers>,
  opset: number,
  options: OnnxOptions,
): { source: Source; kept: KeptGraph } {
  const parameters = parametersOf(steps, constants);
  const initial = new Set([...graph.initializers.map(({ name }) => name), ...Object.keys(options.constants ?? {})]);
  const ports = graph.inputs.filter(({ name }) => !initial.has(name));
  const inputs = ports.map((port) => inputOf(port, options));
  if (inputs.length === 0) throw new ModelFileError("importOnnx: expected at least one input, got none");
  const outputs = graph.outputs.map(({ name }) => name);
  if (outputs.length === 0) throw new ModelFileError("importOnnx: expected at least one output, got none");
  const layers = new Map<string, Layer>();
  const refused: UnsupportedNode[] = [];
  for (const { node, operator } of steps) {
    const weights = node.inputs.map((name) => constants.get(name));
    const made = attempt(node, refused, () => operator!.layer?.(new Attributes(node, opset), weights));
    if (made) layers.set(node.name, made);
  }
  if (refused.length > 0) throw unsupported(refused);
  const owned = new Map(
    steps.map(({ node }) => {
      const own = layers.get(node.name)?.part.parameters() ?? [];
      return [node.name, [...own, ...node.inputs.flatMap((name) => parameters.get(name) ?? [])]] as const;
    }),
  );

  function record(given: readonly Tensor[], watch?: Watch): Tensor[] {
    const [{ graph: own }] = given as [Tensor];
    const values = new Map<string, Value>(constants);
    for (const [name, parameter] of parameters) values.set(name, parameter);
    for (const [i, tensor] of given.entries()) values.set(ports[i]!.name, tensor);
    const refused: UnsupportedNode[] = [];
    const budget = foldBudget();
    for (const { node, operator } of steps) {
      const { structure } = operator!;
      const taken = node.inputs.map((name, i) =>
        structure?.includes(i) ? (constants.get(name) ?? values.get(name)) : values.get(name),
      );
      // What depends on a refused node is not tried.
      if (node.inputs.some((name, i) => name !== "" && taken[i] === undefined)) continue;
      const call = new Call(node, opset, own, taken);
      const made = attempt(node, refused, () =>
        evaluate(call, layers.get(node.name)?.record ?? operator!.record, budget),
      );
      if (made === undefined) continue;
      [made].flat().forEach((value, i) => {
        if (node.outputs[i]) values.set(node.outputs[i], value);
      });
      const [first] = [made].flat();
      if (!(first instanceof Tensor)) continue;
      checkLayer(`importOnnx: ${node.type} ${node.name}`, first.shape);
      watch?.(node, first);
    }
    if (refused.length > 0) throw unsupported(refused);
    return outputs.map((name) => {
      const value = values.get(name);
      if (value === undefined)
        throw new ModelFileError(`importOnnx: expected a node that makes the output ${name}, got none`);
      return new Call(noNode, opset, own, [value]).tensor(0);
    });
  }
  // Names are the file's: "__proto__" is one like any other.
  const children: Record<string, nn.Parameter | nn.Part> = Object.create(null);
  const keyed = (entries: Iterable<readonly [string, nn.Parameter | nn.Part]>): Map<string, string> => {
    const keys = new Map<string, string>();
    for (const [name, child] of entries) {
      const key = uniqueName(partyName(name), children);
      children[key] = child;
      keys.set(name, key);
    }
    return keys;
  };
  const kept: KeptGraph = {
    opset,
    nodes: steps.map(({ node }) => node),
    constants,
    parameters: keyed(parameters),
    parts: keyed([...layers].map(([name, { part }]) => [name, part] as const)),
    inputs: ports.map(({ name, type }, i) => ({ name, type, shape: inputs[i]!.shape })),
    outputs: graph.outputs.map(({ name, type }) => ({ name, type, shape: undefined })),
  };
  return { source: { format: "onnx", inputs, outputs, children, owned, record }, kept };
}
const noNode: OnnxNode = { name: "", type: "output", domain: "", inputs: [], outputs: [], attributes: new Map() };

function evaluate(call: Call, record: (call: Call) => Recorded, budget: Budget): Recorded {
  const { type } = call.node;
  const isPublic = (input: Value | undefined) => input === undefined || input instanceof Numbers;
  const inputs = call.inputs.filter(isPublic) as readonly (Numbers | undefined)[];
  if (inputs.length === 0 || inputs.length < call.inputs.length || !Object.hasOwn(folds, type)) return record(call);
  return budget(call.node, inputs, folds[type]!(inputs, call));
}

/** Weights that a node takes as a secret. */
function parametersOf(steps: readonly Step[], constants: ReadonlyMap<string, Numbers>): Map<string, nn.Parameter> {
  const parameters = new Map<string, nn.Parameter>();
  for (const { node, operator } of steps)
    node.inputs.forEach((name, i) => {
      const numbers = constants.get(name);
      if (!numbers?.trained || operator?.structure?.includes(i) || parameters.has(name)) return;
      parameters.set(name, weight(`importOnnx: ${node.type} ${node.name}, ${name}`, numbers.shape, numbers.data));
    });
  return parameters;
}
function uniqueName(name: string, taken: object): string {
  let unique = name;
  for (let i = 2; Object.hasOwn(taken, unique); i++) unique = `${name}.${i}`;
  return unique;
}

function inputOf({ name, type, shape }: OnnxPort, { inputShapes = {} }: OnnxOptions): Port {
  if (elementKind(type) === undefined)
    throw new ModelFileError(`importOnnx: expected inputs that are numbers, got ${name} of ${elementName(type)}`);
  const given = Object.hasOwn(inputShapes, name) ? inputShapes[name] : undefined;
  if (given && shape && (given.length !== shape.length || !shape.every((d, i) => d === null || d === given[i])))
    throw new ModelFileError(
      `importOnnx: expected inputShapes for ${name} that fit [${shape.map((d) => d ?? "any")}], got [${given}]`,
    );
  const lengths = given ?? shape;
  if (!lengths || lengths.slice(1).some((length) => length === null))
    throw new ModelFileError(
      `importOnnx: expected a shape of ${name} with no open lengths but the first, got ${lengths ? `[${lengths.map((d) => d ?? "any")}]` : "none"}; try the option inputShapes: { ${JSON.stringify(name)}: [null, …] }`,
    );
  return { name, shape: lengths };
}
