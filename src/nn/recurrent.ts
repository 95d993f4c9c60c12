/**
 * Recurrent layers: cells, which take one step, and RNN, LSTM and GRU, which go through a sequence, in several layers and both
 * directions. PyTorch's formulas, parameter names and shapes. Sequences are unrolled: a plan grows with their length, and so do
 * its rounds.
 */
import { InputError, ShapeError } from "../errors.js";
import { uniform } from "../random/index.js";
import { concat, linear, type Tensor } from "../tensor/index.js";
import { dropout } from "./dropout.js";
import { type Module, type Part, withParts } from "./module.js";
import { Parameter } from "./parameter.js";

/** Hidden state and cell state. */
export type LstmState = readonly [hidden: Tensor, cell: Tensor];

/** W x + b for all gates, side by side, not truncated; undefined parts are 0. */
type Projection = (state: Tensor) => Tensor;
/** One step: x is already projected. */
interface Kind<S> {
  readonly gates: number;
  step(x: Tensor, project: Projection, bias: Parameter | undefined, state: S | undefined): S;
  hidden(state: S): Tensor;
  /** Of several layers and directions, as PyTorch returns them: [layers * directions, batch, hidden]. */
  stack(states: readonly S[]): S;
  unstack(state: S, index: number): S;
}

const part = (all: Tensor, index: number, hidden: number): Tensor =>
  all.slice(index * hidden, (index + 1) * hidden, -1);
const stackOne = (states: readonly Tensor[]): Tensor =>
  concat(
    states.map((state) => state.reshape(1, ...state.shape)),
    0,
  );
const unstackOne = (all: Tensor, index: number): Tensor =>
  all.slice(index, index + 1, 0).reshape(...all.shape.slice(1));

/** x plus the state's part, or its bias where the state is 0. */
function withState(x: Tensor, project: Projection, bias: Parameter | undefined, state: Tensor | undefined): Tensor {
  return state ? x.add(project(state)) : bias ? x.add(bias) : x;
}

function elman(nonlinearity: "tanh" | "relu"): Kind<Tensor> {
  return {
    gates: 1,
    step(x, project, bias, state) {
      const sum = withState(x, project, bias, state);
      return nonlinearity === "tanh" ? sum.tanh() : sum.relu();
    },
    hidden: (state) => state,
    stack: stackOne,
    unstack: unstackOne,
  };
}
const lstmKind: Kind<LstmState> = {
  gates: 4,
  step(x, project, bias, state) {
    const hidden = x.shape.at(-1)! / 4;
    const sum = withState(x, project, bias, state?.[0]);
    const [input, forget] = [part(sum, 0, hidden).sigmoid(), part(sum, 1, hidden).sigmoid()];
    const [candidate, output] = [part(sum, 2, hidden).tanh(), part(sum, 3, hidden).sigmoid()];
    const fresh = input.mul(candidate);
    const cell = state ? forget.mul(state[1]).add(fresh) : fresh;
    return [output.mul(cell.tanh()), cell];
  },
  hidden: ([hidden]) => hidden,
  stack: (states) => [stackOne(states.map(([hidden]) => hidden)), stackOne(states.map(([, cell]) => cell))],
  unstack: ([hidden, cell], index) => [unstackOne(hidden, index), unstackOne(cell, index)],
};
const gruKind: Kind<Tensor> = {
  gates: 3,
  step(x, project, bias, state) {
    const hidden = x.shape.at(-1)! / 3;
    const old = state ? project(state) : undefined;
    const gate = (index: number): Tensor => {
      const own = part(x, index, hidden);
      if (old) return own.add(part(old, index, hidden)).sigmoid();
      return (bias ? own.add(part(bias.in(x.graph), index, hidden)) : own).sigmoid();
    };
    const [reset, update] = [gate(0), gate(1)];
    const carried = old ? part(old, 2, hidden) : bias && part(bias.in(x.graph), 2, hidden);
    const candidate = (carried ? part(x, 2, hidden).add(reset.mul(carried)) : part(x, 2, hidden)).tanh();
    return candidate.add(update.mul(state ? state.sub(candidate) : candidate.neg()));
  },
  hidden: (state) => state,
  stack: stackOne,
  unstack: unstackOne,
};

interface Weights {
  readonly input: Parameter;
  readonly hidden: Parameter;
  readonly inputBias: Parameter | undefined;
  readonly hiddenBias: Parameter | undefined;
}
/** Uniform in ±1/√hidden, as PyTorch. */
function weights(gates: number, inputs: number, hidden: number, bias: boolean): Weights {
  const limit = 1 / Math.sqrt(hidden);
  const fresh = (...shape: number[]) =>
    new Parameter(shape, () =>
      uniform(
        shape.reduce((n, length) => n * length, 1),
        -limit,
        limit,
      ),
    );
  return {
    input: fresh(gates * hidden, inputs),
    hidden: fresh(gates * hidden, hidden),
    inputBias: bias ? fresh(gates * hidden) : undefined,
    hiddenBias: bias ? fresh(gates * hidden) : undefined,
  };
}
function namedWeights({ input, hidden, inputBias, hiddenBias }: Weights, suffix = ""): Record<string, Parameter> {
  const biases = { [`bias_ih${suffix}`]: inputBias!, [`bias_hh${suffix}`]: hiddenBias! };
  return { [`weight_ih${suffix}`]: input, [`weight_hh${suffix}`]: hidden, ...(inputBias ? biases : {}) };
}
const project = (x: Tensor, weight: Parameter, bias: Parameter | undefined): Tensor => linear(x, weight, bias);

export interface CellOptions {
  readonly bias?: boolean;
}
function cell<S>(kind: Kind<S>, inputs: number, hidden: number, { bias = true }: CellOptions): Module<[Tensor, S?], S> {
  const own = weights(kind.gates, inputs, hidden, bias);
  return withParts((x: Tensor, state?: S): S => {
    if (x.shape.length !== 2 || x.shape[1] !== inputs)
      throw new ShapeError(`cell: expected x of shape [batch, ${inputs}], got [${x.shape}]; try reshape`);
    const ahead: Projection = (old) => project(old, own.hidden, own.hiddenBias);
    return kind.step(project(x, own.input, own.inputBias), ahead, own.hiddenBias, state);
  }, namedWeights(own));
}

/** h' = tanh(W x + b + U h + c); x: [batch, inputs], h: [batch, hidden], 0 if it is not given. */
export function rnnCell(
  inputs: number,
  hidden: number,
  options: CellOptions & { nonlinearity?: "tanh" | "relu" } = {},
): Module<[x: Tensor, hidden?: Tensor], Tensor> {
  return cell(elman(options.nonlinearity ?? "tanh"), inputs, hidden, options);
}
/** One step of a long short-term memory: x: [batch, inputs], [h, c] to [h', c'], both 0 if they are not given. */
export function lstmCell(
  inputs: number,
  hidden: number,
  options: CellOptions = {},
): Module<[x: Tensor, state?: LstmState], LstmState> {
  return cell(lstmKind, inputs, hidden, options);
}
/** One step of a gated recurrent unit: x: [batch, inputs], h: [batch, hidden], 0 if it is not given. */
export function gruCell(
  inputs: number,
  hidden: number,
  options: CellOptions = {},
): Module<[x: Tensor, hidden?: Tensor], Tensor> {
  return cell(gruKind, inputs, hidden, options);
}

export interface RecurrentOptions {
  readonly numLayers?: number;
  readonly bias?: boolean;
  /** [batch, time, features] instead of [time, batch, features]. */
  readonly batchFirst?: boolean;
  /** Between layers, while training. */
  readonly dropout?: number;
  readonly bidirectional?: boolean;
}
/** What is returned: all hidden states of the last layer, [time, batch, directions * hidden], and the last state of each layer. */
export type Recurrent<S> = Module<[x: Tensor, state?: S], [output: Tensor, last: S]>;

function recurrent<S>(kind: Kind<S>, inputs: number, hidden: number, options: RecurrentOptions): Recurrent<S> {
  const { numLayers = 1, bias = true, batchFirst = false, bidirectional = false } = options;
  if (!Number.isInteger(numLayers) || numLayers < 1)
    throw new InputError(`recurrent: expected numLayers of at least 1, got ${numLayers}; try 1`);
  const directions = bidirectional ? 2 : 1;
  const all: Weights[] = [];
  let children: Record<string, Parameter | Part> = {};
  for (let layer = 0; layer < numLayers; layer++)
    for (let direction = 0; direction < directions; direction++) {
      const own = weights(kind.gates, layer === 0 ? inputs : directions * hidden, hidden, bias);
      all.push(own);
      children = { ...children, ...namedWeights(own, `_l${layer}${direction === 1 ? "_reverse" : ""}`) };
    }
  const between = dropout(options.dropout ?? 0);
  children = { ...children, dropout: between };

  function forward(given: Tensor, state?: S): [Tensor, S] {
    if (given.shape.length !== 3 || given.shape[2] !== inputs)
      throw new ShapeError(
        `recurrent: expected x of shape ${batchFirst ? "[batch, time" : "[time, batch"}, ${inputs}], got [${given.shape}]; try reshape`,
      );
    let x = batchFirst ? given.transpose(1, 0, 2) : given;
    const time = x.shape[0]!;
    const last: S[] = [];
    for (let layer = 0; layer < numLayers; layer++) {
      if (layer > 0) x = between(x);
      const outputs = Array.from({ length: directions }, (_, direction) => {
        const index = layer * directions + direction;
        const own = all[index]!;
        // All steps' inputs in one product.
        const projected = project(x, own.input, own.inputBias);
        const ahead: Projection = (old) => project(old, own.hidden, own.hiddenBias);
        let current = state === undefined ? undefined : kind.unstack(state, index);
        const steps: Tensor[] = [];
        for (let i = 0; i < time; i++) {
          const at = direction === 0 ? i : time - 1 - i;
          current = kind.step(unstackOne(projected, at), ahead, own.hiddenBias, current);
          steps[at] = kind.hidden(current);
        }
        last.push(current!);
        return stackOne(steps);
      });
      x = outputs.length === 1 ? outputs[0]! : concat(outputs, 2);
    }
    return [batchFirst ? x.transpose(1, 0, 2) : x, kind.stack(last)];
  }
  return withParts(forward, children);
}

/** A sequence through tanh (or ReLU) units; see Recurrent for shapes. */
export function rnn(
  inputs: number,
  hidden: number,
  options: RecurrentOptions & { nonlinearity?: "tanh" | "relu" } = {},
): Recurrent<Tensor> {
  return recurrent(elman(options.nonlinearity ?? "tanh"), inputs, hidden, options);
}
/** A sequence through long short-term memories. Each step waits for the one before: about as many rounds as sigmoid and tanh have, twice. */
export function lstm(inputs: number, hidden: number, options: RecurrentOptions = {}): Recurrent<LstmState> {
  return recurrent(lstmKind, inputs, hidden, options);
}
/** A sequence through gated recurrent units. */
export function gru(inputs: number, hidden: number, options: RecurrentOptions = {}): Recurrent<Tensor> {
  return recurrent(gruKind, inputs, hidden, options);
}
