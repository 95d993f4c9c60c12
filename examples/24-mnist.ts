/**
 * Encrypted training and evaluation on MNIST: 784-128-64-10 with ReLU, 640 images to train and 640 to test with, batches
 * of 64. `npm start -- --tutorial` does the same in separate processes, beside the same training in the clear.
 */
import { data, local, nn, optim } from "secretgrad";
import { images, labels } from "./support/mnist.js";
import { args, protocol } from "./support/protocol.js";

const epochs = Number(args[0] ?? 10);
const session = await local({ protocol, insecure: true });
await session.share("alice/images", await images("train", 0, 640));
await session.share("bob/labels", data.oneHot(10)(await labels("train", 0, 640)));
await session.share("alice/test-images", await images("t10k", 0, 640));
await session.share("bob/test-labels", await labels("t10k", 0, 640), { format: "integer" });

const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 64), nn.relu(), nn.linear(64, 10));
const sgd = optim.sgd(model.parameters(), { lr: 0.02 });
const rows = { images: session.dataset("alice/images"), labels: session.dataset("bob/labels") };

for (let epoch = 1; epoch <= epochs; epoch++) {
  for await (const batch of data.batches(rows, { size: 64, firstEpoch: epoch }))
    sgd.minimize(nn.mseLoss(model(batch.images), batch.labels, { reduction: "batchMean" }));

  const predicted = model(session.dataset("alice/test-images").all()).argmax(1);
  const right = await data.count(predicted.eq(session.dataset("bob/test-labels").all())).reveal();
  console.log(`epoch ${epoch}: ${((100 * right) / 640).toFixed(1)} % of the test images`);
}
await session.close();
