/**
 * How large the values of a model's layers become on a batch of inputs, in float64: what tells whether fixed point will do. Nothing is
 * shared, and nobody but whoever has the model and the batch takes part. The evaluation is `clear/`.
 */
import { evaluateClear, type Overflow } from "../clear/index.js";
import { ShapeError } from "../errors.js";
import type { Plan } from "../plan/index.js";
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
  /** Values anywhere in the plan that left their bound, or the domain of a function, and went into the result. */
  readonly overflows: readonly Overflow[];
  /** Outputs by name, in row-major order. */
  readonly outputs: Readonly<Record<string, Float64Array>>;
}
/** Values are declared to stay below 2^15. */
const integerBits = 15;

/**
 * `inputs`: for each of the model's inputs, rows in row-major order. Throws ShapeError for numbers that are not whole rows.
 *
 * @example const { layers, overflows } = await models.calibrate(model, images);
 */
export async function calibrate(model: ImportedModel, ...inputs: readonly Float64Array[]): Promise<Calibration> {
  const plans: Plan[] = [];
  const graph = scratchGraph(20, async ({ plan }) => void plans.push(plan));
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
  let asked = 0;
  /** The label under which a value is found. */
  const ask = (value: Tensor): string => {
    const { ref } = value.ref.type.kind === "bits" ? value.add(0) : value;
    // Never answered: nothing runs.
    void graph.reveal(ref, { release: "open" });
    return `r${asked++}`;
  };
  const watched: { name: string; type: string; label: string }[] = [];
  const results = recordLayers(model, tensors, ({ name, type }, output) =>
    watched.push({ name, type, label: ask(output) }),
  );
  const named = results.map((result, i) => [model.outputs[i]!.name, ask(result)] as const);
  await graph.close();
  const parameters = new Map([...model.named.values()].map((parameter) => [parameter.name, parameter]));
  const { revealed, overflows } = evaluateClear(plans.at(-1)!, {
    input: (slot) => given[Number(slot.slice(1))]!.data,
    variable: (name) => parameters.get(name)?.start(),
    scalar: () => undefined,
    rows: () => undefined,
    coins: (n) => new Float64Array(n),
  });
  const layers = watched.map(({ name, type, label }) => {
    const largest = revealed.get(label)!.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return { name, type, largest, headroomBits: integerBits - Math.log2(Math.max(largest, 2 ** -fraction)) };
  });
  return { layers, overflows, outputs: Object.fromEntries(named.map(([name, label]) => [name, revealed.get(label)!])) };
}
