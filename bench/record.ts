/**
 * What a driver does for a step before anything is sent: records the forward pass and the loss, differentiates, records the
 * optimizer's updates, encodes the plan and takes its digest. With the tensors, layers and optimizers that users have; no parties.
 */
import * as nn from "../src/nn/index.js";
import * as optim from "../src/optim/index.js";
import type { Plan } from "../src/plan/index.js";
import { Graph, Tensor } from "../src/tensor/index.js";

export interface RecordRow {
  readonly case: string;
  /** Median seconds of a step. */
  readonly seconds: number;
  readonly min: number;
  readonly nodes: number;
  readonly planBytes: number;
}
interface Step {
  readonly name: string;
  readonly model: () => nn.Module;
  readonly input: readonly number[];
  readonly loss: (output: Tensor, labels: Tensor) => Tensor;
}

const batchMean = (output: Tensor, labels: Tensor) => nn.mseLoss(output, labels, { reduction: "batchMean" });
const steps: readonly Step[] = [
  {
    name: "record mlp128 b128 train mse",
    model: () => nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 128), nn.relu(), nn.linear(128, 10)),
    input: [784],
    loss: batchMean,
  },
];
const batch = 128;
const warmUp = 300;
const repetitions = 500;

export async function* recording(only: string): AsyncIterable<RecordRow> {
  for (const step of steps.filter(({ name }) => name.includes(only))) {
    const plans: Plan[] = [];
    const graph = new Graph({
      env: { fraction: 20 },
      recipient: "driver",
      async submit({ plan }) {
        plans[0] = plan;
      },
    });
    const rows = (name: string, rowShape: readonly number[]) => {
      const at = { batch, stride: batch, shuffle: true, epoch: "epoch", position: "position" };
      const attrs = { name, rows: 60_000, rowShape, scale: 20, bound: 21, ...at };
      return new Tensor(graph, graph.recorder.node("dataset", [], attrs));
    };
    const model = nn.named("model", step.model());
    const sgd = optim.sgd(model.parameters(), { lr: 0.02, momentum: 0.9 });
    // As in any step but the first: the parties hold all of them.
    for (const variable of [...model.parameters(), ...sgd.state()]) variable.stored = true;
    const times: number[] = [];
    for (let i = -warmUp; i < repetitions; i++) {
      const before = performance.now();
      sgd.minimize(step.loss(model(rows("alice/images", step.input)), rows("bob/labels", [10])));
      await graph.close();
      if (i >= 0) times.push((performance.now() - before) / 1000);
    }
    times.sort((a, b) => a - b);
    const { nodes, bytes } = plans[0]!;
    const [seconds, min] = [times[times.length >> 1]!, times[0]!];
    yield { case: step.name, seconds, min, nodes: nodes.length, planBytes: bytes.length };
  }
}
