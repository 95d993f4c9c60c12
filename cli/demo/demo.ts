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
import { stopSignal } from "../stop.js";
import { type DemoCluster, protocols, startDemoCluster } from "./cluster.js";
import { Costs } from "./costs.js";
import { layers } from "./mnist.js";
import { type Show, servedModel, startShow } from "./show.js";

export interface DemoOptions {
  readonly protocol: keyof typeof protocols;
  readonly tutorial: boolean;
  /** Of the training images and of the test images; undefined: all. */
  readonly count: number | undefined;
  /** Shows the run on a page and serves the model to it until Ctrl-C; undefined: ends by itself. */
  readonly page: { readonly port: number } | undefined;
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
  const cluster = await startDemoCluster(chosen, options.page && servedModel);
  const interrupted = (): void => {
    void cluster
      .stop()
      .then(() => rm(cluster.directory, { recursive: true, force: true }))
      .finally(() => process.exit(130));
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  let show: Show | undefined;
  try {
    const dealing = cluster.dealer === undefined ? "" : ` and the dealer ${cluster.dealer}`;
    out.line(`${cluster.parties.join(", ")}${dealing} run as ${inWords(parties)} processes and speak mutual TLS 1.3.`);
    out.line(chosen.definition.protects);
    if (options.page) {
      show = await startShow(cluster, chosen.definition, options.page.port);
      out.object({ page: show.url });
      out.line(`Watch it at ${colors.cyan(show.url)}`);
    }
    const { tutorial } = await import("./tutorial.js");
    if (options.tutorial) await tutorial(cluster, out, started);
    else await mainJob(cluster, options.count, out, started, show);
    await cluster.stopOwners();
    if (!options.keep) await removeData(cluster);
    if (show) {
      process.removeListener("SIGINT", interrupted).removeListener("SIGTERM", interrupted);
      const stopped = stopSignal();
      out.object({ serving: show.url });
      out.line();
      out.line(colors.bold(`Draw a digit and ask the model: ${colors.cyan(show.url)}`));
      out.line("The parties serve it until Ctrl-C. (`npm start -- --no-page` ends by itself.)");
      await stopped;
      await show.close();
    }
  } catch (error) {
    show?.failed(error);
    await show?.close();
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
/** While somebody watches, one of so many steps is measured by operator. */
const profileEvery = 5;
/** How often the accuracy is looked at while somebody watches. */
const lookIns = 8;

async function mainJob(
  cluster: DemoCluster,
  wanted: number | undefined,
  out: Output,
  started: number,
  show: Show | undefined,
): Promise<void> {
  await shareAll(cluster, wanted, out, show);
  const costs = new Costs(cluster);
  /** Without the looks at the accuracy. */
  const trained = new Costs(cluster);
  let looking = false;
  const session = await connect(cluster.clusterFile, {
    waitForGrantsMs: 30_000,
    onRun: (report) => {
      costs.add(report);
      if (looking) return;
      trained.add(report);
      if (report.operators) show?.tell({ type: "operators", runs: trained.measured, operators: trained.operators });
    },
    ...(show ? { profileEvery } : {}),
  });
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
  const testImages = session.dataset("alice/test-images");
  const testLabels = session.dataset("bob/test-labels");
  /** How many of the first test images are read right; the number of hits is all that is revealed. */
  const hits = async (rows: number): Promise<number> => {
    const first = { batch: rows, stride: rows, shuffle: false, epoch: 0, position: 0 };
    return data.count(model(testImages.batch(first)).argmax(1).eq(testLabels.batch(first))).reveal();
  };
  let training = performance.now();
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
          const seconds = (performance.now() - training) / 1000;
          show?.tell({
            ...{ type: "batch", done, of: count, loss: value, seconds },
            ...{ sent: [...trained.bytesByMember], rounds: trained.rounds },
          });
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
    if (show && (batch.index + 1) % Math.ceil(count / lookIns) === 0 && batch.index + 1 < count) {
      // Only where somebody watches; the clock of the training stands still.
      await session.flush();
      looking = true;
      const began = performance.now();
      const rows = Math.min(1000, testImages.rows);
      const percent = round((100 * (await hits(rows))) / rows, 1);
      show.tell({ type: "accuracy", done: batch.index + 1, percent, images: rows });
      training += performance.now() - began;
      looking = false;
    }
  }
  if (!failure) await session.flush();
  if (failure) throw failure;
  const secondsPerBatch = (performance.now() - training) / 1000 / count;
  const all = costs.bytesByMember;
  bar.stop(`Trained one epoch in ${secondsText(secondsPerBatch * count)}; the loss is ${loss.toFixed(3)}`);

  const testing = performance.now();
  const accuracy = (await hits(testImages.rows)) / testImages.rows;
  out.line(
    `Evaluated ${testImages.rows} secret test images in ${secondsText((performance.now() - testing) / 1000)}; only the number of hits was revealed`,
  );
  await session.save();
  const percent = round(100 * accuracy, 2);
  if (show) {
    show.tell({ type: "accuracy", done: count, percent, images: testImages.rows });
    await show.deploy(session, model);
  }
  await session.close();

  const seconds = (performance.now() - started) / 1000;
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
  const answers = show ? ", and to whoever asks on the page, ten scores for what they drew" : "";
  whatNext(cluster, `the mean loss of each batch and the number of hits${answers}`, out);
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
    `  Go on with this model: ${colors.cyan(`npx secretgrad up ${directory}`)}, then connect("${join(directory, "cluster.json")}") and session.resume([...model.parameters(), ...sgd.state()])`,
  );
}

/** Starts the owners and shows how far they are. */
export async function shareAll(
  cluster: DemoCluster,
  count: number | undefined,
  out: Output,
  show?: Show,
): Promise<void> {
  const began = performance.now();
  const total = count === undefined ? 70_000 : 2 * count;
  const bar = await progress("alice shares images, bob their labels, from processes of their own", total, out);
  const rows = new Map<string, number>();
  await cluster.startOwners(count, ({ dataset, rows: done }) => {
    // Images are nearly all of the work.
    if (dataset === undefined || done === undefined || !dataset.startsWith("alice/")) return;
    rows.set(dataset, done);
    const sum = [...rows.values()].reduce((a, b) => a + b, 0);
    show?.tell({ type: "sharing", done: sum, of: total });
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
