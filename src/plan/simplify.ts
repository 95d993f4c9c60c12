/**
 * Nodes that need not be recorded, because an earlier value is the same or moves fewer words: inverses that cancel, moves
 * that compose. Not an optimiser: each rule looks at one node and its inputs, and none changes a number.
 */
import { type Shape, sameShape } from "../ring/index.js";
import type { PlanNode } from "./plan.js";

/** A node to record instead, inputs by number. */
export interface Rewrite {
  readonly op: string;
  readonly inputs: readonly (number | Rewrite)[];
  readonly attrs: Readonly<Record<string, unknown>>;
}

/**
 * The earlier value to use, another node to record, or undefined if the node is fine as it is. Nodes that are `whole` are not looked
 * into: a function with a gradient rule of its own must stay on the way.
 */
export function simplify(
  nodes: readonly PlanNode[],
  node: PlanNode,
  whole: (id: number) => boolean,
): number | Rewrite | undefined {
  const [first] = node.inputs;
  const input = first === undefined ? undefined : nodes[first];
  if (input === undefined || node.inputs.length !== 1) return undefined;
  if (whole(first!)) return sameMove(input, node) ? first : undefined;
  const inner = input.op === node.op ? input.inputs[0]! : undefined;
  switch (node.op) {
    case "not":
    case "neg":
      return inner;
    case "reshape":
    case "broadcast":
      if (sameMove(input, node)) return first;
      return inner === undefined ? undefined : { op: node.op, inputs: [inner], attrs: node.attrs };
    case "transpose":
      return transposed(nodes, node, first!, input);
    default:
      return undefined;
  }
}

/** Whether nothing moves. */
const sameMove = (input: PlanNode, { op, type }: PlanNode): boolean =>
  (op === "reshape" || op === "broadcast") && sameShape(input.type.shape, type.shape);

const swap: Readonly<Record<string, unknown>> = { axes: [1, 0] };

function transposed(
  nodes: readonly PlanNode[],
  node: PlanNode,
  first: number,
  input: PlanNode,
): number | Rewrite | undefined {
  const axes = axesOf(node);
  if (axes.every((axis, i) => axis === i)) return first;
  if (input.op === "transpose") {
    const before = axesOf(input);
    return { op: "transpose", inputs: [input.inputs[0]!], attrs: { axes: axes.map((axis) => before[axis]!) } };
  }
  // (A B)ᵀ = Bᵀ Aᵀ, where Aᵀ or Bᵀ is there already: what a weight's gradient comes down to.
  if (input.op === "matmul" && input.inputs.some((id) => nodes[id]!.op === "transpose")) {
    const [a, b] = input.inputs as [number, number];
    const turn = (id: number): Rewrite => ({ op: "transpose", inputs: [id], attrs: swap });
    return { op: "matmul", inputs: [turn(b), turn(a)], attrs: {} };
  }
  return undefined;
}

const axesOf = (node: PlanNode): Shape => node.attrs.axes as Shape;
