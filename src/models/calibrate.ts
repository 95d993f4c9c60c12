/**
 * How large the values of a model's layers become on a batch of inputs, in float64: what tells whether fixed point will do. Nothing is
 * shared, and nobody but whoever has the model and the batch takes part.
 */
import { ShapeError } from "../errors.js";
import { inReals } from "../plan/index.js";
import { size } from "../ring/index.js";
import { Tensor } from "../tensor/index.js";
import { type ImportedModel, recordLayers, scratchGraph } from "./imported.js";

export interface LayerRange {
  readonly name: string;
  readonly type: string;
  /** The largest magnitude of the layer's result. */
  readonly largest: number;
  /** Bits left below 2^15, where fixed point ends; 0 or less: it overflows. */
  readonly headroomBits: number;
}
export interface Calibration {
  readonly layers: readonly LayerRange[];
  /** Outputs by name, in row-major order. */
  readonly outputs: Readonly<Record<string, Float64Array>>;
}
/** Values are declared to stay below 2^15. */
const integerBits = 15;

/**
 * `inputs`: for each of the model's inputs, rows in row-major order. Throws ShapeError for numbers that are not whole rows.
 */
export function calibrate(model: ImportedModel, ...inputs: readonly Float64Array[]): Calibration {
  const graph = scratchGraph();
  const given = model.inputs.map(({ name, shape }, i) => {
    const data = inputs[i] ?? new Float64Array(0);
    const row = size(shape.map((length) => length ?? 1));
    const rows = data.length / row;
    if (!Number.isInteger(rows) || rows < 1 || (rows > 1 && !shape.includes(null)))
      throw new ShapeError(`calibrate: expected rows of ${row} numbers for ${name}, got ${data.length} numbers`);
    return { data, shape: shape.map((length) => length ?? rows) };
  });
  const { fraction } = graph.host.env;
  const tensors = given.map(({ shape }, i) => {
    const attrs = { slot: `x${i}`, shape, scale: fraction, bound: fraction + integerBits };
    return new Tensor(graph, graph.recorder.node("input", [], attrs));
  });
  const watched: { name: string; type: string; id: number }[] = [];
  const results = recordLayers(model, tensors, ({ name, type }, { ref }) => watched.push({ name, type, id: ref.id }));
  const parameters = new Map([...model.named.values()].map((parameter) => [parameter.name, parameter]));
  const wanted = [...watched.map(({ id }) => id), ...results.map(({ ref }) => ref.id)];
  const values = inReals(graph.recorder.nodes, wanted, {
    input: (slot) => given[Number(slot.slice(1))]!.data,
    variable: (name) => parameters.get(name)!.start(),
  });
  const layers = watched.map(({ name, type, id }) => {
    const largest = values.get(id)!.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return { name, type, largest, headroomBits: integerBits - Math.log2(Math.max(largest, 2 ** -fraction)) };
  });
  const outputs = Object.fromEntries(results.map(({ ref }, i) => [model.outputs[i]!.name, values.get(ref.id)!]));
  return { layers, outputs };
}
