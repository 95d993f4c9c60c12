/**
 * Secret state that outlives a plan: a parameter or an optimizer's buffer, known to the parties by name. Not its value:
 * inside a plan `Graph.read` gives that.
 */
import type { Shape } from "../ring/index.js";

export class Variable {
  /** True once the parties hold a version, so that it is not initialised again. */
  stored = false;
  constructor(
    /** Unique in a session, e.g. "model/fc1.weight". */
    public name: string,
    readonly shape: Shape,
    /** The first values, asked once; 0 for all zeros. */
    readonly initial: () => Float64Array | 0,
    /** Declared: values stay below 2^integerBits (docs/decisions/0003-bounds.md). */
    readonly integerBits = 15,
  ) {}

  toString(): string {
    return `${this.constructor.name}(${this.name}, [${this.shape}], secret)`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}
