/**
 * What a plan will cost, from the declared costs of its primitives. Not a measurement; `engine/` runs nodes as early as
 * their inputs allow, in the order that is followed here, so the rounds counted here are the rounds that are run.
 */
import type { Look } from "../ops/index.js";
import type { Cost, CostsBySize, ProtocolDefinition } from "../protocol/index.js";
import { size } from "../ring/index.js";
import { Masks } from "./masks.js";
import { type Plan, type PlanCost, wordBytesOf } from "./plan.js";
import { type Step, stepsOf } from "./stages.js";
import { unprovedBounds } from "./unproved.js";

/** With other than the protocol's own costs: as if it compared in another way. */
export function planCost(plan: Plan, definition: ProtocolDefinition, by: CostsBySize = definition.costs): PlanCost {
  const costs = by(wordBytesOf(plan));
  const { nodes } = plan;
  const steps = stepsOf(plan, costs);
  const bytes = new Array<number>(definition.parties).fill(0);
  const perOperator: Record<string, { nodes: number; bytes: number }> = {};
  const masks = costs.masks && new Masks(nodes, costs.masks);
  const costOf = (id: number, round: number): Cost => {
    const node = steps[id]!;
    const types = node.inputs.map((input) => steps[input]!.type);
    const { rule } = node;
    const attrs = node.attrs as never;
    const own = rule.cost(costs, types, attrs, node.type, id);
    const looks: readonly Look[] = masks && rule.looks ? rule.looks(types, attrs) : [];
    const cost = looks.length > 0 ? masks!.look(id, looks, own, round) : own;
    perOperator[node.op] ??= { nodes: 0, bytes: 0 };
    const row = perOperator[node.op]!;
    let most = 0;
    cost.bytes.forEach((count, party) => {
      bytes[party]! += count;
      most = Math.max(most, count);
    });
    if (id < nodes.length) row.nodes++;
    row.bytes += most;
    return cost;
  };
  /** The round before which node i is done. */
  const finish = schedule(steps, costOf);
  const rounds = finish.reduce((most, round) => Math.max(most, round), 0);
  const { assumed = [] } = plan;
  const elements = peak(steps, finish, rounds);
  return { rounds, bytes, perOperator, unproved: unprovedBounds(nodes, plan.env), assumed, elements };
}

/**
 * The round before which each node is done, where `costOf` is asked in the order in which the engine starts nodes: what became
 * ready together by number, round by round, and after each delivery once more.
 */
function schedule(nodes: readonly Step[], costOf: (id: number, round: number) => Cost): number[] {
  const finish = new Array<number>(nodes.length).fill(0);
  const consumers: number[][] = nodes.map(() => []);
  const waits = nodes.map(({ inputs }, id) => {
    const needs = new Set(inputs);
    for (const input of needs) consumers[input]!.push(id);
    return needs.size;
  });
  /** Nodes that are done before a round. */
  const done: number[][] = [];
  let ready = nodes.map((_, id) => id).filter((id) => waits[id] === 0);
  const complete = (id: number, next: number[]) => {
    for (const consumer of consumers[id]!) if (--waits[consumer]! === 0) next.push(consumer);
  };
  for (let round = 0; round === 0 || round < done.length; round++) {
    for (const id of done[round]?.sort((a, b) => a - b) ?? []) complete(id, ready);
    while (ready.length > 0) {
      const delivered: number[] = [];
      while (ready.length > 0) {
        const next: number[] = [];
        for (const id of ready.sort((a, b) => a - b)) {
          const { rounds, delivery } = costOf(id, round);
          const end = round + rounds;
          finish[id] = end;
          if (end > round) {
            while (done.length <= end) done.push([]);
            done[end]!.push(id);
          } else if (delivery) delivered.push(id);
          else complete(id, next);
        }
        ready = next;
      }
      for (const id of delivered.sort((a, b) => a - b)) complete(id, ready);
    }
  }
  return finish;
}

/** Of an element a party holds up to four words, see PlanCost.elements; of working space just those that are declared. */
const wordsOfElement = 4;

/** Elements of the values that are alive together at the worst round, and the largest working space of a node then. */
function peak(nodes: readonly Step[], finish: readonly number[], rounds: number): number {
  const spaces = new Array<number>(rounds + 2).fill(0);
  nodes.forEach(({ rule, inputs, attrs }, id) => {
    if (!rule.workspace) return;
    const words = rule.workspace(
      inputs.map((input) => nodes[input]!.type),
      attrs as never,
    );
    spaces[finish[id]!] = Math.max(spaces[finish[id]!]!, words);
  });
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
  change.forEach((difference, round) => {
    alive += difference;
    most = Math.max(most, alive + Math.ceil(spaces[round]! / wordsOfElement));
  });
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
