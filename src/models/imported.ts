/**
 * What every importer returns: a module whose layers, inputs and outputs are known by name, and how it is summarised. Not the
 * formats, which have a folder each.
 */
import { ModelFileError, SecretgradError, ShapeError } from "../errors.js";
import * as nn from "../nn/index.js";
import { defaultLimits } from "../plan/index.js";
import { type Shape, size } from "../ring/index.js";
import { type Closing, Graph, Tensor } from "../tensor/index.js";
import { checkedShape } from "./numbers.js";

export interface Port {
  readonly name: string;
  /** null where any length is taken, as of the batch. */
  readonly shape: readonly (number | null)[];
}
/** A layer of the file, as it was taken over. */
export interface LayerSummary {
  readonly name: string;
  /** What the file calls it: Conv, Dense. */
  readonly type: string;
  /** Of its first output, for the inputs of the summary. */
  readonly shape: Shape;
  /** Numbers that are trained. */
  readonly parameters: number;
}
export interface ModelSummary {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
}

/**
 * A model from a file: call it with as many tensors as `inputs` has; it gives the first of `outputs`. Begins in eval(). Its parameters
 * are named as in the file, are shared when they are first used, and can be trained further.
 */
export interface ImportedModel extends nn.Module<readonly Tensor[], Tensor> {
  /** "onnx", "keras", "tfjs". */
  readonly format: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Every output by its name. */
  all(...inputs: Tensor[]): Record<string, Tensor>;
  /** Layers, shapes and numbers of parameters, for inputs of so many rows. */
  summary(rows?: number): ModelSummary;
}

/** Called with each layer's name and first output, in the order of recording. */
export type Watch = (layer: { readonly name: string; readonly type: string }, output: Tensor) => void;

/** What a format hands over: how to record a forward, and which parameters each layer has. */
export interface Source {
  readonly format: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly string[];
  readonly children: nn.Children;
  /** Parameters of a layer, by the layer's name. */
  readonly owned: ReadonlyMap<string, readonly nn.Parameter[]>;
  record(inputs: readonly Tensor[], watch?: Watch): Tensor[];
}

/** What parties take as a plan at most: an import that records more could never be used, and is stopped. */
const limits = { maxNodes: defaultLimits.maxNodes, maxText: defaultLimits.maxBytes };

/** A graph whose plans go nowhere: to see shapes, and what is refused. */
export function scratchGraph(
  fraction = 20,
  submit: (closing: Closing) => Promise<void> = async () => undefined,
): Graph {
  return new Graph({ env: { fraction }, recipient: "nobody", limits, submit });
}

/** A secret input of no numbers, to see what follows from its shape. */
function placeholder(graph: Graph, slot: string, name: string, shape: Shape): Tensor {
  checkLayer(name, checkedShape(name, shape));
  const { fraction } = graph.host.env;
  const attrs = { slot, shape, scale: fraction, bound: fraction + 15 };
  return new Tensor(graph, graph.recorder.node("input", [], attrs));
}
/** Numbers that a layer may give: for more a party has no memory, and nobody has meant them. */
const mostPerLayer = 2 ** 26;
/** Throws ModelFileError for a layer whose result is too large to be meant. */
export function checkLayer(name: string, shape: Shape): void {
  if (size(shape) > mostPerLayer)
    throw new ModelFileError(
      `${name}: expected layers of at most ${mostPerLayer} numbers, got [${shape}]; try fewer rows`,
    );
}

const watches = new WeakMap<object, (inputs: readonly Tensor[], watch: Watch) => Tensor[]>();
/** Records a forward of an imported model and tells of each layer. */
export function recordLayers(model: ImportedModel, inputs: readonly Tensor[], watch: Watch): Tensor[] {
  return watches.get(model)!(inputs, watch);
}

/** Throws whatever recording a forward throws, so that a model that is returned can be used. */
export function importedModel(source: Source): ImportedModel {
  const { format, inputs, children, owned } = source;
  const checked = (given: readonly Tensor[]): readonly Tensor[] => {
    if (given.length !== inputs.length)
      throw new ShapeError(
        `model: expected ${inputs.length} inputs (${inputs.map(({ name }) => name).join(", ")}), got ${given.length}`,
      );
    given.forEach((tensor, i) => {
      const { name, shape } = inputs[i]!;
      const fits = (length: number | null, axis: number) => length === null || length === tensor.shape[axis];
      if (tensor.shape.length !== shape.length || !shape.every(fits))
        throw new ShapeError(
          `model: expected ${name} of shape [${shape.map((length) => length ?? "any")}], got [${tensor.shape}]; try reshape`,
        );
    });
    return given;
  };
  const run = (given: readonly Tensor[], watch?: Watch) => source.record(checked(given), watch);
  const placeholders = (rows: number): Tensor[] => {
    const graph = scratchGraph();
    return inputs.map(({ name, shape }, i) =>
      placeholder(
        graph,
        `x${i}`,
        name,
        shape.map((length) => length ?? rows),
      ),
    );
  };
  function summary(rows = 1): ModelSummary {
    const layers: LayerSummary[] = [];
    const counted = new Set<nn.Parameter>();
    const results = run(placeholders(rows), ({ name, type }, { shape }) => {
      const own = (owned.get(name) ?? []).filter((each) => !counted.has(each));
      for (const each of own) counted.add(each);
      layers.push({ name, type, shape, parameters: own.reduce((sum, { shape: lengths }) => sum + size(lengths), 0) });
    });
    const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
    return { inputs, outputs: portsOf(results), layers, parameters };
  }
  const portsOf = (results: readonly Tensor[]): Port[] =>
    results.map(({ shape }, i) => ({ name: source.outputs[i]!, shape }));

  // The children come last, behind as many tensors as there are.
  const forward = ((...given: readonly unknown[]) =>
    run(given.filter((each): each is Tensor => each instanceof Tensor))[0]!) as never;
  const record = nn.module(children, forward);
  // Twice, so that lengths that follow the batch are known to be open.
  const [one, three] = tried(format, () => [run(placeholders(1)), run(placeholders(3))] as const);
  const outputs = portsOf(one).map(({ name, shape }, i) => ({
    name,
    shape: shape.map((length, axis) => (length === three[i]!.shape[axis] ? length : null)),
  }));
  const model = Object.assign(record as unknown as nn.Module<readonly Tensor[], Tensor>, {
    ...{ format, inputs, outputs, summary },
    all: (...given: Tensor[]) => Object.fromEntries(run(given).map((value, i) => [source.outputs[i]!, value])),
  });
  watches.set(model, (given, watch) => run(given, watch));
  return model.eval();
}

/** Whatever a file leads to is the file's error. */
function tried<T>(format: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof SecretgradError) || error instanceof ModelFileError) throw error;
    throw new ModelFileError(`${format}: expected layers that fit together, got one that does not: ${error.message}`, {
      cause: error,
    });
  }
}
