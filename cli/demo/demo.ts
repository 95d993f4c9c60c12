/**
 * `npm start`: parties in processes of their own, two owners in processes of theirs, and a driver here, which
 * trains a network on images and labels that neither it nor any party ever sees. Not the tutorial, see tutorial.ts.
 */
import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import colors from "picocolors";
import { connect, data, nn, optim } from "../../src/index.js";
import { chooseProtocol } from "../../src/protocol/index.js";
import { bytesText, type Output, output, progress, secondsText } from "../output.js";
import { type DemoCluster, protocols, startDemoCluster } from "./cluster.js";
import { Costs } from "./costs.js";
import { layers } from "./mnist.js";

export interface DemoOptions {
  readonly protocol: keyof typeof protocols;
  readonly tutorial: boolean;
  /** Of the training images and of the test images; undefined: all. */
  readonly count: number | undefined;
  /** Keeps the shared data, too, not only the model. */
  readonly keep: boolean;
  readonly json: boolean;
}

export async function runDemo(options: DemoOptions): Promise<void> {
  const started = performance.now();
  const out = output(options.json);
  const chosen = chooseProtocol(protocols[options.protocol]);
  const { parties, dealer } = chosen.definition;
  const who = dealer === undefined ? `${inWords(parties)} parties` : `${inWords(parties - 1)} parties and a dealer`;
  const title = `${who} learn to read digits that none of them can see.`;
  out.line(colors.bold(title[0]!.toUpperCase() + title.slice(1)));
  out.line();
  const cluster = await startDemoCluster(chosen);
  const interrupted = (): void => {
    void cluster
      .stop()
      .then(() => rm(cluster.directory, { recursive: true, force: true }))
      .finally(() => process.exit(130));
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    const dealing = cluster.dealer === undefined ? "" : ` and the dealer ${cluster.dealer}`;
    out.line(`${cluster.parties.join(", ")}${dealing} run as ${inWords(parties)} processes and speak mutual TLS 1.3.`);
    out.line(chosen.definition.protects);
    const { tutorial } = await import("./tutorial.js");
    if (options.tutorial) await tutorial(cluster, out, started);
    else await mainJob(cluster, options.count, out, started);
    await cluster.stopOwners();
    if (!options.keep) await removeData(cluster);
  } catch (error) {
    await cluster.stop();
    await rm(cluster.directory, { recursive: true, force: true });
    throw error;
  }
  await cluster.stop();
  await cluster.keepDirectory();
  process.removeListener("SIGINT", interrupted).removeListener("SIGTERM", interrupted);
}

const batchSize = 128;
const fewestRows = 64;
const learningRate = 0.05;
const momentum = 0.9;

async function mainJob(cluster: DemoCluster, wanted: number | undefined, out: Output, started: number): Promise<void> {
  await shareAll(cluster, wanted, out);
  const costs = new Costs(cluster);
  const session = await connect(cluster.clusterFile, { waitForGrantsMs: 30_000, onRun: (report) => costs.add(report) });
  const images = session.dataset("alice/images");
  const labels = session.dataset("bob/labels");
  const model = nn.sequential(
    nn.linear(layers[0], layers[1]),
    nn.relu(),
    nn.linear(layers[1], layers[2]),
    nn.relu(),
    nn.linear(layers[2], layers[3]),
  );
  const sgd = optim.sgd(model.parameters(), { lr: learningRate, momentum });

  // The owners agree to no number of fewer rows.
  const dropLast = images.rows % batchSize < fewestRows;
  const count = dropLast ? Math.floor(images.rows / batchSize) : Math.ceil(images.rows / batchSize);
  const bar = await progress(`Training ${layers.join("-")} on ${images.rows} secret images`, count, out);
  const training = performance.now();
  let done = 0;
  let loss = Number.NaN;
  let failure: unknown;
  for await (const batch of data.batches({ images, labels }, { size: batchSize, dropLast })) {
    const squares = nn.mseLoss(model(batch.images), batch.labels, { reduction: "batchMean" });
    sgd.minimize(squares);
    // Not awaited, so that the parties need not wait for us between two batches.
    data
      .meanLoss(squares)
      .reveal()
      .then(
        (value) => {
          loss = Number.isNaN(loss) ? value : 0.95 * loss + 0.05 * value;
          done++;
          const left = ((performance.now() - training) / done) * (count - done);
          const { rounds, bytes } = costs.step;
          bar.at(
            done,
            `loss ${loss.toFixed(3)}, ${secondsText(left / 1000)} left, ${(bytes / 1e6).toFixed(1)} MB, ${rounds} rounds/batch`,
          );
        },
        (error: unknown) => {
          failure ??= error;
        },
      );
    if (failure) break;
  }
  if (!failure) await session.flush();
  if (failure) throw failure;
  const secondsPerBatch = (performance.now() - training) / 1000 / count;
  const all = costs.bytesByMember;
  bar.stop(`Trained one epoch in ${secondsText(secondsPerBatch * count)}; the loss is ${loss.toFixed(3)}`);

  const testing = performance.now();
  const testImages = session.dataset("alice/test-images");
  const right = model(testImages.all()).argmax(1).eq(session.dataset("bob/test-labels").all());
  const accuracy = (await data.count(right).reveal()) / testImages.rows;
  out.line(
    `Evaluated ${testImages.rows} secret test images in ${secondsText((performance.now() - testing) / 1000)}; only the number of hits was revealed`,
  );
  await session.save();
  await session.close();

  const seconds = (performance.now() - started) / 1000;
  const percent = round(100 * accuracy, 2);
  out.object({ epoch: 1, accuracy: percent, clearAccuracy: null, secondsPerBatch: round(secondsPerBatch, 4) });
  out.object({
    done: true,
    accuracy: percent,
    secondsPerBatch: round(secondsPerBatch, 4),
    ...costs.stepObject(),
    seconds: round(seconds, 1),
  });
  out.line();
  out.line(colors.green(colors.bold(`${percent} % of the test images are read correctly.`)));
  out.line();
  out.line(`A batch of ${batchSize} took ${secondsText(secondsPerBatch)}, ${costs.stepText()}.`);
  out.line(
    `In all, ${cluster.members.map((name, i) => `${name} sent ${bytesText(all[i] ?? 0)}`).join(", ")} in ${costs.rounds} rounds. Everything took ${secondsText(seconds)}.`,
  );
  out.line();
  whatNext(cluster, "the mean loss of each batch and the number of hits", out);
}

export function whatNext({ directory: path, parties, dealer }: DemoCluster, revealed: string, out: Output): void {
  const near = relative(process.cwd(), path);
  const directory = near.startsWith("..") ? path : near;
  out.line(`Revealed: ${revealed}, by grants of alice and bob. Nothing else.`);
  out.line(
    `The model is still secret: ${inWords(parties.length)} encrypted shares in ${parties.map((name) => join(directory, "data", name)).join(", ")}.`,
  );
  out.line();
  out.line("Next:");
  const next = [
    ["npm start -- --tutorial", "a smaller run beside the same training in the clear"],
    dealer === undefined
      ? ["npm start -- --protocol additive", "two parties and a dealer instead of three parties"]
      : ["npm start", "three parties instead, and no dealer"],
    ["npx secretgrad init my", `a cluster of your own; ${colors.cyan("npx secretgrad --help")} for the rest`],
    ["examples/", "short programs to start from"],
  ] as const;
  for (const [start, what] of next) out.line(`  ${colors.cyan(start.padEnd(32))}  ${what}`);
  out.line(
    `  Go on with this model: ${colors.cyan(`npx secretgrad up ${directory}`)}, then connect("${join(directory, "cluster.json")}") and session.resume([...model.parameters(), ...sgd.state()]), as in examples/14-save-and-resume.ts`,
  );
  out.line(`  Done with it? Its keys and shares are all in ${directory}: ${colors.cyan(`rm -r ${directory}`)}`);
}

/** Starts the owners and shows how far they are. */
export async function shareAll(cluster: DemoCluster, count: number | undefined, out: Output): Promise<void> {
  const began = performance.now();
  const total = count === undefined ? 70_000 : 2 * count;
  const bar = await progress("alice shares images, bob their labels, from processes of their own", total, out);
  const rows = new Map<string, number>();
  await cluster.startOwners(count, ({ dataset, rows: done }) => {
    // Images are nearly all of the work.
    if (dataset === undefined || done === undefined || !dataset.startsWith("alice/")) return;
    rows.set(dataset, done);
    const sum = [...rows.values()].reduce((a, b) => a + b, 0);
    bar.at(sum, `${sum} of ${total} images`);
  });
  bar.stop(
    `alice has shared ${total} images and bob their labels in ${secondsText((performance.now() - began) / 1000)}; no party can read them`,
  );
}

const inWords = (count: number): string => ["no", "one", "two", "three", "four"][count] ?? String(count);
export const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** The shares of MNIST are half a gigabyte; the model's are small and stay. */
async function removeData({ clusterFile }: DemoCluster): Promise<void> {
  const { connectOwner } = await import("../../src/index.js");
  const { datasetsOf } = await import("./owner.js");
  for (const name of ["alice", "bob"]) {
    const owner = await connectOwner(clusterFile, { as: name });
    for (const dataset of datasetsOf(name)) await owner.remove(dataset);
    await owner.close();
  }
}
