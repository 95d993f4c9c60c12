/**
 * A stored dataset as a driver sees it: what is public about it, and batches of its rows as secret tensors. Not the data,
 * which is shared among the parties and stays there.
 */
import { ShapeError } from "../errors.js";
import type { Shape } from "../ring/index.js";
import type { Graph } from "../tensor/index.js";
import { Tensor } from "../tensor/index.js";
import type { DatasetMeta } from "./share-meta.js";

export class Dataset {
  constructor(
    readonly graph: Graph,
    readonly meta: Pick<DatasetMeta, "name" | "owner" | "rows" | "rowShape" | "scale" | "bound" | "format">,
  ) {}

  get rows(): number {
    return this.meta.rows;
  }
  /** [rows, ...shape of a row] */
  get shape(): Shape {
    return [this.rows, ...this.meta.rowShape];
  }

  /** Rows in stored order, all of them or from `position` on. */
  all(): Tensor {
    return this.batch({ batch: this.rows, stride: this.rows, shuffle: false, epoch: 0, position: 0 });
  }

  /** One batch of an epoch's order; positions are multiples of the stride. */
  batch(at: { batch: number; stride: number; shuffle: boolean; epoch: number; position: number }): Tensor {
    const { graph } = this;
    const { name, rows, rowShape, scale, bound } = this.meta;
    const { batch, stride, shuffle } = at;
    const epoch = graph.position("epoch", at.epoch);
    const position = graph.position("position", at.position);
    const attrs = { name, rows, rowShape, scale, bound, batch, stride, shuffle, epoch, position };
    return new Tensor(graph, graph.recorder.node("dataset", [], attrs));
  }

  toString(): string {
    const { name, owner, scale, format } = this.meta;
    const numbers = format === "integer" ? "whole numbers" : `${scale} fraction bits`;
    return `Dataset(${name}, owner ${owner}, [${this.shape}], ${numbers}, secret)`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** Datasets that are read side by side must have as many rows as each other. */
export function commonRows(datasets: Readonly<Record<string, Dataset>>): number {
  const list = Object.values(datasets);
  const rows = list[0]?.rows ?? 0;
  const other = list.find((dataset) => dataset.rows !== rows);
  if (other)
    throw new ShapeError(`batches: expected ${rows} rows in every dataset, got ${other.rows} in ${other.meta.name}`);
  return rows;
}
