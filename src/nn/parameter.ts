/** What a network keeps at the parties: parameters, which optimizers update, and buffers, which layers update themselves. */
import type { Shape } from "../ring/index.js";
import { type Graph, Tensor, Variable } from "../tensor/index.js";

/** A variable of a network; its first values can be replaced before they are used, by `init` or loadStateDict(). */
export class Parameter extends Variable {
  start: () => Float64Array;
  constructor(shape: Shape, initial: () => Float64Array, integerBits?: number) {
    super("", shape, () => this.start(), integerBits);
    this.start = initial;
  }

  /** Its value in the plan being recorded. */
  in(graph: Graph): Tensor {
    return new Tensor(graph, graph.read(this));
  }
}

/** Part of a network's state that no optimizer updates: running statistics. */
export class Buffer extends Parameter {
  /** From here on it has this value; it must be pooled over two rows of a dataset or more. */
  write(value: Tensor): void {
    value.graph.write(this, value.ref);
  }
}
