/**
 * Encrypted logistic regression: 784-10 with cross-entropy on 100 images of MNIST, 10 epochs, learning rate 0.05. Alice has the
 * images, Bob the labels; both see the loss of each epoch and nothing else.
 */
import { data, local, nn, optim } from "secretgrad";
import { labels, pixels } from "./support/mnist.js";
import { protocol } from "./support/protocol.js";

const session = await local({ protocol, insecure: true });
await session.share("alice/images", await pixels("train", 0, 100));
await session.share("bob/labels", data.oneHot(10)(await labels("train", 0, 100)));
const rows = { images: session.dataset("alice/images"), labels: session.dataset("bob/labels") };

const model = nn.linear(784, 10);
const sgd = optim.sgd(model.parameters(), { lr: 0.05 });

for await (const batch of data.batches(rows, { size: 100, epochs: 10 })) {
  const loss = nn.crossEntropy(model(batch.images), batch.labels);
  sgd.minimize(loss);
  console.log(`epoch ${batch.epoch + 1}: loss ${(await data.meanLoss(loss).reveal()).toFixed(4)}`);
}

const right = model(rows.images.all()).argmax(1).eq(rows.labels.all().argmax(1));
console.log(`${await data.count(right).reveal()} of its 100 training images are read correctly.`);
await session.close();
