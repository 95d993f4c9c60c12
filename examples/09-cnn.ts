/**
 * An encrypted convolutional network: two convolutions, pooling by maximum, dropout and two linear layers, trained on ten secret
 * images of MNIST for three epochs. The parties draw the masks of dropout together, new ones for each step.
 */
import { data, local, nn, optim } from "secretgrad";
import { images, labels } from "./support/mnist.js";
import { protocol } from "./support/protocol.js";

const session = await local({ protocol, insecure: true });
await session.share("alice/images", data.reshape(1, 28, 28)(await images("train", 0, 10)));
await session.share("bob/labels", data.oneHot(10)(await labels("train", 0, 10)));
const rows = { images: session.dataset("alice/images"), labels: session.dataset("bob/labels") };

const model = nn.sequential(
  ...[nn.conv2d(1, 32, 3), nn.relu(), nn.conv2d(32, 64, 3), nn.relu(), nn.maxPool2d(2), nn.dropout(0.25), nn.flatten()],
  ...[nn.linear(9216, 128), nn.relu(), nn.dropout(0.5), nn.linear(128, 10)],
);
const sgd = optim.sgd(model.parameters(), { lr: 0.02 });

for await (const batch of data.batches(rows, { size: 10, epochs: 3 })) {
  const loss = nn.crossEntropy(model(batch.images), batch.labels);
  sgd.minimize(loss);
  console.log(`epoch ${batch.epoch + 1}: loss ${(await data.meanLoss(loss).reveal()).toFixed(4)}`);
}

model.eval();
const right = model(rows.images.all()).argmax(1).eq(rows.labels.all().argmax(1));
console.log(`${await data.count(right).reveal()} of its 10 training images are read correctly.`);
await session.close();
