/**
 * Layers as callable trees of named parameters, with PyTorch's state_dict names. Not the layers themselves.
 */
import { NameError, ShapeError } from "../errors.js";
import { type Shape, size } from "../ring/index.js";
import { type Graph, Plaintext, readValues, Tensor, type Values, Variable } from "../tensor/index.js";

/** A variable that optimizers update; its first values can be replaced before they are used. */
export class Parameter extends Variable {
  start: () => Float64Array;
  constructor(shape: Shape, initial: () => Float64Array) {
    super("", shape, () => this.start());
    this.start = initial;
  }

  /** Its value in the plan being recorded. */
  in(graph: Graph): Tensor {
    return new Tensor(graph, graph.read(this));
  }
}

/** A layer or network: call it with a tensor. */
export interface Module {
  (x: Tensor): Tensor;
  /** Parameters by their dotted path: "0.weight", "fc1.bias". */
  readonly named: ReadonlyMap<string, Parameter>;
  parameters(): Parameter[];
  /** Replaces the initial values. Throws on missing, unknown or misshapen entries, as PyTorch does with strict=True. */
  loadStateDict(state: Readonly<Record<string, Values | Plaintext>>): Module;
  /** The trained values, revealed to you: needs a grant from everyone whose data trained them. */
  stateDict(session: {
    reveal(variables: readonly Variable[]): Promise<Plaintext[]>;
  }): Promise<Record<string, Plaintext>>;
}

/**
 * A network of your own: named children, and how a value passes through them.
 *
 * @example nn.module({ fc1: nn.linear(784, 128), fc2: nn.linear(128, 10) }, (x, { fc1, fc2 }) => fc2(fc1(x).relu()))
 */
export function module<C extends Readonly<Record<string, Module | Parameter>>>(
  children: C,
  forward: (x: Tensor, children: C) => Tensor,
): Module {
  const parameters = new Map<string, Parameter>();
  for (const [key, child] of Object.entries(children)) {
    if (child instanceof Parameter) parameters.set(key, child);
    else for (const [path, parameter] of child.named) parameters.set(`${key}.${path}`, parameter);
  }
  const text = () => `Module(${[...parameters.values()].map(({ name, shape }) => `${name} [${shape}]`).join(", ")})`;
  const self = Object.assign((x: Tensor) => forward(x, children), {
    toString: text,
    [Symbol.for("nodejs.util.inspect.custom")]: text,
    named: parameters,
    parameters: () => [...parameters.values()],
    loadStateDict(state: Readonly<Record<string, Values | Plaintext>>): Module {
      const unknown = Object.keys(state).filter((key) => !parameters.has(key));
      const missing = [...parameters.keys()].filter((key) => !Object.hasOwn(state, key));
      if (unknown.length > 0 || missing.length > 0)
        throw new NameError(
          `loadStateDict: expected ${[...parameters.keys()]}, got unknown [${unknown}] and missing [${missing}]`,
        );
      for (const [key, parameter] of parameters) {
        const given = state[key]!;
        const { data, shape } =
          given instanceof Plaintext
            ? given
            : readValues(given, ArrayBuffer.isView(given) ? parameter.shape : undefined);
        if (size(shape) !== size(parameter.shape) || shape.some((d, i) => d !== parameter.shape[i]))
          throw new ShapeError(`loadStateDict: expected ${key} of shape [${parameter.shape}], got [${shape}]`);
        parameter.start = () => data;
      }
      return self;
    },
    async stateDict(session: { reveal(variables: readonly Variable[]): Promise<Plaintext[]> }) {
      const values = await session.reveal([...parameters.values()]);
      return Object.fromEntries([...parameters.keys()].map((key, i) => [key, values[i]!]));
    },
  }) as Module;
  return named("model", self);
}

/** What sequential() may move past each other without changing a number. */
export type Part = "relu" | "maxPool";
const parts = new WeakMap<Module, Part>();
export function playing(part: Part, layer: Module): Module {
  parts.set(layer, part);
  return layer;
}
export const partOf = (layer: Module): Part | undefined => parts.get(layer);

/** Names a network: its parameters are `name/path` at the parties. Networks in one session need different names. */
export function named(name: string, network: Module): Module {
  for (const [path, parameter] of network.named) parameter.name = `${name}/${path}`;
  return network;
}
