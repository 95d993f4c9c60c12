/**
 * A network that was trained in PyTorch and exported as ONNX: its weights are shared, it reads secret images as it did in the clear,
 * and it learns further, on images that it cannot read: black on white.
 */
import { readFile } from "node:fs/promises";
import { data, local, nn, optim } from "secretgrad";
import { importOnnx } from "secretgrad/models";
import { labels, pixels } from "./support/mnist.js";
import { protocol } from "./support/protocol.js";

const file = new URL("../test/fixtures/models/digits-cnn-opset13.onnx", import.meta.url);
const model = importOnnx(await readFile(file));
for (const { type, name, shape, parameters } of model.summary().layers)
  console.log(`${type.padEnd(8)} ${name.padEnd(12)} [${shape}]${parameters > 0 ? `, ${parameters} weights` : ""}`);

const session = await local({ protocol, insecure: true });
const asImages = data.reshape(1, 28, 28);
const inverted = async (split: "train" | "t10k", count: number) =>
  data.transform(await pixels(split, 0, count), data.scale(-1), data.normalize(-1, 1), asImages);
await session.share("alice/test", asImages(await pixels("t10k", 0, 200)));
await session.share("alice/inverted", await inverted("t10k", 200));
await session.share("alice/train", await inverted("train", 800));
await session.share("bob/test", data.oneHot(10)(await labels("t10k", 0, 200)));
await session.share("bob/train", data.oneHot(10)(await labels("train", 0, 800)));
const set = (name: string) => session.dataset(name);

console.log("\nPyTorch read the first test images as 7 2 1");
const classes = await model(set("alice/test").all().slice(0, 3)).argmax(1).reveal();
console.log(`on shares they are read as: ${[...classes.data].join(" ")}`);

async function hits(): Promise<number> {
  const right = model.eval()(set("alice/inverted").all()).argmax(1).eq(set("bob/test").all().argmax(1));
  return await data.count(right).reveal();
}
console.log(`\nof inverted images ${await hits()} of 200 are read correctly`);
const sgd = optim.sgd(model.train().parameters(), { lr: 0.05, momentum: 0.9 });
for await (const batch of data.batches({ x: set("alice/train"), y: set("bob/train") }, { size: 50 }))
  sgd.minimize(nn.crossEntropy(model(batch.x), batch.y));
console.log(`after further training ${await hits()} of 200`);
await session.close();
