/**
 * Evaluates a plan in float64, operator by operator, on numbers in the clear: what its parties compute, but for rounding. Watches
 * the bounds that the plan declares. No protocol and no secrecy; never runs at a party.
 */
import { type NodeTypes, type Operator, operator } from "../ops/index.js";
import type { Plan, PlanNode } from "../plan/index.js";
import type { ClearContext, ClearHost, Meaning, Reals } from "./meaning.js";
import { meanings } from "./table.js";

/** A value that left what its plan declares, and went into something that is assigned or revealed. */
export interface Overflow {
  readonly node: number;
  readonly op: string;
  readonly shape: readonly number[];
  /** What it was made of, nearest first: "variable fc1.weight", "dataset alice/images". */
  readonly near: readonly string[];
  /** bound: magnitudes reached `limit`. domain: the operator is good for a range of inputs, which was left. */
  readonly kind: "bound" | "domain";
  /** Of the real numbers, not of words. */
  readonly largest: number;
  readonly limit: number;
  /** How many elements. */
  readonly count: number;
  /** What it went into: "assign fc1.weight", "reveal r0". */
  readonly into: readonly string[];
}

export interface ClearResult {
  /** Revealed values by label, assigned ones by name; none of those that depend on what is not known. */
  readonly revealed: ReadonlyMap<string, Reals>;
  readonly assigned: ReadonlyMap<string, Reals>;
  /** By node, the first one first. */
  readonly overflows: readonly Overflow[];
  /** What the plan takes in and nobody told: "dataset alice/images". */
  readonly missing: readonly string[];
}

interface Known {
  readonly data: Reals;
  /**
   * The same with something else for what left its bound or domain, and what that makes of it: where both differ, parties have what
   * nobody should rely on. Equal again where it is selected away, or cancels.
   */
  readonly tainted?: Reals;
  /** The nodes where it did. */
  readonly causes?: ReadonlySet<number>;
}
type Finding = Pick<Overflow, "kind" | "largest" | "limit" | "count">;

/** Units of the word by which rounding may pass a bound, and float64's own part. */
const tolerance = (limit: number) => 1 + limit * 2 ** -40;

export function evaluateClear({ nodes }: Plan, host: ClearHost): ClearResult {
  const values: (Known | undefined)[] = [];
  const left = new Int32Array(nodes.length);
  for (const { inputs } of nodes) for (const input of inputs) left[input]!++;
  const onGrid = nodes.some(({ op }) => op === "lowBits");
  const [revealed, assigned] = [new Map<string, Reals>(), new Map<string, Reals>()];
  const findings = new Map<number, Finding>();
  const into = new Map<number, string[]>();
  const missing = new Set<string>();

  nodes.forEach((node, id) => {
    const types: NodeTypes = { inputs: node.inputs.map((input) => nodes[input]!.type), output: node.type };
    const inputs = node.inputs.map((input) => values[input]);
    // Values are large and live as long as somebody still reads them.
    for (const input of node.inputs) if (--left[input]! === 0) values[input] = undefined;
    const value = inputs.every((input) => input !== undefined) ? evaluated(node, id, types, inputs) : undefined;
    if (value === undefined && node.inputs.length === 0) missing.add(nameOf(node));
    if (!value) return;
    if (value.finding) findings.set(id, value.finding);
    const causes = [...inputs.flatMap((input) => [...(input!.causes ?? [])]), ...(value.finding ? [id] : [])];
    const { data, tainted } = value;
    const known: Known = tainted ? { data, tainted, causes: new Set(causes) } : { data };
    const sink = node.op === "reveal" ? revealed : node.op === "assign" ? assigned : undefined;
    if (sink) {
      sink.set((node.attrs.label ?? node.attrs.name) as string, data);
      for (const cause of known.causes ?? []) into.set(cause, [...(into.get(cause) ?? []), nameOf(node)]);
    }
    if (left[id]! > 0) values[id] = known;
  });

  function evaluated(node: PlanNode, id: number, types: NodeTypes, inputs: readonly (Known | undefined)[]) {
    const outside = new Set<number>();
    const meaning = meanings[node.op as keyof typeof meanings] as Meaning<never>;
    const of = (list: readonly Reals[], note: (i: number) => void) => {
      const context: ClearContext = { host, types, node: id, onGrid, outside: note };
      return meaning(context, list, node.attrs as never);
    };
    const data = of(
      inputs.map((input) => input!.data),
      (i) => outside.add(i),
    );
    if (!data) return undefined;
    const spoilt = inputs.some((input) => input!.tainted);
    const again = inputs.map((input) => input!.tainted ?? input!.data);
    const tainted = spoilt ? of(again, () => {})! : data;
    const found = watched(node, data, tainted, outside);
    if (!spoilt && !found) return { data };
    // Moves give back their input, which others read.
    const marked = found ? tainted.slice() : tainted;
    for (const i of found?.places ?? []) marked[i] = somethingElse(data[i]!, found!.finding.limit);
    return { data, ...found, ...(marked.some((value, i) => differs(value, data[i]!)) ? { tainted: marked } : {}) };
  }

  const overflows = [...into].map(([node, sinks]): Overflow => {
    const { op, type } = nodes[node]!;
    return { node, op, shape: type.shape, near: near(nodes, node), ...findings.get(node)!, into: [...new Set(sinks)] };
  });
  return { revealed, assigned, overflows: overflows.sort((a, b) => a.node - b.node), missing: [...missing] };
}

/** What a word that wrapped around may be: far away and of the other sign, so that comparisons differ, too. */
const somethingElse = (value: number, limit: number): number =>
  value < 0 ? 4 * limit - 2 * value : -4 * limit - 2 * value;
const differs = (x: number, y: number): boolean => !(Math.abs(x - y) <= 2 ** -20 * Math.max(1, Math.abs(y)));

/** The elements that leave the bound or the domain here, and not for what they are made of. */
function watched(
  node: PlanNode,
  data: Reals,
  tainted: Reals,
  outside: ReadonlySet<number>,
): { finding: Finding; places: readonly number[] } | undefined {
  // Moves have passed as what they moved; of bits there is nothing to watch.
  const rule = operator(node.op) as Operator<never>;
  if (node.type.kind === "bits" || (rule.layout && node.op !== "narrow")) return undefined;
  const { bound, scale } = node.type;
  const room = (2 ** bound + tolerance(2 ** bound)) / 2 ** scale;
  const places: number[] = [];
  let [largest, inside] = [0, true];
  for (let i = 0; i < data.length; i++) {
    const magnitude = Math.abs(data[i]!);
    if (magnitude < room && outside.size === 0) continue;
    if (magnitude < room && !outside.has(i)) continue;
    if (tainted !== data && differs(tainted[i]!, data[i]!)) continue;
    places.push(i);
    if (magnitude < room) inside = false;
    if (magnitude > largest) largest = magnitude;
  }
  if (places.length === 0) return undefined;
  const kind = inside ? "bound" : "domain";
  return { places, finding: { kind, largest, limit: 2 ** (bound - scale), count: places.length } };
}

function nameOf({ op, attrs }: PlanNode): string {
  const name = attrs.name ?? attrs.slot ?? attrs.label;
  return name === undefined ? op : `${op} ${String(name)}`;
}

const mostNames = 3;
/** The nearest variables upstream; without any the nearest other sources. */
function near(nodes: readonly PlanNode[], from: number): string[] {
  const found: Record<"variable" | "other", string[]> = { variable: [], other: [] };
  const seen = new Set<number>();
  for (let level = [from]; level.length > 0 && found.variable.length === 0; ) {
    const next: number[] = [];
    for (const id of level) {
      if (seen.has(id)) continue;
      seen.add(id);
      const node = nodes[id]!;
      if (node.op === "variable") found.variable.push(nameOf(node));
      else if (node.op === "dataset" || node.op === "input") found.other.push(nameOf(node));
      next.push(...node.inputs);
    }
    level = next;
  }
  return (found.variable.length > 0 ? found.variable : found.other).slice(0, mostNames);
}
