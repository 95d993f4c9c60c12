/** A network that reads digits, trained here in the clear within seconds, for tests of the page. Not a test, and no library. */
import { mnist } from "../../cli/demo/mnist.js";

const INPUTS = 784;
const HIDDEN = 64;
const CLASSES = 10;
const MEAN = 0.1307;
const DEVIATION = 0.3081;

export interface Reader {
  /** For nn.linear(784, 64) and nn.linear(64, 10) with a ReLU between, on normalised pixels. */
  readonly state: Readonly<Record<string, Float64Array>>;
  /** The share of the first `count` test images that it reads right. */
  accuracy(count: number): Promise<number>;
}

export async function images(part: "train images" | "test images", count: number): Promise<Float64Array> {
  const values = new Float64Array(count * INPUTS);
  await (await mnist(part, count)).read(0, count, values);
  return values;
}
export async function labels(part: "train labels" | "test labels", count: number): Promise<Float64Array> {
  const values = new Float64Array(count);
  await (await mnist(part, count)).read(0, count, values);
  return values;
}

/** Stochastic gradient descent on the cross-entropy, image by image, each weight row of the first layer only where there is ink. */
export async function trainReader(count: number, epochs: number): Promise<Reader> {
  const x = await images("train images", count);
  const y = await labels("train labels", count);
  // By input, so that the pixels without ink, four of five, cost nothing.
  const w1 = Float64Array.from({ length: INPUTS * HIDDEN }, noise(1));
  const b1 = new Float64Array(HIDDEN);
  const w2 = Float64Array.from({ length: CLASSES * HIDDEN }, noise(2));
  const b2 = new Float64Array(CLASSES);
  const [hidden, back, error] = [new Float64Array(HIDDEN), new Float64Array(HIDDEN), new Float64Array(CLASSES)];
  for (let step = 0; step < count * epochs; step++) {
    const lr = 0.03 * (1 - step / (count * epochs));
    const row = step % count;
    const inked: number[] = [];
    hidden.set(b1);
    for (let i = 0; i < INPUTS; i++) {
      const value = x[row * INPUTS + i]! * DEVIATION + MEAN;
      if (value < 0.01) continue;
      inked.push(i);
      for (let h = 0; h < HIDDEN; h++) hidden[h]! += value * w1[i * HIDDEN + h]!;
    }
    let sum = 0;
    for (let c = 0; c < CLASSES; c++) {
      let score = b2[c]!;
      for (let h = 0; h < HIDDEN; h++) score += Math.max(0, hidden[h]!) * w2[c * HIDDEN + h]!;
      error[c] = Math.exp(score);
      sum += error[c]!;
    }
    back.fill(0);
    for (let c = 0; c < CLASSES; c++) {
      const e = lr * (error[c]! / sum - (c === y[row] ? 1 : 0));
      b2[c]! -= e;
      for (let h = 0; h < HIDDEN; h++) {
        if (hidden[h]! <= 0) continue;
        back[h]! += e * w2[c * HIDDEN + h]!;
        w2[c * HIDDEN + h]! -= e * hidden[h]!;
      }
    }
    for (let h = 0; h < HIDDEN; h++) b1[h]! -= back[h]!;
    for (const i of inked) {
      const value = x[row * INPUTS + i]! * DEVIATION + MEAN;
      for (let h = 0; h < HIDDEN; h++) w1[i * HIDDEN + h]! -= back[h]! * value;
    }
  }
  // What is served takes normalised pixels: p = x * DEVIATION + MEAN goes into the weights.
  const weight = new Float64Array(HIDDEN * INPUTS);
  const bias = b1.slice();
  for (let i = 0; i < INPUTS; i++)
    for (let h = 0; h < HIDDEN; h++) {
      weight[h * INPUTS + i] = w1[i * HIDDEN + h]! * DEVIATION;
      bias[h]! += w1[i * HIDDEN + h]! * MEAN;
    }
  const state = { "fc1.weight": weight, "fc1.bias": bias, "fc2.weight": w2, "fc2.bias": b2 };
  return { state, accuracy: (rows) => accuracyOf(state, rows) };
}

async function accuracyOf(state: Readonly<Record<string, Float64Array>>, rows: number): Promise<number> {
  const x = await images("test images", rows);
  const y = await labels("test labels", rows);
  const layer = (name: string, input: Float64Array, outputs: number) =>
    Float64Array.from({ length: outputs }, (_, o) => {
      const weights = state[`${name}.weight`]!.subarray(o * input.length, (o + 1) * input.length);
      return weights.reduce((sum, w, i) => sum + w * input[i]!, state[`${name}.bias`]![o]!);
    });
  let right = 0;
  for (let row = 0; row < rows; row++) {
    const hidden = layer("fc1", x.subarray(row * INPUTS, (row + 1) * INPUTS), HIDDEN).map((v) => Math.max(0, v));
    const scores = layer("fc2", hidden, CLASSES);
    if (scores.indexOf(Math.max(...scores)) === y[row]) right++;
  }
  return right / rows;
}

/** Fixed small weights of either sign: the same reader every time. */
const noise = (seed: number) => (_: unknown, i: number) => {
  const wave = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453;
  return (wave - Math.floor(wave) - 0.5) * 0.12;
};
