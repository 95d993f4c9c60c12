/**
 * A Keras network is shared and trained further on images and labels that stay secret: on faint images, of a tenth of the brightness
 * that it knows. Its probabilities come out of an encrypted softmax.
 */
import { readFile } from "node:fs/promises";
import { data, local, nn, optim } from "secretgrad";
import { importKeras } from "secretgrad/models";
import { labels, pixels } from "./support/mnist.js";
import { protocol } from "./support/protocol.js";

const file = new URL("../test/fixtures/models/keras2-digits.h5", import.meta.url);
const keras = importKeras(await readFile(file));
const model = nn.sequential(keras, nn.softmax(1));

const session = await local({ protocol, insecure: true });
// Keras has the channel last.
const asImages = data.reshape(28, 28, 1);
const faint = async (split: "train" | "t10k", count: number) =>
  data.transform(await pixels(split, 0, count), data.scale(0.1), asImages);
await session.share("alice/test", asImages(await pixels("t10k", 0, 3)));
await session.share("alice/faint", await faint("t10k", 200));
await session.share("alice/train", await faint("train", 800));
await session.share("bob/test", data.oneHot(10)(await labels("t10k", 0, 200)));
await session.share("bob/train", data.oneHot(10)(await labels("train", 0, 800)));
const set = (name: string) => session.dataset(name);

const probabilities = await model(set("alice/test").all()).reveal();
for (let row = 0; row < 3; row++) {
  const ten = [...probabilities.data.subarray(10 * row, 10 * row + 10)];
  const digit = ten.indexOf(Math.max(...ten));
  console.log(
    `${digit} with probability ${ten[digit]!.toFixed(3)}; all ten together ${ten.reduce((a, b) => a + b).toFixed(3)}`,
  );
}

const tests = { x: set("alice/faint"), y: set("bob/test") };
async function hits(): Promise<number> {
  return await data.count(keras.eval()(tests.x.all()).argmax(1).eq(tests.y.all().argmax(1))).reveal();
}
console.log(`\nof faint images ${await hits()} of 200 are read correctly`);
const adam = optim.adam(keras.train().parameters(), { lr: 0.002 });
for await (const { x, y } of data.batches({ x: set("alice/train"), y: set("bob/train") }, { size: 50 }))
  adam.minimize(nn.crossEntropy(keras(x), y));
console.log(`after training ${await hits()} of 200`);
await session.close();
