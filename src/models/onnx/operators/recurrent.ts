/** LSTM, GRU and RNN of ONNX as layers of nn/, whose gates stand in PyTorch's order. Sequences are unrolled. */
import * as nn from "../../../nn/index.js";
import type { Tensor } from "../../../tensor/index.js";
import { checkWeights } from "../../limits.js";
import type { Numbers } from "../../numbers.js";
import type { Attributes, Call, Layer, OnnxOperator, OperatorTable } from "../call.js";

/** Each step is some dozens of a plan's operators. */
const mostSteps = 1024;

interface Kind {
  /** For each of PyTorch's gates the place of ONNX's. */
  readonly gates: readonly number[];
  readonly activations: readonly string[];
  make(inputs: number, hidden: number, options: nn.RecurrentOptions): nn.Recurrent<Tensor> | nn.Recurrent<nn.LstmState>;
}
const lstm: Kind = { gates: [0, 2, 3, 1], activations: ["Sigmoid", "Tanh", "Tanh"], make: nn.lstm };
const gru: Kind = { gates: [1, 0, 2], activations: ["Sigmoid", "Tanh"], make: nn.gru };
const rnn: Kind = { gates: [0], activations: ["Tanh"], make: nn.rnn };

/** Rows of one direction, gate by gate in PyTorch's order. */
function reordered({ data, shape }: Numbers, direction: number, part: number, gates: readonly number[]): Float64Array {
  const directions = shape[0]!;
  const each = data.length / directions;
  const parts = shape.length === 2 ? 2 : 1;
  const own = data.subarray(direction * each + (part * each) / parts, direction * each + ((part + 1) * each) / parts);
  const rows = own.length / gates.length;
  const result = new Float64Array(own.length);
  gates.forEach((from, to) => {
    result.set(own.subarray(from * rows, (from + 1) * rows), to * rows);
  });
  return result;
}

function layer(kind: Kind, attributes: Attributes, constants: readonly (Numbers | undefined)[]): Layer {
  const { name } = attributes.node;
  const [, weight, recurrence, bias] = constants;
  const size = attributes.int("hidden_size") ?? recurrence?.shape[2];
  const direction = attributes.string("direction", "forward");
  const directions = direction === "bidirectional" ? 2 : 1;
  const gates = kind.gates.length;
  const inputs = weight?.shape[2];
  if (!weight || !recurrence || !size || !inputs) return attributes.refuse("its weights have to be constants");
  const fits =
    `${weight.shape}` === `${[directions, gates * size, inputs]}` &&
    `${recurrence.shape}` === `${[directions, gates * size, size]}` &&
    (!bias || `${bias.shape}` === `${[directions, 2 * gates * size]}`);
  if (!fits) return attributes.refuse(`weights of shapes [${weight.shape}] and [${recurrence.shape}]`);
  const part = kind.make(inputs, size, { bias: bias !== undefined, bidirectional: directions === 2 });
  const state: Record<string, Float64Array> = {};
  for (let d = 0; d < directions; d++) {
    const suffix = `_l0${d === 1 ? "_reverse" : ""}`;
    state[`weight_ih${suffix}`] = reordered(weight, d, 0, kind.gates);
    state[`weight_hh${suffix}`] = reordered(recurrence, d, 0, kind.gates);
    if (!bias) continue;
    state[`bias_ih${suffix}`] = reordered(bias, d, 0, kind.gates);
    state[`bias_hh${suffix}`] = reordered(bias, d, 1, kind.gates);
  }
  for (const [key, data] of Object.entries(state)) checkWeights(`importOnnx: ${name}, ${key}`, data);
  part.loadStateDict(state);
  return { part, record: (call) => unrolled(call, part, direction, size) };
}

function unrolled(call: Call, part: ReturnType<Kind["make"]>, direction: string, size: number): Tensor[] {
  const batchFirst = call.flag("layout");
  const turned = (x: Tensor) => (batchFirst ? x.transpose(1, 0, ...x.shape.slice(2).map((_, i) => i + 2)) : x);
  const given = turned(call.tensor(0));
  const x = direction === "reverse" ? given.flip(0) : given;
  const [time, batch] = x.shape as [number, number];
  if (time > mostSteps) call.refuse(`a sequence of ${time} steps: at most ${mostSteps}, since they are unrolled`);
  const initial = [5, 6].map((i) => (call.given(i) ? turned(call.tensor(i)) : undefined));
  const isLstm = call.node.type === "LSTM";
  if (isLstm && (initial[0] === undefined) !== (initial[1] === undefined)) call.refuse("one initial state of two");
  const state = initial[0] && (isLstm ? [initial[0], initial[1]!] : initial[0]);
  const [output, last] = (part as nn.Recurrent<unknown>)(x, state);
  const all = output.reshape(time, batch, -1, size);
  const whole = batchFirst ? all.transpose(1, 0, 2, 3) : all.transpose(0, 2, 1, 3);
  const ends = (isLstm ? [...(last as nn.LstmState)] : [last as Tensor]).map(turned);
  return [direction === "reverse" ? whole.flip(batchFirst ? 1 : 0) : whole, ...ends];
}

const operator = (kind: Kind): OnnxOperator => ({
  structure: [1, 2, 3, 4, 7],
  refuses(a) {
    if (a.node.inputs[4]) return "lengths of sequences";
    if (a.node.inputs[7]) return "peepholes";
    if (a.has("clip") || a.flag("input_forget")) return "clipped or coupled gates";
    if (a.node.type === "GRU" && !a.flag("linear_before_reset")) return "linear_before_reset 0: PyTorch's GRU has 1";
    const directions = a.string("direction", "forward") === "bidirectional" ? 2 : 1;
    const given = a.node.attributes.get("activations")?.strings ?? [];
    const usual = given.every((each, i) => each === kind.activations[i % kind.activations.length]);
    return usual && given.length <= directions * kind.activations.length ? undefined : `activations ${given}`;
  },
  record: (call) => call.refuse("its weights have to be constants"),
  layer: (attributes, constants) => layer(kind, attributes, constants),
});

export const recurrent: OperatorTable = { LSTM: operator(lstm), GRU: operator(gru), RNN: operator(rnn) };
