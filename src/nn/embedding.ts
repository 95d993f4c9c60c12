/** Embedding: a vector for each of a number of things, which are named by their positions. */
import { ShapeError } from "../errors.js";
import { type Graph, readValues, Tensor, type Values } from "../tensor/index.js";
import * as init from "./init.js";
import { type Part, withParts } from "./module.js";
import { Parameter } from "./parameter.js";

/** Called with secret positions, or with public ones and the graph of the session that computes with the result. */
export interface Embedding extends Part {
  (positions: Tensor): Tensor;
  (positions: Values, graph: Graph): Tensor;
}

/**
 * Rows of a matrix [count, width] by position: [...] to [..., width]. First values are normal, as in PyTorch.
 *
 * Secret positions, a tensor of whole numbers, are compared with all there are: `count` comparisons each, and a product of one-hot rows
 * with the matrix; a position outside gives anything. Positions that are shared as one-hot rows need no comparisons: take a linear() without
 * bias for them. Public positions move rows for nothing; they are part of the plan.
 */
export function embedding(count: number, width: number): Embedding {
  const weight = init.normal(new Parameter([count, width], () => new Float64Array(0)));
  function forward(positions: Tensor | Values, graph?: Graph): Tensor {
    if (positions instanceof Tensor) return positions.oneHot(count).matmul(weight);
    const { data, shape } = readValues(positions);
    const wrong = data.find((position) => !(Number.isInteger(position) && position >= 0 && position < count));
    if (wrong !== undefined)
      throw new ShapeError(`embedding: expected positions from 0 to ${count - 1}, got ${wrong}; try a larger count`);
    if (!graph) throw new ShapeError("embedding: expected a graph with public positions, got none; try session.graph");
    return weight
      .in(graph)
      .indexSelect(0, data)
      .reshape(...shape, width);
  }
  return withParts(forward, { weight });
}
