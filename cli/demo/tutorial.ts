/**
 * `npm start -- --tutorial`: the MNIST training that PySyft's tutorial made famous, with the same numbers (640 images,
 * batches of 64, ten epochs), and beside it the same training in the clear from the same initial weights.
 */
import colors from "picocolors";
import { connect, data, nn, optim } from "../../src/index.js";
import { type Output, secondsText } from "../output.js";
import { ClearMlp } from "./clear.js";
import type { DemoCluster } from "./cluster.js";
import { Costs } from "./costs.js";
import { round, shareAll, whatNext } from "./demo.js";
import { layers, mnist } from "./mnist.js";
import { initialWeights } from "./weights.js";

export const rows = 640;
const batchSize = 64;
const epochs = 10;
const lr = 0.02;

export async function tutorial(cluster: DemoCluster, out: Output, started: number): Promise<void> {
  await shareAll(cluster, rows, out);
  const initial = initialWeights(layers);
  const clear = await clearTwin(initial);

  const costs = new Costs(cluster);
  const session = await connect(cluster.clusterFile, { waitForGrantsMs: 30_000, onRun: (report) => costs.add(report) });
  const images = session.dataset("alice/images");
  const labels = session.dataset("bob/labels");
  const testImages = session.dataset("alice/test-images");
  const testLabels = session.dataset("bob/test-labels");

  const [inputs, first, second, outputs] = layers;
  const fc1 = nn.linear(inputs, first);
  const fc2 = nn.linear(first, second);
  const fc3 = nn.linear(second, outputs);
  const model = nn.module({ fc1, fc2, fc3 }, (x, net) => net.fc3(net.fc2(net.fc1(x).relu()).relu()));
  model.loadStateDict(initial);
  const sgd = optim.sgd(model.parameters(), { lr });

  out.line();
  out.line("epoch   secret   in the clear   seconds per batch");
  let accuracy = 0;
  let secondsPerBatch = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const began = performance.now();
    let batches = 0;
    for await (const batch of data.batches({ images, labels }, { size: batchSize, shuffle: false })) {
      sgd.minimize(nn.mseLoss(model(batch.images), batch.labels, { reduction: "batchMean" }));
      batches++;
    }
    await session.flush();
    secondsPerBatch = (performance.now() - began) / 1000 / batches;
    const right = model(testImages.all()).argmax(1).eq(testLabels.all());
    accuracy = round((100 * (await data.count(right).reveal())) / rows, 2);
    const clearAccuracy = clear.epoch();
    out.object({ epoch, accuracy, clearAccuracy, secondsPerBatch: round(secondsPerBatch, 4) });
    const columns = [
      String(epoch).padStart(5),
      `${accuracy.toFixed(1)} %`.padStart(8),
      `${clearAccuracy.toFixed(1)} %`.padStart(14),
    ];
    out.line(`${columns.join(" ")} ${secondsPerBatch.toFixed(3).padStart(19)}`);
  }
  await session.save();
  await session.close();
  const seconds = round((performance.now() - started) / 1000, 1);
  out.object({
    done: true,
    accuracy,
    secondsPerBatch: round(secondsPerBatch, 4),
    ...costs.stepObject(),
    seconds,
  });
  out.line();
  out.line(
    colors.green(
      `The secret run reads ${accuracy} % of ${rows} test images; both runs began with the same weights. All of it took ${secondsText(seconds)}.`,
    ),
  );
  out.line();
  whatNext(cluster, "the number of hits after each epoch", out);
}

/** The same training on the numbers themselves. */
async function clearTwin(initial: Readonly<Record<string, Float64Array>>): Promise<{ epoch(): number }> {
  const read = async (part: "train images" | "train labels" | "test images" | "test labels", size: number) => {
    const source = await mnist(part, rows);
    const values = new Float64Array(rows * size);
    await source.read(0, rows, values);
    return values;
  };
  const [images, labels] = [await read("train images", layers[0]), await read("train labels", 1)];
  const [testImages, testLabels] = [await read("test images", layers[0]), await read("test labels", 1)];
  const targets = new Float64Array(rows * 10);
  labels.forEach((label, row) => {
    targets[row * 10 + label] = 1;
  });
  const net = new ClearMlp(
    ["fc1", "fc2", "fc3"].map((name, i) => ({
      inputs: layers[i]!,
      outputs: layers[i + 1]!,
      weight: initial[`${name}.weight`]!.slice(),
      bias: initial[`${name}.bias`]!.slice(),
    })),
  );
  return {
    epoch() {
      for (let at = 0; at < rows; at += batchSize) {
        const x = images.subarray(at * layers[0], (at + batchSize) * layers[0]);
        net.step(x, targets.subarray(at * 10, (at + batchSize) * 10), batchSize, { lr });
      }
      return round((100 * net.correct(testImages, testLabels, rows)) / rows, 2);
    },
  };
}
