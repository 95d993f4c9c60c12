/**
 * The demo's network trained in the clear: a small float64 MLP with the same layers, loss and update as the secret one,
 * to compare with. Not a library, and nothing here is private.
 */

/** One fully connected layer: weight [outputs, inputs], bias [outputs], as in PyTorch. */
export interface ClearLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}
export interface ClearSgd {
  readonly lr: number;
  readonly momentum?: number;
}

export class ClearMlp {
  readonly #velocities: readonly { weight: Float64Array; bias: Float64Array }[];

  /** ReLU between the layers, nothing after the last one. Keeps the layers and changes them. */
  constructor(readonly layers: readonly ClearLayer[]) {
    this.#velocities = layers.map(({ weight, bias }) => ({
      weight: new Float64Array(weight.length),
      bias: new Float64Array(bias.length),
    }));
  }

  /** Outputs of every layer for `batch` rows: the last entry is the network's. */
  forward(x: Float64Array, batch: number): Float64Array[] {
    const outputs: Float64Array[] = [];
    this.layers.forEach((layer, i) => {
      const y = affine(layer, i === 0 ? x : outputs[i - 1]!, batch);
      if (i < this.layers.length - 1) for (let j = 0; j < y.length; j++) if (y[j]! < 0) y[j] = 0;
      outputs.push(y);
    });
    return outputs;
  }

  /** One step of SGD on the squared error, summed over outputs and averaged over rows. Returns the loss before it. */
  step(x: Float64Array, target: Float64Array, batch: number, sgd: ClearSgd): number {
    const outputs = this.forward(x, batch);
    const prediction = outputs.at(-1)!;
    let loss = 0;
    let gradient: Float64Array = prediction.map((value, i) => {
      const difference = value - target[i]!;
      loss += difference * difference;
      return (2 * difference) / batch;
    });
    for (let i = this.layers.length - 1; i >= 0; i--) {
      const layer = this.layers[i]!;
      const input = i === 0 ? x : outputs[i - 1]!;
      // The gradient of the input needs the weights from before the update.
      const below = i === 0 ? undefined : backward(layer, gradient, input, batch);
      this.#update(i, parameterGradients(layer, gradient, input, batch), sgd);
      if (below) gradient = below;
    }
    return loss / batch;
  }

  /** How many rows have their largest output at the label. */
  correct(x: Float64Array, labels: ArrayLike<number>, rows: number): number {
    const scores = this.forward(x, rows).at(-1)!;
    const classes = scores.length / rows;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      let best = 0;
      for (let k = 1; k < classes; k++) if (scores[row * classes + k]! > scores[row * classes + best]!) best = k;
      if (best === labels[row]) count++;
    }
    return count;
  }

  #update(i: number, gradients: { weight: Float64Array; bias: Float64Array }, { lr, momentum = 0 }: ClearSgd): void {
    for (const key of ["weight", "bias"] as const) {
      const [value, velocity, gradient] = [this.layers[i]![key], this.#velocities[i]![key], gradients[key]];
      for (let j = 0; j < value.length; j++) {
        velocity[j] = momentum * velocity[j]! + gradient[j]!;
        value[j] = value[j]! - lr * velocity[j]!;
      }
    }
  }
}

/** x Wᵀ + b. */
function affine({ inputs, outputs, weight, bias }: ClearLayer, x: Float64Array, batch: number): Float64Array {
  const y = new Float64Array(batch * outputs);
  for (let row = 0; row < batch; row++)
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o]!;
      const at = row * inputs;
      const w = o * inputs;
      for (let i = 0; i < inputs; i++) sum += x[at + i]! * weight[w + i]!;
      y[row * outputs + o] = sum;
    }
  return y;
}

/** The gradient of a layer's input, through the ReLU that made it. */
function backward(layer: ClearLayer, gradient: Float64Array, input: Float64Array, batch: number): Float64Array {
  const { inputs, outputs, weight } = layer;
  const below = new Float64Array(batch * inputs);
  for (let row = 0; row < batch; row++)
    for (let o = 0; o < outputs; o++) {
      const g = gradient[row * outputs + o]!;
      if (g === 0) continue;
      for (let i = 0; i < inputs; i++) below[row * inputs + i]! += g * weight[o * inputs + i]!;
    }
  for (let j = 0; j < below.length; j++) if (input[j]! <= 0) below[j] = 0;
  return below;
}

function parameterGradients(layer: ClearLayer, gradient: Float64Array, input: Float64Array, batch: number) {
  const { inputs, outputs } = layer;
  const weight = new Float64Array(outputs * inputs);
  const bias = new Float64Array(outputs);
  for (let row = 0; row < batch; row++)
    for (let o = 0; o < outputs; o++) {
      const g = gradient[row * outputs + o]!;
      if (g === 0) continue;
      bias[o]! += g;
      for (let i = 0; i < inputs; i++) weight[o * inputs + i]! += g * input[row * inputs + i]!;
    }
  return { weight, bias };
}
