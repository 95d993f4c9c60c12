/**
 * What a driver does for a step before anything is sent: records the forward pass and the loss, differentiates, records the
 * optimizer's updates, encodes the plan and takes its digest. No parties. Once with the tensors, layers and optimizers that users
 * have, and for every training case of the networks as `cases.ts` records it.
 */
import * as nn from "../src/nn/index.js";
import * as optim from "../src/optim/index.js";
import type { Plan } from "../src/plan/index.js";
import { Graph, Tensor } from "../src/tensor/index.js";
import { cases, timedPlan } from "./cases.js";

export interface RecordRow {
  readonly case: string;
  /** Median seconds of a step. */
  readonly seconds: number;
  readonly min: number;
  readonly nodes: number;
  readonly planBytes: number;
}
const [warmUp, repetitions] = [300, 500];
const batch = 128;

export async function* recording(only: string): AsyncIterable<RecordRow> {
  const steps: Record<string, () => () => Plan | Promise<Plan>> = {
    "mlp128 b128 train mse, tensors, momentum": withTensors,
  };
  for (const item of cases.filter(({ trains }) => trains))
    steps[item.name] = () => {
      const [state, fresh] = [item.state(), item.fresh()];
      return () => timedPlan(item, state, fresh);
    };
  for (const [name, prepare] of Object.entries(steps)) {
    if (!name.includes(only)) continue;
    const step = prepare();
    const times: number[] = [];
    let plan = await step();
    for (let i = -warmUp; i < repetitions; i++) {
      const before = performance.now();
      plan = await step();
      if (i >= 0) times.push((performance.now() - before) / 1000);
    }
    times.sort((a, b) => a - b);
    const [seconds, min] = [times[times.length >> 1]!, times[0]!];
    yield { case: `record ${name}`, seconds, min, nodes: plan.nodes.length, planBytes: plan.bytes.length };
  }
}

function withTensors(): () => Promise<Plan> {
  let closed: Plan;
  const graph = new Graph({
    env: { fraction: 20 },
    recipient: "driver",
    async submit({ plan }) {
      closed = plan;
    },
  });
  const rows = (name: string, width: number) => {
    const at = { batch, stride: batch, shuffle: true, epoch: "epoch", position: "position" };
    const attrs = { name, rows: 60_000, rowShape: [width], scale: 20, bound: 21, ...at };
    return new Tensor(graph, graph.recorder.node("dataset", [], attrs));
  };
  const layers = [nn.linear(784, 128), nn.relu(), nn.linear(128, 128), nn.relu(), nn.linear(128, 10)];
  const model = nn.named("model", nn.sequential(...layers));
  const sgd = optim.sgd(model.parameters(), { lr: 0.02, momentum: 0.9 });
  // As in any step but the first: the parties hold all of them.
  for (const variable of [...model.parameters(), ...sgd.state()]) variable.stored = true;
  return async () => {
    const output = model(rows("alice/images", 784));
    sgd.minimize(nn.mseLoss(output, rows("bob/labels", 10), { reduction: "batchMean" }));
    await graph.close();
    return closed;
  };
}
