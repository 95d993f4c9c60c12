/** LSTM, GRU and SimpleRNN of Keras as layers of nn/, whose gates stand in PyTorch's order. */
import * as nn from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import type { Numbers } from "../numbers.js";
import type { Made, Making } from "./making.js";
import { turned } from "./turn.js";
import { Value } from "./value.js";

/** Sequences are unrolled: each step is some dozens of a plan's operators. */
const mostSteps = 1024;

interface Kind {
  /** For each of PyTorch's gates the place of Keras's. */
  readonly gates: readonly number[];
  make(inputs: number, units: number, options: nn.RecurrentOptions): nn.Part;
}

/** Kernel [inputs, gates * units] as [gates * units, inputs], gates in PyTorch's order; a bias, too. */
function gatesOf({ data, shape }: Pick<Numbers, "data" | "shape">, gates: readonly number[]): Float64Array {
  const flat = shape.length === 1 ? { data, shape: [1, shape[0]!] } : { data, shape };
  const whole = turned(flat, [1, 0]);
  const each = whole.length / gates.length;
  const result = new Float64Array(whole.length);
  gates.forEach((from, to) => {
    result.set(whole.subarray(from * each, (from + 1) * each), to * each);
  });
  return result;
}

const layer =
  ({ gates, make }: Kind, resets: boolean) =>
  (m: Making): Made => {
    const units = m.whole("units");
    const width = units * gates.length;
    const usual = (key: string, expected: string) => {
      const value = m.config[key] ?? expected;
      if (value !== expected) m.refuse(`${key} ${JSON.stringify(value)}`);
    };
    usual("activation", "tanh");
    if (gates.length > 1) usual("recurrent_activation", "sigmoid");
    for (const key of ["return_state", "stateful", "go_backwards"]) if (m.flag(key)) m.refuse(key);
    const reset = resets && m.flag("reset_after", m.major >= 2);
    if (resets && !reset) m.refuse("reset_after false: PyTorch's GRU resets after the product");
    const kernel = m.weight("kernel", undefined, width);
    const recurrent = m.weight("recurrent_kernel", units, width);
    const hasBias = m.flag("use_bias", true);
    const state: Record<string, Float64Array> = {
      weight_ih_l0: gatesOf(kernel, gates),
      weight_hh_l0: gatesOf(recurrent, gates),
    };
    if (hasBias) {
      const bias = reset ? m.weight("bias", 2, width) : m.weight("bias", width);
      const row = (i: number) => gatesOf({ data: bias.data.slice(i * width, (i + 1) * width), shape: [width] }, gates);
      state.bias_ih_l0 = row(0);
      state.bias_hh_l0 = reset ? row(1) : new Float64Array(width);
    }
    const part = make(kernel.shape[0]!, units, { bias: hasBias, batchFirst: true }).loadStateDict(state);
    const all = m.flag("return_sequences");
    return {
      part,
      record(x) {
        if (x.shape[1]! > mostSteps) m.refuse(`a sequence of ${x.shape[1]} steps: at most ${mostSteps}`);
        const [output] = (part as nn.Recurrent<Tensor>)(x.keras);
        const time = output.shape[1]!;
        return new Value(all ? output : output.slice(time - 1, time, 1).reshape(output.shape[0]!, units));
      },
    };
  };

export const recurrentLayers = {
  LSTM: layer({ gates: [0, 1, 2, 3], make: nn.lstm }, false),
  GRU: layer({ gates: [1, 0, 2], make: nn.gru }, true),
  SimpleRNN: layer({ gates: [0], make: nn.rnn }, false),
};
