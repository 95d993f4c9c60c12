/**
 * Networks of lists of layers: as modules with first values that are the same in every run, and in float64 with a training of its
 * own, to compare with. Public; nothing secret starts so.
 */
import { nn } from "../../src/index.js";
import { deriveKey, Prg } from "../../src/random/index.js";
import { size } from "../../src/ring/index.js";
import { type Image, type Layer, run, weightShapes } from "../convnets.js";
import { softmax } from "../reference.js";

/** PyTorch's first values, uniform in ±1/√inputs, drawn from a seed: weight and bias of each layer in order. */
export function firstValues(layers: readonly Layer[], image: Image, seed = 1): Float64Array[] {
  const prg = new Prg(deriveKey([new Uint8Array([seed])], "accuracy weights"));
  return weightShapes(layers, image).flatMap(([outputs, ...rest], layer) => {
    const limit = 1 / Math.sqrt(size(rest));
    return [outputs! * size(rest), outputs!].map((n, chunk) => drawn(prg, n, limit, layer, chunk));
  });
}
/** Uniform in ±limit. */
function drawn(prg: Prg, n: number, limit: number, node: number, chunk = 0): Float64Array {
  const bytes = new Uint8Array(4 * n);
  prg.stream({ run: 0, node, chunk }).fill(bytes);
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: n }, (_, i) => ((view.getUint32(4 * i, true) + 0.5) / 2 ** 31 - 1) * limit);
}

/**
 * Gives any module first values that are the same in every run: matrices in ±1/√inputs, biases 0, normalisations 1.
 */
export function withFirstValues(model: nn.Module, seed = 1): nn.Module {
  const prg = new Prg(deriveKey([new Uint8Array([seed])], "accuracy values"));
  const state = [...model.named].map(([name, { shape }], node): [string, Float64Array] => {
    const limit = shape.length > 1 ? 1 / Math.sqrt(size(shape.slice(1))) : 0;
    const start = /norm\d*\.weight$/.test(name) ? 1 : 0;
    return [name, drawn(prg, size(shape), limit, node).map((value) => start + value)];
  });
  return model.loadStateDict(Object.fromEntries(state));
}

/** [batch, pixels] -> [batch, outputs]. */
export function moduleOf(layers: readonly Layer[], image: Image, seed?: number): nn.Module {
  const shapes = weightShapes(layers, image);
  const values = firstValues(layers, image, seed);
  const hasImages = layers.some(([kind]) => kind !== "dense" && kind !== "relu");
  const parts: nn.Module[] = hasImages ? [nn.unflatten(1, image)] : [];
  const state: { [name: string]: Float64Array } = {};
  let [next, flat] = [0, !hasImages];
  for (const layer of layers) {
    const [kind] = layer;
    if (kind === "dense" && !flat) {
      parts.push(nn.flatten());
      flat = true;
    }
    if (kind === "relu") parts.push(nn.relu());
    else if (kind === "max") parts.push(nn.maxPool2d(2));
    else if (kind === "avg") parts.push(nn.avgPool2d(2));
    else {
      const [outputs, inputs] = shapes[next]! as [number, number];
      for (const [i, what] of ["weight", "bias"].entries()) state[`${parts.length}.${what}`] = values[2 * next + i]!;
      parts.push(kind === "conv" ? nn.conv2d(inputs, outputs, layer[2]) : nn.linear(inputs, outputs));
      next++;
    }
  }
  return nn.sequential(...parts).loadStateDict(state);
}

export interface Step {
  readonly lr: number;
  readonly momentum: number;
}

/** The same network, trained with cross-entropy by SGD with momentum as PyTorch has it. */
export class ClearNet {
  readonly #values: Float64Array[];
  readonly #velocities: readonly Float64Array[];

  constructor(
    readonly layers: readonly Layer[],
    readonly image: Image,
    seed?: number,
  ) {
    this.#values = firstValues(layers, image, seed);
    this.#velocities = this.#values.map(({ length }) => new Float64Array(length));
  }

  #run(x: Float64Array, batch: number) {
    const given = (data: Float64Array) => ({ shape: [data.length], data });
    const named = Object.fromEntries(this.#values.map((data, i) => [`${i % 2 ? "b" : "w"}${i >> 1}`, given(data)]));
    return run(this.layers, this.image, batch, { ...named, x: given(x) });
  }

  /** Of class numbers. Returns the mean loss before the step. */
  step(x: Float64Array, labels: Float64Array, { lr, momentum }: Step): number {
    const batch = labels.length;
    const done = this.#run(x, batch);
    const scores = done.at(-1)!.output;
    const classes = scores.length / batch;
    let gradient = softmax(scores, classes);
    let loss = 0;
    labels.forEach((label, row) => {
      const at = row * classes + label;
      loss -= Math.log(gradient[at]!);
      gradient[at]! -= 1;
    });
    gradient = gradient.map((value) => value / batch);
    let next = this.#values.length;
    const gradients: Float64Array[] = [];
    for (const layer of done.reverse()) {
      const { input, weight, bias } = layer.back(gradient);
      if (weight && bias) {
        gradients[--next] = bias;
        gradients[--next] = weight;
      }
      gradient = Float64Array.from(input);
    }
    this.#values.forEach((value, i) => {
      const [velocity, own] = [this.#velocities[i]!, gradients[i]!];
      for (let j = 0; j < value.length; j++) {
        velocity[j] = momentum * velocity[j]! + own[j]!;
        value[j]! -= lr * velocity[j]!;
      }
    });
    return loss / batch;
  }

  hits(x: Float64Array, labels: Float64Array): number {
    const scores = this.#run(x, labels.length).at(-1)!.output;
    const classes = scores.length / labels.length;
    let count = 0;
    labels.forEach((label, row) => {
      const own = scores.subarray(row * classes, (row + 1) * classes);
      if (own.indexOf(Math.max(...own)) === label) count++;
    });
    return count;
  }
}
