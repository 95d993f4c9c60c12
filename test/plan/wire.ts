/**
 * Plans as a hostile driver would write them: values are typed, so that composing works, but no rule refuses where they go.
 * The bytes are what decodePlan must refuse.
 */
import type { Builder, Made, PlanEnv, Precision, Ref } from "../../src/ops/index.js";
import { encodePlan, envOf, type PlanNode } from "../../src/plan/index.js";
import { typeNode } from "../../src/plan/infer.js";

const sinks = new Set(["assign", "reveal"]);

export class Wire implements Builder {
  readonly nodes: PlanNode[] = [];
  readonly #merged = new Map<string, Ref>();
  readonly #refs: Ref[] = [];
  readonly env: PlanEnv;
  constructor(precision: Precision = { fraction: 20 }) {
    this.env = envOf(precision);
  }

  node(op: string, inputs: readonly Ref[], attrs: Record<string, unknown> = {}): Ref {
    const ids = inputs.map((input) => input.id);
    const key = `${op}(${ids})${JSON.stringify(attrs)}`;
    const known = this.#merged.get(key);
    if (known && !sinks.has(op)) return known;
    const typed = sinks.has(op)
      ? { attrs, type: inputs[0]!.type }
      : typeNode(
          op,
          inputs.map((input) => input.type),
          attrs,
          this.env,
        );
    this.nodes.push({ op, inputs: ids, ...typed });
    const ref = { id: this.nodes.length - 1, type: typed.type };
    this.#merged.set(key, ref);
    this.#refs.push(ref);
    return ref;
  }
  made({ id }: Ref): Made {
    const { op, inputs, attrs } = this.nodes[id]!;
    return { op, inputs: inputs.map((input) => this.#refs[input]!), attrs };
  }

  assume(): void {}
  define(output: Ref): Ref {
    return output;
  }

  /** Without the nodes that nothing uses, as a careful attacker would send it. */
  bytes(): Uint8Array {
    const needed = new Set<number>();
    for (let id = this.nodes.length - 1; id >= 0; id--) {
      const { op, inputs } = this.nodes[id]!;
      if (sinks.has(op)) needed.add(id);
      if (needed.has(id)) for (const input of inputs) needed.add(input);
    }
    const order = [...needed].sort((a, b) => a - b);
    const nodes = order.map((id) => {
      const node = this.nodes[id]!;
      return { ...node, inputs: node.inputs.map((input) => order.indexOf(input)) };
    });
    return encodePlan(this.env, nodes).bytes;
  }
}
