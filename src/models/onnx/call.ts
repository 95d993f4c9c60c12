/** One node of an ONNX graph with its inputs at hand: what operators are written against. Not the operators themselves. */
import type * as nn from "../../nn/index.js";
import { normalizeAxis, type Shape } from "../../ring/index.js";
import { type Graph, type Operand, refOf, Tensor } from "../../tensor/index.js";
import { Numbers } from "../numbers.js";
import type { OnnxNode } from "./wire.js";

export type Value = Tensor | nn.Parameter | Numbers;

/** Why a node cannot be taken over. Caught by the importer, which lists all of them. */
export class Refusal extends Error {}

/** The attributes of a node, with the defaults of the operator's definition. Attributes of another kind are refused. */
export class Attributes {
  constructor(
    readonly node: OnnxNode,
    /** Version of the operator set of the file. */
    readonly opset: number,
  ) {}

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }
  int(name: string): number | undefined;
  int(name: string, otherwise: number): number;
  int(name: string, otherwise?: number): number | undefined {
    return this.#get(name, "int") ?? otherwise;
  }
  flag(name: string, otherwise = false): boolean {
    return this.int(name, otherwise ? 1 : 0) !== 0;
  }
  float(name: string): number | undefined;
  float(name: string, otherwise: number): number;
  float(name: string, otherwise?: number): number | undefined {
    return this.#get(name, "float") ?? otherwise;
  }
  string(name: string, otherwise: string): string {
    return this.#get(name, "string") ?? otherwise;
  }
  ints(name: string): readonly number[] | undefined {
    return this.has(name) ? this.#get(name, "ints") : undefined;
  }

  /** Leaves the operator: the node goes into the list of what is not supported. */
  refuse(reason: string): never {
    throw new Refusal(reason);
  }

  #get<K extends "int" | "float" | "string" | "ints">(name: string, kind: K) {
    const attribute = this.node.attributes.get(name);
    if (attribute?.other) this.refuse(`attribute ${name} is a graph or a reference`);
    if (attribute && attribute[kind] === undefined) this.refuse(`attribute ${name} is no ${kind}`);
    return attribute?.[kind];
  }
}

export class Call extends Attributes {
  constructor(
    node: OnnxNode,
    opset: number,
    readonly graph: Graph,
    /** In the node's order; undefined where it leaves one out. */
    readonly inputs: readonly (Value | undefined)[],
  ) {
    super(node, opset);
  }

  given(index: number): boolean {
    return this.inputs[index] !== undefined;
  }
  /** A secret value; public numbers become constants. */
  tensor(index: number): Tensor {
    return this.asTensor(this.#input(index));
  }
  asTensor(value: Value): Tensor {
    if (value instanceof Tensor) return value;
    if (value instanceof Numbers) return new Tensor(this.graph, refOf(this.graph, value.values()));
    return value.in(this.graph);
  }
  /** What an operation of tensors takes as its other operand. */
  operand(index: number): Operand {
    const value = this.#input(index);
    return value instanceof Numbers ? value.values() : value;
  }
  shape(index: number): Shape {
    return this.#input(index).shape;
  }
  /** Public numbers: lengths, positions, bounds. Undefined if left out. */
  numbers(index: number): Numbers | undefined {
    const value = this.inputs[index];
    if (value === undefined || value instanceof Numbers) return value;
    this.refuse(`input ${index} (${this.node.inputs[index]}) has to be a constant`);
  }
  list(index: number): number[] | undefined {
    const given = this.numbers(index);
    return given && [...given.data];
  }
  number(index: number): number | undefined {
    const given = this.numbers(index);
    if (given && given.only === undefined) this.refuse(`input ${index} has to be one number`);
    return given?.only;
  }
  /** Axes counted from the front. */
  axes(given: readonly number[] | undefined, rank: number): number[] | undefined {
    return given?.map((axis) => normalizeAxis(axis, rank, this.node.type));
  }
  axis(name: string, otherwise: number, rank: number): number {
    return normalizeAxis(this.int(name, otherwise), rank, this.node.type);
  }

  #input(index: number): Value {
    const value = this.inputs[index];
    if (value === undefined) this.refuse(`input ${index} is missing`);
    return value;
  }
}

/** An operator of ONNX in terms of tensors. */
export interface OnnxOperator {
  /** Inputs that are structure and stay public: shapes, axes, bounds, exponents. */
  readonly structure?: readonly number[];
  /** Its inputs are all structure. */
  readonly isPublic?: boolean;
  /** Why the node cannot be taken, as far as its attributes tell; undefined if nothing speaks against it. */
  readonly refuses?: (attributes: Attributes) => string | undefined;
  readonly record: (call: Call) => Recorded;
  /** Where the node's weights become a layer with state of its own, of its constant inputs by position. */
  readonly layer?: (attributes: Attributes, constants: readonly (Numbers | undefined)[]) => Layer;
}
export type Recorded = Tensor | Numbers | readonly (Tensor | Numbers)[];
export interface Layer {
  readonly part: nn.Part;
  readonly record: (call: Call) => Recorded;
}
export type OperatorTable = Readonly<Record<string, OnnxOperator>>;
