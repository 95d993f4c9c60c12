/**
 * Records a plan node by node, inferring types at once so that mistakes throw where they are written. Equal nodes are
 * merged and nodes that reach no assign or reveal are dropped. Computes nothing.
 */
import { PlanError, StaleValueError } from "../errors.js";
import { type Builder, type PlanEnv, type Ref, sinks } from "../ops/index.js";
import { encodePlan } from "./encode.js";
import { inferNode } from "./infer.js";
import type { Plan, PlanNode } from "./plan.js";

export class Recorder implements Builder {
  readonly #nodes: PlanNode[] = [];
  readonly #merged = new Map<string, Ref>();
  readonly #refs: Ref[] = [];
  readonly #own = new WeakSet<Ref>();
  #closed = false;

  constructor(readonly env: PlanEnv) {}

  get closed(): boolean {
    return this.#closed;
  }
  /** True once something would be assigned or revealed. */
  get hasEffects(): boolean {
    return this.#nodes.some((node) => sinks.has(node.op));
  }
  get nodes(): readonly PlanNode[] {
    return this.#nodes;
  }

  node(op: string, inputs: readonly Ref[], attrs: Record<string, unknown> = {}): Ref {
    if (this.#closed)
      throw new StaleValueError(`${op}: expected a plan that is being recorded, got one that has closed; try keep() or a parameter`);
    for (const input of inputs)
      if (!this.#own.has(input))
        throw new StaleValueError(`${op}: expected values of this plan, got one of an earlier plan; try keep() or a parameter`);
    const ids = inputs.map((input) => input.id);
    const key = sinks.has(op) ? undefined : `${op}(${ids})${JSON.stringify(attrs)}`;
    const known = key === undefined ? undefined : this.#merged.get(key);
    if (known) return known;
    const type = inferNode(op, inputs.map((input) => input.type), attrs, this.env);
    const ref: Ref = { id: this.#nodes.length, type };
    this.#nodes.push({ op, inputs: ids, attrs, type });
    this.#refs.push(ref);
    this.#own.add(ref);
    if (key !== undefined) this.#merged.set(key, ref);
    return ref;
  }

  ref(id: number): Ref {
    const ref = this.#refs[id];
    if (!ref) throw new PlanError(`record: expected a node below ${this.#refs.length}, got ${id}`);
    return ref;
  }

  /** Ends recording; later uses of its values throw StaleValueError. */
  close(): Plan {
    this.#closed = true;
    const needed = new Set<number>();
    for (let id = this.#nodes.length - 1; id >= 0; id--) {
      const node = this.#nodes[id]!;
      if (sinks.has(node.op)) needed.add(id);
      if (needed.has(id)) for (const input of node.inputs) needed.add(input);
    }
    const renumbered = new Map<number, number>();
    const nodes: PlanNode[] = [];
    for (const id of [...needed].sort((a, b) => a - b)) {
      const node = this.#nodes[id]!;
      renumbered.set(id, nodes.length);
      nodes.push({ ...node, inputs: node.inputs.map((input) => renumbered.get(input)!) });
    }
    return encodePlan(this.env, nodes);
  }
}
