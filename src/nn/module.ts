/**
 * Layers as callable trees of named parameters, with PyTorch's state_dict names. Not the layers themselves.
 */
import { NameError, ShapeError } from "../errors.js";
import { size } from "../ring/index.js";
import { Plaintext, readValues, type Tensor, type Values } from "../tensor/index.js";
import { Buffer, Parameter, type Revealing, revealAll } from "./parameter.js";

/** A part of a network with its parameters: a module, or several without a forward of their own. */
export interface Part {
  /** Parameters and buffers by their dotted path: "0.weight", "fc1.bias", "1.running_mean". */
  readonly named: ReadonlyMap<string, Parameter>;
  parameters(): Parameter[];
  /** For session.resume(), beside the parameters. */
  buffers(): Buffer[];
  /** Whether dropout drops and normalisation uses the batch's statistics. True until eval(). */
  readonly training: boolean;
  train(mode?: boolean): this;
  /** The same as train(false). */
  eval(): this;
  /** Replaces the initial values. Throws on missing, unknown or misshapen entries, as PyTorch does with strict=True. */
  loadStateDict(state: Readonly<Record<string, Values | Plaintext>>): this;
  /**
   * The trained values, revealed to you in one run: needs a grant ("open") from everyone whose data trained them. As JSON and back
   * it is what loadStateDict() takes.
   *
   * @example await writeFile("model.json", JSON.stringify(await model.stateDict(session)))
   */
  stateDict(session: Revealing): Promise<Record<string, Plaintext>>;
}
/** A layer or network: call it with a tensor, or with what its forward takes. */
export interface Module<A extends readonly unknown[] = readonly [Tensor], R = Tensor> extends Part {
  (...inputs: A): R;
}
export type Children = Readonly<Record<string, Part | Parameter>>;

/**
 * A network of your own: named children, and how a value passes through them. A forward of several tensors takes them before the
 * children, all of them with their types.
 *
 * @example nn.module({ fc1: nn.linear(784, 128), fc2: nn.linear(128, 10) }, (x, { fc1, fc2 }) => fc2(fc1(x).relu()))
 * @example nn.module({ left, right }, (x: Tensor, y: Tensor, own: Pair) => own.left(x).add(own.right(y)))
 */
export function module<C extends Children, R = Tensor>(
  children: C,
  forward: (x: Tensor, children: C) => R,
): Module<readonly [Tensor], R>;
export function module<C extends Children, A extends readonly [Tensor, unknown, ...unknown[]], R>(
  children: C,
  forward: (...inputs: [...A, C]) => R,
): Module<A, R>;
export function module(children: Children, forward: (...inputs: never[]) => unknown): Part {
  return withParts((...inputs: never[]) => forward(...inputs, children as never), children);
}

/** The same of a function that knows its children. */
export function withParts<F extends object>(target: F, children: Children): F & Part {
  const all = new Map<string, Parameter>();
  for (const [key, child] of Object.entries(children)) {
    if (child instanceof Parameter) all.set(key, child);
    else for (const [path, parameter] of child.named) all.set(`${key}.${path}`, parameter);
  }
  let training = true;
  const text = () => `Module(${[...all.values()].map(({ name, shape }) => `${name} [${shape}]`).join(", ")})`;
  const part: Omit<Part, "training"> = {
    named: all,
    // One that is used in two places is one.
    parameters: () => [...new Set(all.values())].filter((each) => !(each instanceof Buffer)),
    buffers: () => [...new Set(all.values())].filter((each) => each instanceof Buffer),
    train(mode = true) {
      training = mode;
      for (const child of Object.values(children)) if (!(child instanceof Parameter)) child.train(mode);
      return self;
    },
    eval: () => self.train(false),
    loadStateDict(state) {
      load(all, state);
      return self;
    },
    async stateDict(session) {
      const values = await revealAll(session, [...all.values()]);
      return Object.fromEntries([...all.keys()].map((key, i) => [key, values[i]!]));
    },
  };
  const own = { toString: text, [Symbol.for("nodejs.util.inspect.custom")]: text, ...part };
  const self = Object.defineProperty(Object.assign(target, own), "training", { get: () => training }) as F & Part;
  return named("model", self);
}

/** PyTorch counts the batches of its running statistics; with a momentum, as here, nothing depends on it. */
const counters = /(^|\.)num_batches_tracked$/;

function load(parameters: ReadonlyMap<string, Parameter>, state: Readonly<Record<string, Values | Plaintext>>): void {
  const unknown = Object.keys(state).filter((key) => !parameters.has(key) && !counters.test(key));
  const missing = [...parameters.keys()].filter((key) => !Object.hasOwn(state, key));
  if (unknown.length > 0 || missing.length > 0)
    throw new NameError(
      `loadStateDict: expected ${[...parameters.keys()]}, got unknown [${unknown}] and missing [${missing}]`,
    );
  const values = [...parameters].map(([key, parameter]) => {
    const value = state[key]!;
    const { data, shape } =
      value instanceof Plaintext ? value : readValues(value, ArrayBuffer.isView(value) ? parameter.shape : undefined);
    if (size(shape) !== size(parameter.shape) || shape.some((d, i) => d !== parameter.shape[i]))
      throw new ShapeError(`loadStateDict: expected ${key} of shape [${parameter.shape}], got [${shape}]`);
    return { parameter, data };
  });
  for (const { parameter, data } of values) parameter.start = () => data;
}

/** What sequential() may move past each other without changing a number. */
export type Role = "relu" | "maxPool" | "dropout";
const roles = new WeakMap<Part, Role>();
export function playing<M extends Part>(role: Role, layer: M): M {
  roles.set(layer, role);
  return layer;
}
export const roleOf = (layer: Part): Role | undefined => roles.get(layer);

/** What a layer is, as data: for those who write networks into other formats. Layers without one cannot be written. */
export interface LayerKind {
  readonly type: string;
  /** As the function that made it was given them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Of layers in a row: these, in the order in which they were given. */
  readonly layers?: readonly Part[];
}
const kinds = new WeakMap<Part, LayerKind>();
export function described<M extends Part>(
  layer: M,
  type: string,
  options: LayerKind["options"] = {},
  layers?: readonly Part[],
): M {
  kinds.set(layer, { type, options, ...(layers && { layers }) });
  return layer;
}
export const kindOf = (layer: Part): LayerKind | undefined => kinds.get(layer);

/** Names a network: its parameters are `name/path` at the parties. Networks in one session need different names. */
export function named<M extends Part>(name: string, network: M): M {
  for (const [path, parameter] of network.named) parameter.name = `${name}/${path}`;
  return network;
}
