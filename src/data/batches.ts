/**
 * Walks over datasets batch by batch. Each step of the loop is one plan: it closes when the loop asks for the next batch.
 * Which rows are in a batch is decided by the parties' coin, not here.
 */
import { InputError } from "../errors.js";
import { checkOptions } from "../options.js";
import type { GraphHost, Tensor } from "../tensor/index.js";
import { commonRows, type Dataset } from "./dataset.js";

export interface BatchOptions {
  /** Rows in a batch. */
  readonly size: number;
  readonly epochs?: number;
  /** Number of the first epoch; another number is another order. Default 0. */
  readonly firstEpoch?: number;
  /** A fresh order each epoch, by the parties' coin. Default true. */
  readonly shuffle?: boolean;
  /** Leave out a last batch that is smaller. Default false. */
  readonly dropLast?: boolean;
}
/** The datasets under the names they were given, as secret tensors, and where in the walk this is. */
export type Batch<D> = { readonly [K in keyof D]: Tensor } & {
  /** From `firstEpoch`. */
  readonly epoch: number;
  readonly index: number;
  readonly batches: number;
  readonly rows: number;
};

const reserved = ["epoch", "index", "batches", "rows"];
/** A session that remembers errors of runs that revealed nothing. */
type Host = GraphHost & { throwPending?(): void };

export async function* batches<D extends Readonly<Record<string, Dataset>>>(
  datasets: D,
  options: BatchOptions,
): AsyncGenerator<Batch<D>, void, void> {
  checkOptions("batches", options, {
    size: true,
    epochs: true,
    firstEpoch: true,
    shuffle: true,
    dropLast: true,
  });
  const { size, epochs = 1, firstEpoch = 0, shuffle = true, dropLast = false } = options;
  const rows = commonRows(datasets);
  if (!Number.isInteger(size) || size < 1) throw new InputError(`batches: expected a size of at least 1, got ${size}`);
  const taken = reserved.find((name) => Object.hasOwn(datasets, name));
  if (taken)
    throw new InputError(`batches: expected names other than ${reserved.join(", ")}, got ${taken}; try another name`);
  const count = dropLast ? Math.floor(rows / size) : Math.ceil(rows / size);
  const first = Object.values(datasets)[0];
  if (!first) throw new InputError("batches: expected at least one dataset, got none");
  const { graph } = first;
  for (let epoch = firstEpoch; epoch < firstEpoch + epochs; epoch++)
    for (let index = 0; index < count; index++) {
      const position = index * size;
      const batch = Math.min(size, rows - position);
      const at = { batch, stride: Math.min(size, rows), shuffle, epoch, position };
      const tensors = Object.fromEntries(Object.entries(datasets).map(([key, dataset]) => [key, dataset.batch(at)]));
      yield { ...tensors, epoch, index, batches: count, rows: batch } as Batch<D>;
      await graph.close();
      (graph.host as Host).throwPending?.();
    }
}
