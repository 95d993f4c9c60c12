/** What a prediction of an imported model costs with each protocol, from the plan that it would be. */
import { type ImportedModel, scratchGraph } from "../src/models/imported.js";
import { type Link, type Plan, planCost, secondsOnLink } from "../src/plan/index.js";
import type { ProtocolDefinition } from "../src/protocol/index.js";
import { size } from "../src/ring/index.js";
import { Tensor } from "../src/tensor/index.js";

export interface PredictionCost {
  readonly protocol: string;
  readonly rounds: number;
  /** What each member sends; a dealer's is the last. */
  readonly bytesPerParty: readonly number[];
  readonly seconds: number;
}

/** All outputs are revealed. `assumed`: domains of functions that no bound proves. */
export async function predictionCosts(
  model: ImportedModel,
  options: { rows: number; fraction: number; definitions: readonly ProtocolDefinition[]; link: Link },
): Promise<{ costs: PredictionCost[]; assumed: string[] }> {
  const plans: Plan[] = [];
  const graph = scratchGraph(options.fraction, async ({ plan }) => void plans.push(plan));
  const inputs = model.inputs.map(({ shape }) => {
    const lengths = shape.map((length) => length ?? options.rows);
    return new Tensor(graph, graph.feed(new Float64Array(size(lengths)), lengths));
  });
  // Never answered: nothing runs.
  for (const output of Object.values(model.all(...inputs))) void graph.reveal(output.ref, { release: "open" });
  await graph.close();
  const plan = plans.at(-1)!;
  const costs = options.definitions.map((definition) => {
    const cost = planCost(plan, definition);
    return {
      protocol: definition.name,
      rounds: cost.rounds,
      bytesPerParty: cost.bytes,
      seconds: secondsOnLink(cost, options.link),
    };
  });
  return { costs, assumed: [...new Set((plan.assumed ?? []).map(({ what }) => what))] };
}
