/** What a network keeps at the parties: parameters, which optimizers update, and buffers, which layers update themselves. */
import { InputError } from "../errors.js";
import type { Shape } from "../ring/index.js";
import { type Graph, type Plaintext, Tensor, Variable } from "../tensor/index.js";

/** A session, as far as revealing parameters goes. */
export interface Revealing {
  reveal(variables: readonly Variable[]): Promise<Plaintext[]>;
}

/** Variables do not know their session, because one model can be used in several. */
export async function revealAll(session: Revealing, variables: readonly Variable[]): Promise<Plaintext[]> {
  if (typeof session?.reveal !== "function")
    throw new InputError(
      "reveal: expected the session whose parties hold the parameters, got none; try parameter.reveal(session) or model.stateDict(session)",
    );
  return session.reveal(variables);
}

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

  /**
   * Its newest value, revealed to you: needs a grant ("open") from everyone whose data trained it. Of a whole network stateDict() does
   * so in one run. Throws InputError without a session.
   *
   * @example const weight = await model.parameters()[0].reveal(session)
   */
  async reveal(session: Revealing): Promise<Plaintext> {
    const [value] = await revealAll(session, [this]);
    return value!;
  }
}

/** Part of a network's state that no optimizer updates: running statistics. */
export class Buffer extends Parameter {
  /** From here on it has this value; it must be pooled over two rows of a dataset or more. */
  write(value: Tensor): void {
    value.graph.write(this, value.ref);
  }
}
