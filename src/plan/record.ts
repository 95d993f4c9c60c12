/**
 * Records a plan node by node, inferring types at once so that mistakes throw where they are written. Equal nodes are
 * merged, moves that cancel are left out (`simplify.ts`) and nodes that reach no assign or reveal are dropped. Computes nothing.
 */
import { PlanError, StaleValueError } from "../errors.js";
import {
  type Builder,
  type GradientRule,
  type Made,
  type PlanEnv,
  type Precision,
  type Ref,
  sinks,
  type ValueType,
} from "../ops/index.js";
import { checkPlan } from "./check.js";
import { encodePlan } from "./encode.js";
import { rememberedType } from "./memo.js";
import type { Plan, PlanNode } from "./plan.js";
import { type Rewrite, simplify } from "./simplify.js";
import { envOf, fits } from "./word-size.js";

export interface DefinedFunction {
  readonly inputs: readonly number[];
  readonly gradient: GradientRule;
}

/** More than this is not recorded; for programs that a stranger wrote. */
export interface RecordLimits {
  readonly maxNodes: number;
  /** Characters of all attributes: constants, lists of positions. */
  readonly maxText: number;
}

const nothing: Record<string, unknown> = Object.freeze({});

export class Recorder implements Builder {
  #nodes: PlanNode[] = [];
  readonly #merged = new Map<string, Ref>();
  readonly #refs: { readonly id: number; type: ValueType }[] = [];
  readonly #functions = new Map<number, DefinedFunction>();
  /** By node. */
  readonly #assumed = new Map<number, Set<string>>();
  #text = 0;
  #env: PlanEnv;
  /** The environment as text, its word size included: by it types are remembered. */
  #setting: string;
  #hasEffects = false;
  #closed = false;

  constructor(
    precision: Precision,
    readonly limits?: RecordLimits,
  ) {
    this.#env = envOf(precision);
    this.#setting = JSON.stringify(this.#env);
  }

  /** What values are typed for. The first one that needs wider words gets them, and all before it with it. */
  get env(): PlanEnv {
    return this.#env;
  }

  get closed(): boolean {
    return this.#closed;
  }
  /** True once something would be assigned or revealed. */
  get hasEffects(): boolean {
    return this.#hasEffects;
  }
  get nodes(): readonly PlanNode[] {
    return this.#nodes;
  }

  node(op: string, inputs: readonly Ref[], attrs: Record<string, unknown> = nothing): Ref {
    if (this.#closed) throw stale(op, "a plan that is being recorded, got one that has closed");
    const ids: number[] = [];
    const types: ValueType[] = [];
    for (const input of inputs) {
      this.#checkOwn(op, input);
      ids.push(input.id);
      types.push(input.type);
    }
    const isSink = sinks.has(op);
    const text = attrs === nothing ? "{}" : JSON.stringify(attrs);
    const key = isSink ? "" : `${op}(${ids.join()})${text}`;
    const known = isSink ? undefined : this.#merged.get(key);
    if (known) return known;
    let typed = rememberedType(op, types, attrs, text, this.#env, this.#setting);
    if (!fits({ op, ...typed }, this.#env)) {
      this.#widen();
      const wider = inputs.map(({ type }) => type);
      typed = rememberedType(op, wider, attrs, text, this.#env, this.#setting);
    }
    const node: PlanNode = { op, inputs: ids, attrs: typed.attrs, type: typed.type };
    const simpler = simplify(this.#nodes, node, (id) => this.#functions.has(id));
    const ref = simpler === undefined ? this.#push(node, text.length) : this.#rewrite(simpler);
    if (isSink) this.#hasEffects = true;
    else this.#merged.set(key, ref);
    return ref;
  }

  /**
   * Bounds are wider in wider words; so far they were the same or rested on the same declaration, so what was decided by them
   * still holds.
   */
  #widen(): void {
    this.#env = { ...this.#env, wordBits: 64 };
    this.#setting = JSON.stringify(this.#env);
    const nodes: PlanNode[] = [];
    for (const node of this.#nodes) {
      const types = node.inputs.map((input) => nodes[input]!.type);
      const text = JSON.stringify(node.attrs);
      const { type } = rememberedType(node.op, types, node.attrs, text, this.#env, this.#setting);
      nodes.push({ ...node, type });
    }
    this.#nodes = nodes;
    this.#refs.forEach((ref, id) => {
      ref.type = this.#nodes[id]!.type;
    });
  }

  #push(node: PlanNode, length: number): Ref {
    this.#text += length;
    const { maxNodes, maxText } = this.limits ?? { maxNodes: Infinity, maxText: Infinity };
    if (this.#nodes.length >= maxNodes || this.#text > maxText)
      throw new PlanError(
        `plan: expected at most ${maxNodes} nodes with ${maxText} characters of attributes, got more; try smaller or fewer layers`,
      );
    const ref = { id: this.#nodes.length, type: node.type };
    this.#nodes.push(node);
    this.#refs.push(ref);
    return ref;
  }
  #rewrite(to: number | Rewrite): Ref {
    if (typeof to === "number") return this.#refs[to]!;
    const inputs = to.inputs.map((input) => this.#rewrite(input));
    return this.node(to.op, inputs, to.attrs);
  }

  made(ref: Ref): Made {
    this.#checkOwn("plan", ref);
    const { op, inputs, attrs } = this.#nodes[ref.id]!;
    return { op, inputs: inputs.map((input) => this.#refs[input]!), attrs };
  }
  define(output: Ref, inputs: readonly Ref[], gradient: GradientRule): Ref {
    for (const ref of [output, ...inputs]) this.#checkOwn("define", ref);
    // A function that gave back one of its inputs, or a node before them, is that value.
    const later = inputs.every(({ id }) => id < output.id);
    if (later && !this.#functions.has(output.id))
      this.#functions.set(output.id, { inputs: inputs.map(({ id }) => id), gradient });
    return output;
  }
  /** What was defined as this value, for differentiation. */
  functionOf(id: number): DefinedFunction | undefined {
    return this.#functions.get(id);
  }
  assume(ref: Ref, what: string): void {
    this.#checkOwn("assume", ref);
    const known = this.#assumed.get(ref.id);
    if (known) known.add(what);
    else this.#assumed.set(ref.id, new Set([what]));
  }
  #checkOwn(op: string, ref: Ref): void {
    if (this.#refs[ref.id] !== ref) throw stale(op, "values of this plan, got one of an earlier plan");
  }

  ref(id: number): Ref {
    const ref = this.#refs[id];
    if (!ref) throw new PlanError(`record: expected a node below ${this.#refs.length}, got ${id}; try a recorded one`);
    return ref;
  }

  /** Ends recording; later uses of its values throw StaleValueError. */
  close(): Plan {
    this.#closed = true;
    const needed = new Uint8Array(this.#nodes.length);
    for (let id = this.#nodes.length - 1; id >= 0; id--) {
      const node = this.#nodes[id]!;
      if (sinks.has(node.op)) needed[id] = 1;
      if (needed[id]) for (const input of node.inputs) needed[input] = 1;
    }
    const renumbered: number[] = [];
    const nodes: PlanNode[] = [];
    this.#nodes.forEach((node, id) => {
      if (!needed[id]) return;
      renumbered[id] = nodes.length;
      nodes.push({ ...node, inputs: node.inputs.map((input) => renumbered[input]!) });
    });
    checkPlan(nodes);
    const assumed = [...this.#assumed].flatMap(([id, list]) =>
      renumbered[id] === undefined ? [] : [...list].map((what) => ({ node: renumbered[id]!, what })),
    );
    return { ...encodePlan(this.#env, nodes), assumed };
  }
}

const stale = (op: string, expected: string) =>
  new StaleValueError(`${op}: expected ${expected}; try keep() or a parameter`);
