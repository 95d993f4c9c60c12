/**
 * A plan's nodes as parties evaluate them, where the protocol truncates in two stages: a comparison of what a truncation leaves
 * starts after the first one, a round earlier, and reads copies of the linear operators in between. Not the plan, which stays as it
 * was recorded and approved; and not the stages, which are the protocol's.
 */
import { atPivot, firstStage, type Operator, operator, publicBeside, secondStage } from "../ops/index.js";
import type { Costs } from "../protocol/index.js";
import { size } from "../ring/index.js";
import type { Plan, PlanNode } from "./plan.js";

/** Nodes with the plan's numbers, then those that are added. */
export interface Step extends PlanNode {
  readonly rule: Operator<never>;
}

/** What looks at low bits of its input, and at nothing else. */
const comparisons: ReadonlySet<string> = new Set(["isNegative", "isZero"]);
/** Linear on shares, element by element or by moving elements. */
const linear: ReadonlySet<string> = new Set([
  ...["add", "sub", "neg", "pairDifferences"],
  ...["broadcast", "concat", "flip", "narrow", "pad", "reshape", "slice", "transpose"],
]);

/** Copies that one comparison may need: a window's values are some dozens. */
const mostCopies = 64;

export function stepsOf({ nodes, env }: Plan, { stages }: Costs): readonly Step[] {
  const steps = nodes.map((node): Step => ({ ...node, rule: operator(node.op)! }));
  if (!stages) return steps;
  const sources = sourcesOf(nodes);
  /** By truncation: the copies of nodes, of which the truncation's own is its first stage. */
  const copies = new Map<number, Map<number, number>>();
  nodes.forEach((node, id) => {
    if (!comparisons.has(node.op)) return;
    const [input] = node.inputs as [number];
    const { truncation, largest } = sources[input] ?? {};
    if (truncation === undefined || largest! > stages.mostElements) return;
    const [look] = steps[id]!.rule.looks!([nodes[input]!.type], node.attrs as never);
    const { width } = look!.as as { width: number };
    const { shift } = nodes[truncation]!.attrs as { shift: number };
    const made = copies.get(truncation) ?? new Map<number, number>();
    const missing = between(nodes, input, truncation, made);
    // Plans come from strangers, too: the steps are at most twice the nodes.
    if (width + shift > env.wordBits || !missing || steps.length + missing.length >= 2 * nodes.length) return;
    copies.set(truncation, made);
    const begun = made.get(truncation) ?? divide(steps, truncation);
    made.set(truncation, begun);
    for (const each of missing) made.set(each, copy(steps, each, begun, made));
    steps[id] = { ...node, inputs: [made.get(input)!], rule: atPivot(steps[id]!.rule, stages.pivotBetween(begun)) };
  });
  return steps;
}

/** What a value is a linear map of. */
interface Source {
  /** Undefined: of public values only. */
  readonly truncation: number | undefined;
  /** Elements of the largest value on the way. */
  readonly largest: number;
}

/** By node; undefined for what is no linear map of one truncation and public values. */
function sourcesOf(nodes: readonly PlanNode[]): (Source | undefined)[] {
  const sources: (Source | undefined)[] = [];
  nodes.forEach(({ op, inputs, type }, id) => {
    const own = size(type.shape);
    if (op === "truncate") sources[id] = { truncation: id, largest: own };
    else if (op === "secret") sources[id] = { truncation: undefined, largest: own };
    else if (linear.has(op) && type.kind === "share")
      sources[id] = joined(
        own,
        inputs.map((input) => sources[input]),
      );
  });
  return sources;
}
function joined(own: number, parts: readonly (Source | undefined)[]): Source | undefined {
  let [truncation, largest]: [number | undefined, number] = [undefined, own];
  for (const part of parts) {
    if (!part || (truncation !== undefined && part.truncation !== undefined && part.truncation !== truncation))
      return undefined;
    truncation ??= part.truncation;
    largest = Math.max(largest, part.largest);
  }
  return { truncation, largest };
}

/** Nodes from the truncation, without it, to `last` that have not been copied yet, ascending; undefined if they are too many. */
function between(
  nodes: readonly PlanNode[],
  last: number,
  truncation: number,
  made: ReadonlyMap<number, number>,
): number[] | undefined {
  const found = new Set<number>();
  const left = [last];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    if (id === truncation || made.has(id) || found.has(id)) continue;
    if (found.add(id).size > mostCopies) return undefined;
    if (nodes[id]!.op !== "secret") left.push(...nodes[id]!.inputs);
  }
  return [...found].sort((a, b) => a - b);
}

/** Adds the first stage of a truncation, of which its own step is the second from here on. Returns the first one's number. */
function divide(steps: Step[], truncation: number): number {
  const step = steps[truncation]!;
  const begun = steps.push({ ...step, rule: firstStage }) - 1;
  steps[truncation] = { ...step, inputs: [begun], rule: secondStage(begun) };
  return begun;
}

/** Adds the step that makes node `id` of what the first stage left. Returns its number. */
function copy(steps: Step[], id: number, begun: number, made: ReadonlyMap<number, number>): number {
  const step = steps[id]!;
  const inputs = step.op === "secret" ? [step.inputs[0]!, begun] : step.inputs.map((input) => made.get(input)!);
  return steps.push({ ...step, inputs, rule: step.op === "secret" ? publicBeside : step.rule }) - 1;
}
