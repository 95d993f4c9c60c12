/**
 * What users compute with: a handle on a secret value in the plan being recorded, with PyTorch's operations. Holds no
 * data; arithmetic records nodes and never waits. Only reveal() gives numbers.
 */
import { InputError, SecretLeakError } from "../errors.js";
import * as functions from "../functions/index.js";
import * as build from "../ops/build.js";
import { max, min } from "../ops/extremes.js";
import type { Ref } from "../ops/index.js";
import * as logic from "../ops/logic.js";
import * as picking from "../ops/picking.js";
import * as rearrange from "../ops/rearrange.js";
import * as sorting from "../ops/sorting.js";
import { decode, normalizeAxis, type Shape, size } from "../ring/index.js";
import type { Graph } from "./graph.js";
import { Plaintext, readValues, type Values } from "./plaintext.js";
import { Variable } from "./variable.js";

export interface Sorted {
  readonly values: Tensor;
  /** Positions along the axis, whole numbers. Nothing is spent on them if nobody asks. */
  readonly indices: Tensor;
}
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
  /** [..., m, k] x [..., k, n]; axes in front are broadcast. */
  matmul(other: Operand): Tensor {
    return this.#with(other, build.matmul);
  }
  /** The inner product of two vectors. */
  dot(other: Operand): Tensor {
    return this.mul(other).sum();
  }
  /** All products of two vectors' elements: [m] x [n] -> [m, n]. */
  outer(other: Operand): Tensor {
    return this.#with(other, build.outer);
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
  /** Mean squared distance from the mean; `correction` as in PyTorch. Domains and errors of these four: functions/statistics.ts. */
  var(axes?: number | readonly number[], options?: functions.VarOptions): Tensor {
    return this.#wrap(functions.variance(this.graph.recorder, this.ref, axes, options));
  }
  std(axes?: number | readonly number[], options?: functions.VarOptions): Tensor {
    return this.#wrap(functions.std(this.graph.recorder, this.ref, axes, options));
  }
  /** p is 1, 2 or Infinity. */
  norm(p = 2, axes?: number | readonly number[], keepDims = false): Tensor {
    return this.#wrap(functions.norm(this.graph.recorder, this.ref, p, axes, keepDims));
  }
  prod(axis?: number, keepDims = false): Tensor {
    return this.#wrap(functions.prod(this.graph.recorder, this.ref, axis, keepDims));
  }
  /** Sums of all elements up to each position of an axis. Free. */
  cumsum(axis: number): Tensor {
    return this.#wrap(build.cumsum(this.graph.recorder, this.ref, axis));
  }
  /** The largest element along an axis, or of all. Differentiable; the gradient goes to the first of equal ones. */
  max(axis?: number, keepDims = false): Tensor {
    return this.#wrap(max(this.graph.recorder, this.ref, axis, keepDims).value);
  }
  min(axis?: number, keepDims = false): Tensor {
    return this.#wrap(min(this.graph.recorder, this.ref, axis, keepDims).value);
  }
  /**
   * The position of the largest element along an axis, or in row-major order of all: a whole number, of equal ones the lowest.
   * `oneHot`: instead, bits in the shape of this tensor, 1 at that position; cheaper than oneHot() of the position.
   */
  argmax(axis?: number, keepDims = false, oneHot = false): Tensor {
    const found = max(this.graph.recorder, this.ref, axis, keepDims);
    return this.#wrap(oneHot ? found.oneHot() : found.position());
  }
  argmin(axis?: number, keepDims = false, oneHot = false): Tensor {
    const found = min(this.graph.recorder, this.ref, axis, keepDims);
    return this.#wrap(oneHot ? found.oneHot() : found.position());
  }

  // -- along an axis; domains and errors in functions/ --
  /** All values of an axis in order, of equal ones the one with the lower position first; and their positions. Differentiable. */
  sort(axis = -1, descending = false): Sorted {
    return this.#sorted(sorting.sort(this.graph.recorder, this.ref, axis, descending));
  }
  /** The k largest or smallest values of an axis, the most extreme first; and their positions. Differentiable. */
  topk(k: number, axis = -1, largest = true): Sorted {
    return this.#sorted(sorting.topk(this.graph.recorder, this.ref, k, axis, largest));
  }
  /** The value in the middle of an axis, of an even number the lower one; and its position. Differentiable. */
  median(axis = -1, keepDims = false): Sorted {
    return this.#sorted(sorting.median(this.graph.recorder, this.ref, axis, keepDims));
  }
  /** The value below which a part q of an axis lies, between two values on the line that joins them. Differentiable. */
  quantile(q: number, axis = -1, keepDims = false): Tensor {
    return this.#wrap(sorting.quantile(this.graph.recorder, this.ref, q, axis, keepDims));
  }
  softmax(axis: number): Tensor {
    return this.#wrap(functions.softmax(this.graph.recorder, this.ref, axis));
  }
  logSoftmax(axis: number): Tensor {
    return this.#wrap(functions.logSoftmax(this.graph.recorder, this.ref, axis));
  }
  logSumExp(axis: number, keepDims = false): Tensor {
    return this.#wrap(functions.logSumExp(this.graph.recorder, this.ref, axis, keepDims));
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
  /** Joins axes from `start` to `end`; by default all but the first. */
  flatten(start = 1, end = -1): Tensor {
    const { shape } = this;
    if (shape.length < 2) return this.reshape(shape[0] ?? 1, -1);
    const [first, last] = [start, end].map((axis) => normalizeAxis(axis, shape.length, "flatten")) as [number, number];
    const joined = size(shape.slice(first, last + 1));
    return this.reshape(...shape.slice(0, first), joined, ...shape.slice(last + 1));
  }
  /** One axis as several; -1 for one length that follows from the others. */
  unflatten(axis: number, sizes: readonly number[]): Tensor {
    const { shape } = this;
    const at = normalizeAxis(axis, shape.length, "unflatten");
    const known = sizes.reduce((n, d) => (d === -1 ? n : n * d), 1);
    const parts = sizes.map((d) => (d === -1 ? shape[at]! / known : d));
    return this.reshape(...shape.slice(0, at), ...parts, ...shape.slice(at + 1));
  }
  transpose(...axes: number[]): Tensor {
    return this.#wrap(build.transpose(this.graph.recorder, this.ref, axes.length > 0 ? axes : undefined));
  }
  get T(): Tensor {
    return this.transpose();
  }
  /** Axis i of the result is axis axes[i]. */
  permute(...axes: number[]): Tensor {
    return this.#wrap(build.transpose(this.graph.recorder, this.ref, axes));
  }
  movedim(from: number, to: number): Tensor {
    return this.#wrap(rearrange.moveAxis(this.graph.recorder, this.ref, from, to));
  }
  squeeze(axes?: number | readonly number[]): Tensor {
    return this.#wrap(rearrange.squeeze(this.graph.recorder, this.ref, list(axes)));
  }
  unsqueeze(axis: number): Tensor {
    return this.#wrap(rearrange.unsqueeze(this.graph.recorder, this.ref, axis));
  }
  /** Repeats along axes of length 1 and new ones in front; -1 keeps a length. */
  expand(...shape: number[]): Tensor {
    return this.#wrap(rearrange.expand(this.graph.recorder, this.ref, shape));
  }
  /** The whole tensor so many times along each axis. */
  repeat(...times: number[]): Tensor {
    return this.#wrap(rearrange.repeat(this.graph.recorder, this.ref, times));
  }
  /** Elements start … end-1, every `step`-th of them. */
  slice(start: number, end: number, axis = 0, step = 1): Tensor {
    return this.#wrap(rearrange.strided(this.graph.recorder, this.ref, axis, start, end, step));
  }
  narrow(axis: number, start: number, length: number): Tensor {
    return this.slice(start, start + length, axis);
  }
  /** Parts of one length (the last may be shorter), or of each of the given lengths. */
  split(lengths: number | readonly number[], axis = 0): Tensor[] {
    return rearrange.split(this.graph.recorder, this.ref, lengths, axis).map((part) => this.#wrap(part));
  }
  /** The parts at each position of an axis, without it. */
  unbind(axis = 0): Tensor[] {
    return picking.unbind(this.graph.recorder, this.ref, axis).map((part) => this.#wrap(part));
  }
  /** Stretches of `length` elements of an axis, `step` apart: [..., n, ...] -> [..., count, ..., length]. */
  unfold(axis: number, length: number, step: number): Tensor {
    return this.#wrap(picking.unfold(this.graph.recorder, this.ref, axis, length, step));
  }
  /** At most `count` parts of one length; the last may be shorter. */
  chunk(count: number, axis = 0): Tensor[] {
    return rearrange.chunk(this.graph.recorder, this.ref, count, axis).map((part) => this.#wrap(part));
  }
  /** `value` on both sides, as PyTorch's F.pad: before and after the last axis, then the one before it, …; less than 0 takes off. */
  pad(widths: readonly number[], value = 0): Tensor {
    return this.#wrap(rearrange.pad(this.graph.recorder, this.ref, widths, value));
  }
  flip(...axes: number[]): Tensor {
    return this.#wrap(rearrange.flip(this.graph.recorder, this.ref, axes.length > 0 ? axes : undefined));
  }
  /** Moves elements along axes, the last ones to the front; without axes all in row-major order. */
  roll(shifts: number | readonly number[], axes?: number | readonly number[]): Tensor {
    return this.#wrap(rearrange.roll(this.graph.recorder, this.ref, list(shifts)!, list(axes)));
  }
  /** Rows along an axis by public position. */
  indexSelect(axis: number, index: ArrayLike<number>): Tensor {
    return this.#wrap(rearrange.indexSelect(this.graph.recorder, this.ref, axis, index));
  }
  /** With row i of the source added at the public position index[i] of an axis. */
  indexAdd(axis: number, index: ArrayLike<number>, source: Operand): Tensor {
    return this.#with(source, (b, x, y) => picking.indexAdd(b, x, axis, index, y));
  }
  /** Elements at public positions in row-major order, in the shape of the index. */
  take(index: Values): Tensor {
    return this.#wrap(picking.take(this.graph.recorder, this.ref, readValues(index)));
  }
  /** out[i, j, …] is this tensor at [i, j, …], but along the axis at the public position index[i, j, …]. */
  gather(axis: number, index: Values): Tensor {
    return this.#wrap(rearrange.gather(this.graph.recorder, this.ref, axis, readValues(index)));
  }
  /** With the source's elements where gather would read; of several at one place the last one. */
  scatter(axis: number, index: Values, source: Operand): Tensor {
    return this.#with(source, (b, x, y) => rearrange.scatter(b, x, axis, readValues(index), y));
  }
  /** With the source's elements added where gather would read. */
  scatterAdd(axis: number, index: Values, source: Operand): Tensor {
    return this.#with(source, (b, x, y) => rearrange.scatterAdd(b, x, axis, readValues(index), y));
  }
  /** Elements (i, i + offset) of the last two axes. */
  diagonal(offset = 0): Tensor {
    return this.#wrap(rearrange.diagonal(this.graph.recorder, this.ref, offset));
  }
  trace(): Tensor {
    return this.#wrap(rearrange.trace(this.graph.recorder, this.ref));
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
  /** Of bits, or of numbers where another one than 0 counts as 1; the result is bits. Cost: of bits one AND. */
  logicalAnd(other: Operand): Tensor {
    return this.#with(other, logic.logicalAnd);
  }
  logicalOr(other: Operand): Tensor {
    return this.#with(other, logic.logicalOr);
  }
  /** Free for bits. */
  logicalXor(other: Operand): Tensor {
    return this.#with(other, logic.logicalXor);
  }
  /** Free for bits. */
  logicalNot(): Tensor {
    return this.#apply(logic.logicalNot);
  }
  /** One-hot rows of the positions in this tensor, whole numbers from 0 to classes - 1: [..., classes]. Others give any bits. */
  oneHot(classes: number): Tensor {
    return this.#wrap(build.oneHot(this.graph.recorder, this.ref, classes));
  }

  // -- the only way out --
  /** Runs the plan so far and gives this value to you, if every owner of what went into it has granted that. */
  async reveal(...none: readonly never[]): Promise<Plaintext> {
    refuseArguments(none);
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

  #sorted({ values, indices }: sorting.Sorted): Sorted {
    const wrap = (ref: Ref) => this.#wrap(ref);
    return {
      values: wrap(values),
      get indices() {
        return wrap(indices());
      },
    };
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
  if (operand instanceof Tensor) {
    if (operand.graph !== graph)
      throw new InputError(
        "operand: expected tensors of one session, got one of another; try the session of the first",
      );
    return operand.ref;
  }
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

/** Types say so, too: who asked for another recipient must not learn only later that it was not heard. */
export function refuseArguments(given: readonly unknown[]): void {
  if (given.length > 0)
    throw new InputError(
      "reveal: expected no arguments, got some; try reveal(): a value goes to whose session this is, and the owners' grants say so",
    );
}

function list(axes: number | readonly number[] | undefined): readonly number[] | undefined {
  return typeof axes === "number" ? [axes] : axes;
}
