/**
 * Walks over datasets batch by batch. Each step of the loop is one plan: it closes when the loop asks for the next batch.
 * Which rows are in a batch is decided by the parties' coin, not here.
 */
import { InputError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { commonRows, type Dataset } from "./dataset.js";

export interface BatchOptions {
  /** Rows in a batch. */
  readonly size: number;
  readonly epochs?: number;
  /** A fresh order each epoch, by the parties' coin. Default true. */
  readonly shuffle?: boolean;
  /** Leave out a last batch that is smaller. Default false. */
  readonly dropLast?: boolean;
}
export type Batch<D> = { readonly [K in keyof D]: Tensor } & {
  /** From 0. */
  readonly epoch: number;
  readonly index: number;
  readonly batches: number;
  readonly rows: number;
};

export async function* batches<D extends Readonly<Record<string, Dataset>>>(
  datasets: D,
  options: BatchOptions,
): AsyncGenerator<Batch<D>, void, void> {
  const { size, epochs = 1, shuffle = true, dropLast = false } = options;
  const rows = commonRows(datasets);
  if (!Number.isInteger(size) || size < 1) throw new InputError(`batches: expected a size of at least 1, got ${size}`);
  const count = dropLast ? Math.floor(rows / size) : Math.ceil(rows / size);
  const graph = Object.values(datasets)[0]!.graph;
  for (let epoch = 0; epoch < epochs; epoch++)
    for (let index = 0; index < count; index++) {
      const position = index * size;
      const batch = Math.min(size, rows - position);
      const at = { batch, stride: Math.min(size, rows), shuffle, epoch, position };
      const tensors = Object.fromEntries(Object.entries(datasets).map(([key, dataset]) => [key, dataset.batch(at)]));
      yield { ...tensors, epoch, index, batches: count, rows: batch } as Batch<D>;
      await graph.close();
    }
}
