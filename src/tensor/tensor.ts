/**
 * What users compute with: a handle on a secret value in the plan being recorded, with PyTorch's operations. Holds no
 * data; arithmetic records nodes and never waits. Only reveal() gives numbers.
 */
import { SecretLeakError } from "../errors.js";
import * as functions from "../functions/index.js";
import * as build from "../ops/build.js";
import type { Ref } from "../ops/index.js";
import { decode, normalizeAxis, type Shape, size } from "../ring/index.js";
import type { Graph } from "./graph.js";
import { Plaintext, readValues, type Values } from "./plaintext.js";
import { Variable } from "./variable.js";

export type Operand = Tensor | Variable | Values;

export class Tensor {
  constructor(
    readonly graph: Graph,
    /** The value's node in the plan; for code that extends secretgrad. */
    readonly ref: Ref,
  ) {}

  get shape(): Shape {
    return this.ref.type.shape;
  }
  get size(): number {
    return size(this.shape);
  }

  // -- arithmetic --
  add(other: Operand): Tensor {
    return this.#with(other, build.add);
  }
  sub(other: Operand): Tensor {
    return this.#with(other, build.sub);
  }
  /** Element by element; other is broadcast. */
  mul(other: Operand): Tensor {
    if (typeof other === "number") return this.#wrap(build.scaleBy(this.graph.recorder, this.ref, other));
    return this.#with(other, build.mul);
  }
  /** Element by element, by public numbers or by another tensor, broadcasting; see `functions.divide`. */
  div(other: Operand): Tensor {
    if (typeof other === "number") return this.#wrap(build.divPublic(this.graph.recorder, this.ref, other));
    if (other instanceof Tensor || other instanceof Variable) return this.#with(other, functions.divide);
    const { data, shape } = readValues(other);
    return this.#wrap(functions.divideByPublic(this.graph.recorder, this.ref, data, shape));
  }
  neg(): Tensor {
    return this.#wrap(build.neg(this.graph.recorder, this.ref));
  }
  square(): Tensor {
    return this.#wrap(build.square(this.graph.recorder, this.ref));
  }
  /** [m, k] x [k, n]. */
  matmul(other: Operand): Tensor {
    return this.#with(other, build.matmul);
  }
  /** The inner product of two vectors. */
  dot(other: Operand): Tensor {
    return this.mul(other).sum();
  }

  // -- functions, element by element; docs/functions.md has their domains and errors --
  exp(): Tensor {
    return this.#apply(functions.exp);
  }
  log(): Tensor {
    return this.#apply(functions.log);
  }
  /** 1/x. */
  reciprocal(): Tensor {
    return this.#apply(functions.reciprocal);
  }
  sqrt(): Tensor {
    return this.#apply(functions.sqrt);
  }
  /** 1/sqrt(x). */
  rsqrt(): Tensor {
    return this.#apply(functions.rsqrt);
  }
  sigmoid(): Tensor {
    return this.#apply(functions.sigmoid);
  }
  tanh(): Tensor {
    return this.#apply(functions.tanh);
  }
  erf(): Tensor {
    return this.#apply(functions.erf);
  }
  /** "tanh": by PyTorch's approximation of that name, of the same cost. */
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return this.#apply((b, x) => functions.gelu(b, x, approximate));
  }
  silu(): Tensor {
    return this.#apply(functions.silu);
  }
  softplus(): Tensor {
    return this.#apply(functions.softplus);
  }
  hardsigmoid(): Tensor {
    return this.#apply(functions.hardsigmoid);
  }
  sin(): Tensor {
    return this.#apply(functions.sin);
  }
  cos(): Tensor {
    return this.#apply(functions.cos);
  }
  /** The n-th power, n a whole number, negative ones too. */
  pow(n: number): Tensor {
    return this.#apply((b, x) => functions.pow(b, x, n));
  }
  abs(): Tensor {
    return this.#apply(functions.abs);
  }
  /** 1, 0 or -1. */
  sign(): Tensor {
    return this.#apply(functions.sign);
  }
  /** Between public bounds, of which either may be infinite. */
  clamp(low: number, high: number): Tensor {
    return this.#apply((b, x) => functions.clamp(b, x, low, high));
  }

  // -- reductions --
  sum(axes?: number | readonly number[], keepDims = false): Tensor {
    return this.#wrap(build.sum(this.graph.recorder, this.ref, list(axes), keepDims));
  }
  mean(axes?: number | readonly number[], keepDims = false): Tensor {
    return this.#wrap(build.mean(this.graph.recorder, this.ref, list(axes), keepDims));
  }
  /** The largest element along an axis. Differentiable. */
  max(axis = -1): Tensor {
    return this.#wrap(build.maxAndArgmax(this.graph.recorder, this.ref, axis).max);
  }
  /** The position of the largest element along an axis, a whole number; ties go to the lower one. */
  argmax(axis = -1): Tensor {
    return this.#wrap(build.maxAndArgmax(this.graph.recorder, this.ref, axis).argmax);
  }

  // -- layout --
  reshape(...shape: number[]): Tensor {
    const known = shape.reduce((n, d) => (d === -1 ? n : n * d), 1);
    return this.#wrap(
      build.reshape(
        this.graph.recorder,
        this.ref,
        shape.map((d) => (d === -1 ? this.size / known : d)),
      ),
    );
  }
  /** Keeps axis 0 and joins all others. */
  flatten(): Tensor {
    return this.reshape(this.shape[0] ?? 1, -1);
  }
  transpose(...axes: number[]): Tensor {
    return this.#wrap(build.transpose(this.graph.recorder, this.ref, axes.length > 0 ? axes : undefined));
  }
  get T(): Tensor {
    return this.transpose();
  }
  slice(start: number, end: number, axis = 0): Tensor {
    return this.#wrap(build.slice(this.graph.recorder, this.ref, axis, start, end));
  }

  // -- comparisons: results are secret bits, 0 or 1 --
  relu(): Tensor {
    return this.#wrap(build.relu(this.graph.recorder, this.ref));
  }
  lt(other: Operand): Tensor {
    return this.#with(other, build.less);
  }
  gt(other: Operand): Tensor {
    return this.#with(other, (b, x, y) => build.less(b, y, x));
  }
  ge(other: Operand): Tensor {
    return this.#with(other, (b, x, y) => build.not(b, build.less(b, x, y)));
  }
  le(other: Operand): Tensor {
    return this.#with(other, (b, x, y) => build.not(b, build.less(b, y, x)));
  }
  eq(other: Operand): Tensor {
    return this.#with(other, build.equal);
  }
  ne(other: Operand): Tensor {
    return this.#with(other, (b, x, y) => build.not(b, build.equal(b, x, y)));
  }
  maximum(other: Operand): Tensor {
    return this.#with(other, build.maximum);
  }
  minimum(other: Operand): Tensor {
    return this.#with(other, functions.minimum);
  }
  /** One-hot rows of the positions in this tensor (whole numbers): [..., classes]. */
  oneHot(classes: number): Tensor {
    const positions = Array.from({ length: classes }, (_, i) => i);
    return this.reshape(...this.shape, 1).eq(positions);
  }

  // -- the only way out --
  /** Runs the plan so far and gives this value to you, if every owner of what went into it has granted that. */
  async reveal(): Promise<Plaintext> {
    const { words, shape, scale } = await this.graph.reveal(this.ref, { release: "open" });
    return new Plaintext(shape, decode(words, scale));
  }

  // -- a secret has no value here --
  toString(): string {
    return `Tensor([${this.shape}], secret)`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
  toJSON(): never {
    throw new SecretLeakError("JSON: expected a plain value, got a secret tensor; try await tensor.reveal()");
  }
  valueOf(): never {
    throw new SecretLeakError(
      "operator: expected a plain value, got a secret tensor; try add(), mul(), lt() …, or await reveal()",
    );
  }
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    return this.valueOf();
  }

  #wrap(ref: Ref): Tensor {
    return new Tensor(this.graph, ref);
  }
  #apply(operation: (b: Graph["recorder"], x: Ref) => Ref): Tensor {
    return this.#wrap(operation(this.graph.recorder, this.ref));
  }
  #with(other: Operand, operation: (b: Graph["recorder"], x: Ref, y: Ref) => Ref): Tensor {
    return this.#wrap(operation(this.graph.recorder, this.ref, refOf(this.graph, other)));
  }
}

/** The node of an operand in this graph; plain numbers become public constants. */
export function refOf(graph: Graph, operand: Operand): Ref {
  if (operand instanceof Tensor) return operand.ref;
  if (operand instanceof Variable) return graph.read(operand);
  const { data, shape } = readValues(operand);
  const limit = graph.host.env.fraction;
  const scale = data.reduce((most, value) => Math.max(most, build.exactScale(value, limit)), 0);
  return build.constant(graph.recorder, data, shape, scale);
}

/** x where the condition (secret bits) holds, else y. */
export function where(condition: Tensor, x: Operand, y: Operand): Tensor {
  const { graph } = condition;
  return new Tensor(graph, build.where(graph.recorder, condition.ref, refOf(graph, x), refOf(graph, y)));
}
/** x Wᵀ + b: x [batch, inputs], weight [outputs, inputs], bias [outputs]. */
export function linear(x: Tensor, weight: Operand, bias?: Operand): Tensor {
  const { graph } = x;
  const offset = bias === undefined ? undefined : refOf(graph, bias);
  return new Tensor(graph, build.linear(graph.recorder, x.ref, refOf(graph, weight), offset));
}
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const { graph } = parts[0]!;
  return new Tensor(
    graph,
    build.concat(
      graph.recorder,
      parts.map((part) => part.ref),
      normalizeAxis(axis, parts[0]!.shape.length),
    ),
  );
}

function list(axes: number | readonly number[] | undefined): readonly number[] | undefined {
  return typeof axes === "number" ? [axes] : axes;
}
