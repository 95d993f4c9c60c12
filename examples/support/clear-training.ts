/** For 38-serve-a-model.ts: a linear classifier of MNIST, trained in the clear with plain loops. Nothing here is secret. */
import { images, labels, numbers } from "./mnist.js";

const [rows, pixels, classes, batch, rate] = [3000, 784, 10, 30, 0.01];

/** Softmax regression by two epochs of SGD; the state of nn.sequential(nn.linear(784, 10)). */
export async function trainInTheClear(): Promise<Record<string, Float64Array>> {
  const x = await numbers(await images("train", 0, rows));
  const label = await numbers(await labels("train", 0, rows));
  const weight = new Float64Array(classes * pixels);
  const bias = new Float64Array(classes);
  for (let step = 0; step < (2 * rows) / batch; step++) {
    const gradient = new Float64Array(weight.length);
    for (let i = 0; i < batch; i++) {
      const row = (step * batch + i) % rows;
      const image = x.subarray(row * pixels, (row + 1) * pixels);
      const scores = bias.map((b, c) => b + dot(weight.subarray(c * pixels, (c + 1) * pixels), image));
      const largest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - largest));
      const sum = powers.reduce((total, power) => total + power, 0);
      for (let c = 0; c < classes; c++) {
        const error = powers[c]! / sum - (label[row] === c ? 1 : 0);
        bias[c]! -= (rate * error) / batch;
        for (let j = 0; j < pixels; j++) gradient[c * pixels + j]! += error * image[j]!;
      }
    }
    for (let i = 0; i < weight.length; i++) weight[i]! -= (rate * gradient[i]!) / batch;
  }
  return { "0.weight": weight, "0.bias": bias };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
