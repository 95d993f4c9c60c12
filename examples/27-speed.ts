/**
 * How long a batch of 64 takes: training and prediction, with ReLU and with the square as activation, and the same code
 * on plain numbers. All parties share this process; `npm run bench` measures them in processes of their own.
 */
import { data, local, nn, optim, type Tensor } from "secretgrad";
import { images, labels } from "./support/mnist.js";
import { args, protocol } from "./support/protocol.js";

const batchSize = 64;
const repeats = Number(args[0] ?? 10);

for (const each of [protocol, "plain"] as const)
  for (const activation of ["relu", "square"] as const) {
    const session = await local({ protocol: each, insecure: true });
    await session.share("alice/images", await images("train", 0, 640));
    await session.share("bob/labels", data.oneHot(10)(await labels("train", 0, 640)));
    const between = nn.module({}, (x: Tensor) => (activation === "relu" ? x.relu() : x.square()));
    const model = nn.sequential(nn.linear(784, 128), between, nn.linear(128, 64), between, nn.linear(64, 10));
    const sgd = optim.sgd(model.parameters(), { lr: 0.001 });
    const rows = { images: session.dataset("alice/images"), labels: session.dataset("bob/labels") };

    const training: number[] = [];
    for await (const batch of data.batches(rows, { size: batchSize, epochs: Math.ceil(repeats / 10) })) {
      const began = performance.now();
      const loss = nn.mseLoss(model(batch.images), batch.labels, { reduction: "batchMean" });
      sgd.minimize(loss);
      await data.meanLoss(loss).reveal();
      training.push(performance.now() - began);
    }
    const predicting: number[] = [];
    for (let i = 0; i < 5; i++) {
      const began = performance.now();
      const batch = rows.images.batch({ batch: batchSize, stride: batchSize, shuffle: false, epoch: 0, position: 0 });
      await model(batch).argmax(1).reveal();
      predicting.push(performance.now() - began);
    }
    const what = `${session.protocol.padEnd(10)} ${activation.padEnd(6)}`;
    console.log(
      `${what}  ${median(training).toFixed(1)} ms per training batch, ${(median(predicting) / batchSize).toFixed(2)} ms per item predicted`,
    );
    await session.close();
  }

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
