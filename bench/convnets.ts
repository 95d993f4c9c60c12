/**
 * Convolutional networks to measure, as lists of layers: how a plan records them, and what they compute in float64, forward and
 * backward. Not the cases themselves (`cases.ts`).
 */
import * as build from "../src/ops/build.js";
import { conv2d } from "../src/ops/convolutions.js";
import type { Ref } from "../src/ops/index.js";
import { maxPool2d } from "../src/ops/max-pooling.js";
import { avgPool2d } from "../src/ops/pooling.js";
import type { Recorder } from "../src/plan/index.js";
import { size } from "../src/ring/index.js";

import { matmul, type Slope, transpose } from "./reference.js";
import type { Given } from "./values.js";

/** `conv`: filters and the size of their square windows; `dense`: outputs; pools have windows of 2 x 2. */
export type Layer = readonly ["conv", number, number] | readonly ["dense", number] | readonly ["max" | "avg" | "relu"];
/** Channels, height and width. */
export type Image = readonly [number, number, number];

export const lenet: readonly Layer[] = [
  ...([["conv", 20, 5], ["max"], ["relu"], ["conv", 50, 5], ["max"], ["relu"]] as const),
  ...([["dense", 500], ["relu"], ["dense", 10]] as const),
];
export const convnet: readonly Layer[] = [
  ...([["conv", 16, 3], ["avg"], ["relu"], ["conv", 32, 3], ["avg"], ["relu"]] as const),
  ...([["conv", 64, 3], ["avg"], ["relu"], ["dense", 10]] as const),
];

/** The shapes of weights in order. */
export function weightShapes(layers: readonly Layer[], image: Image): number[][] {
  const shapes: number[][] = [];
  let [channels, height, width] = image;
  for (const layer of layers) {
    if (layer[0] === "conv") {
      shapes.push([layer[1], channels, layer[2], layer[2]]);
      [channels, height, width] = [layer[1], height - layer[2] + 1, width - layer[2] + 1];
    } else if (layer[0] === "dense") {
      shapes.push([layer[1], channels * height * width]);
      [channels, height, width] = [layer[1], 1, 1];
    } else if (layer[0] !== "relu") [height, width] = [height >> 1, width >> 1];
  }
  return shapes;
}

export function record(b: Recorder, layers: readonly Layer[], x: Ref, values: Record<string, Ref>): Ref {
  let [value, next] = [x, 0];
  for (const layer of layers) {
    const [weight, bias] = [values[`w${next}`]!, values[`b${next}`]!];
    if (layer[0] === "conv") value = conv2d(b, value, weight, bias);
    else if (layer[0] === "max") value = maxPool2d(b, value, 2);
    else if (layer[0] === "avg") value = avgPool2d(b, value, 2);
    else if (layer[0] === "relu") value = build.relu(b, value);
    else {
      const { shape } = value.type;
      value = build.linear(b, build.reshape(b, value, [shape[0]!, size(shape.slice(1))]), weight, bias);
    }
    if (layer[0] === "conv" || layer[0] === "dense") next++;
  }
  return value;
}

/** What one layer did, and the way back: from the gradient of its output to that of its input and of its parameters. */
interface Done {
  readonly output: Float64Array;
  readonly back: (gradient: Float64Array) => { input: Float64Array; weight?: Float64Array; bias?: Float64Array };
}

/** Windows x outputs of one image. */
function columns(x: Float64Array, [channels, height, width]: Image, k: number): Float64Array {
  const [rows, cols] = [height - k + 1, width - k + 1];
  const out = new Float64Array(channels * k * k * rows * cols);
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let u = 0; u < k; u++)
      for (let v = 0; v < k; v++)
        for (let y = 0; y < rows; y++)
          for (let z = 0; z < cols; z++) out[at++] = x[(c * height + y + u) * width + z + v]!;
  return out;
}

function conv(x: Float64Array, image: Image, batch: number, weight: Float64Array, bias: Float64Array, k: number): Done {
  const [filters, [channels, height, width]] = [bias.length, image];
  const [rows, cols] = [height - k + 1, width - k + 1];
  const [taps, places] = [channels * k * k, rows * cols];
  const each = (i: number) => x.subarray(i * size(image), (i + 1) * size(image));
  const output = new Float64Array(batch * filters * places);
  for (let i = 0; i < batch; i++) {
    const made = matmul(weight, columns(each(i), image, k), filters, taps, places);
    output.set(
      made.map((value, at) => value + bias[Math.floor(at / places)]!),
      i * filters * places,
    );
  }
  return {
    output,
    back(gradient) {
      const [input, ofWeight, ofBias] = [x, weight, bias].map((list) => new Float64Array(list.length));
      const turned = transpose(weight, filters, taps);
      for (let i = 0; i < batch; i++) {
        const part = gradient.subarray(i * filters * places, (i + 1) * filters * places);
        part.forEach((value, at) => {
          ofBias![Math.floor(at / places)]! += value;
        });
        const own = matmul(part, transpose(columns(each(i), image, k), taps, places), filters, places, taps);
        own.forEach((value, at) => {
          ofWeight![at]! += value;
        });
        const spread = matmul(turned, part, taps, filters, places);
        let at = 0;
        for (let c = 0; c < channels; c++)
          for (let u = 0; u < k; u++)
            for (let v = 0; v < k; v++)
              for (let y = 0; y < rows; y++) {
                const to = i * size(image) + (c * height + y + u) * width + v;
                for (let z = 0; z < cols; z++) input![to + z]! += spread[at++]!;
              }
      }
      return { input: input!, weight: ofWeight!, bias: ofBias! };
    },
  };
}
function dense(x: Float64Array, batch: number, weight: Float64Array, bias: Float64Array): Done {
  const [inputs, outputs] = [x.length / batch, bias.length];
  const output = matmul(x, transpose(weight, outputs, inputs), batch, inputs, outputs);
  return {
    output: output.map((value, at) => value + bias[at % outputs]!),
    back: (gradient) => ({
      input: matmul(gradient, weight, batch, outputs, inputs),
      weight: matmul(transpose(gradient, batch, outputs), x, outputs, batch, inputs),
      bias: bias.map((_, j) => {
        let sum = 0;
        for (let i = 0; i < batch; i++) sum += gradient[i * outputs + j]!;
        return sum;
      }),
    }),
  };
}
function pool(x: Float64Array, [, height, width]: Image, kind: "max" | "avg"): Done {
  const [rows, cols] = [height >> 1, width >> 1];
  const planes = x.length / (height * width);
  const output = new Float64Array(planes * rows * cols);
  /** Of each window: its first element, and its largest one. */
  const [corners, best] = [new Int32Array(output.length), new Int32Array(output.length)];
  for (let i = 0; i < output.length; i++) {
    const corner =
      (Math.floor(i / (rows * cols)) * height + 2 * (Math.floor(i / cols) % rows)) * width + 2 * (i % cols);
    let most = corner;
    for (const at of [corner + 1, corner + width, corner + width + 1]) if (x[at]! > x[most]!) most = at;
    [corners[i], best[i]] = [corner, most];
    output[i] =
      kind === "max" ? x[most]! : (x[corner]! + x[corner + 1]! + x[corner + width]! + x[corner + width + 1]!) / 4;
  }
  return {
    output,
    back(gradient) {
      const input = new Float64Array(x.length);
      for (let i = 0; i < output.length; i++)
        if (kind === "max") input[best[i]!]! += gradient[i]!;
        else for (const at of [0, 1, width, width + 1]) input[corners[i]! + at]! += gradient[i]! / 4;
      return { input };
    },
  };
}

/** What each layer did. `values`: x, and w0, b0, w1, … */
export function run(layers: readonly Layer[], image: Image, batch: number, values: Record<string, Given>): Done[] {
  const list: Done[] = [];
  let x: Float64Array = values.x!.data;
  let next = 0;
  let [channels, height, width] = image;
  for (const layer of layers) {
    const [weight, bias] = [values[`w${next}`]?.data, values[`b${next}`]?.data];
    const at: Image = [channels, height, width];
    let done: Done;
    if (layer[0] === "conv") {
      done = conv(x, at, batch, weight!, bias!, layer[2]);
      [channels, height, width] = [layer[1], height - layer[2] + 1, width - layer[2] + 1];
    } else if (layer[0] === "dense") done = dense(x, batch, weight!, bias!);
    else if (layer[0] === "relu") {
      const before = x;
      done = {
        output: x.map((value) => Math.max(0, value)),
        back: (gradient) => ({ input: gradient.map((value, i) => (before[i]! > 0 ? value : 0)) }),
      };
    } else {
      done = pool(x, at, layer[0]);
      [height, width] = [height >> 1, width >> 1];
    }
    if (weight && (layer[0] === "conv" || layer[0] === "dense")) next++;
    list.push(done);
    x = done.output;
  }
  return list;
}
export const forward = (layers: readonly Layer[], image: Image, batch: number, values: Record<string, Given>) =>
  run(layers, image, batch, values).at(-1)!.output;

/** Weights and biases after a step of SGD. */
export function trainStep(
  layers: readonly Layer[],
  image: Image,
  batch: number,
  values: Record<string, Given>,
  lr: number,
  slope: Slope,
): Record<string, Float64Array> {
  const list = run(layers, image, batch, values);
  let gradient = slope(list.at(-1)!.output, values.t!.data, batch);
  const updated: Record<string, Float64Array> = {};
  let next = weightShapes(layers, image).length;
  for (const done of list.reverse()) {
    const { input, weight, bias } = done.back(gradient);
    if (weight && bias) {
      next--;
      updated[`w${next}`] = values[`w${next}`]!.data.map((value, i) => value - lr * weight[i]!);
      updated[`b${next}`] = values[`b${next}`]!.data.map((value, i) => value - lr * bias[i]!);
    }
    gradient = Float64Array.from(input);
  }
  return updated;
}
