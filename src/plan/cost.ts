/**
 * What a plan will cost, from the declared costs of its primitives. Not a measurement; `engine/` runs nodes as early as
 * their inputs allow, so the rounds counted here are the rounds that are run.
 */
import { operator } from "../ops/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import { size } from "../ring/index.js";
import type { Plan, PlanCost } from "./plan.js";
import { unprovedBounds } from "./unproved.js";

export function planCost(plan: Plan, definition: ProtocolDefinition): PlanCost {
  const { nodes } = plan;
  /** The round before which node i is done. */
  const finish: number[] = [];
  const bytes = new Array<number>(definition.parties).fill(0);
  const perOperator: Record<string, { nodes: number; bytes: number }> = {};
  let rounds = 0;
  nodes.forEach((node, id) => {
    const types = node.inputs.map((input) => nodes[input]!.type);
    const cost = operator(node.op)!.cost(definition.costs, types, node.attrs as never, node.type, id);
    let start = 0;
    for (const input of node.inputs) start = Math.max(start, finish[input]!);
    finish.push(start + cost.rounds);
    rounds = Math.max(rounds, start + cost.rounds);
    let most = 0;
    cost.bytes.forEach((count, party) => {
      bytes[party]! += count;
      most = Math.max(most, count);
    });
    perOperator[node.op] ??= { nodes: 0, bytes: 0 };
    const row = perOperator[node.op]!;
    row.nodes++;
    row.bytes += most;
  });
  return { rounds, bytes, perOperator, unproved: unprovedBounds(nodes), elements: peak(plan, finish, rounds) };
}

/** Elements of the values that are alive together, at the worst round. */
function peak({ nodes }: Plan, finish: readonly number[], rounds: number): number {
  const last = finish.slice();
  nodes.forEach((node, id) => {
    for (const input of node.inputs) last[input] = Math.max(last[input]!, finish[id]!);
  });
  const change = new Array<number>(rounds + 2).fill(0);
  nodes.forEach(({ type }, id) => {
    change[finish[id]!]! += size(type.shape);
    change[last[id]! + 1]! -= size(type.shape);
  });
  let [alive, most] = [0, 0];
  for (const difference of change) {
    alive += difference;
    most = Math.max(most, alive);
  }
  return most;
}

/** A link between parties, for estimates. */
export interface Link {
  readonly roundTripMs: number;
  readonly megabitsPerSecond: number;
}
/** Seconds that communication alone takes on a link: half a round trip a round, and the largest sender's bytes. */
export function secondsOnLink(cost: PlanCost, link: Link): number {
  return (cost.rounds * link.roundTripMs) / 2000 + (Math.max(...cost.bytes) * 8) / (link.megabitsPerSecond * 1e6);
}
