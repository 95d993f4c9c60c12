/** A small transformer that learns to guess the next letter of a text that Alice has; Bob has the letters that follow. */
import { readFileSync } from "node:fs";
import { data, nn, optim, type Session } from "../../src/index.js";
import { withFirstValues } from "./nets.js";
import { dataFile, type Record, type Shared, type Size, type Task } from "./task.js";

const window = 16;
const width = 64;
const heads = 4;
const layers = 2;
const batch = 32;
/** Letters, and one for everything between words. */
const symbols = 27;

/** One-hot letters [windows, 16, 27], and the letters that follow them. */
export function letters(): { x: Float64Array; y: Float64Array; windows: number } {
  const text = readFileSync(dataFile("declaration.txt"), "utf8")
    .toLowerCase()
    .replace(/[^a-z]+/g, " ");
  const windows = Math.floor((text.length - 1) / window);
  const hot = (from: number) => {
    const values = new Float64Array(windows * window * symbols);
    for (let i = 0; i < windows * window; i++) {
      const letter = text.charCodeAt(i + from);
      values[i * symbols + (letter === 32 ? symbols - 1 : letter - 97)] = 1;
    }
    return values;
  };
  return { x: hot(0), y: hot(1), windows };
}

/** [batch, 16, 27] -> [batch, 27, 16]: a score for each letter that may follow each position. */
export function transformer(): nn.Module {
  const layer = () =>
    nn.transformerEncoderLayer(width, heads, {
      dimFeedforward: 2 * width,
      dropout: 0,
      batchFirst: true,
      normFirst: true,
    });
  const parts = {
    embedding: nn.linear(symbols, width, { bias: false }),
    places: new nn.Parameter([window, width], () => new Float64Array(0)),
    encoder: nn.transformerEncoder(layer, layers, nn.layerNorm(width)),
    out: nn.linear(width, symbols),
  };
  const model = nn.module(parts, (x, { embedding, places, encoder, out }) => {
    const encoded = encoder(embedding(x).add(places.in(x.graph)), { isCausal: true });
    return out(encoded).transpose(0, 2, 1);
  });
  return withFirstValues(model);
}

/** Every tenth window is for testing. */
const isTest = (i: number): boolean => i % 10 === 9;

function shared(size: Size): Shared[] {
  const { x, y, windows } = letters();
  const all = Array.from({ length: windows }, (_, i) => i);
  const each = window * symbols;
  const rows = (from: Float64Array, test: boolean) => {
    const which = all.filter((i) => isTest(i) === test).slice(0, size.rows);
    const values = new Float64Array(which.length * each);
    which.forEach((i, at) => {
      values.set(from.subarray(i * each, (i + 1) * each), at * each);
    });
    return data.rowsOf({ shape: [which.length, window, symbols], values });
  };
  return [
    { name: "alice/text", rows: rows(x, false) },
    { name: "alice/test-text", rows: rows(x, true) },
    { name: "bob/next", rows: rows(y, false) },
    { name: "bob/test-next", rows: rows(y, true) },
  ];
}

async function train(session: Session, size: Size, record: Record): Promise<void> {
  const sets = { x: session.dataset("alice/text"), next: session.dataset("bob/next") };
  const tests = { x: session.dataset("alice/test-text"), next: session.dataset("bob/test-next") };
  const epochs = size.epochs ?? text.epochs;
  const model = transformer();
  const adam = optim.adam(model.parameters(), { lr: 0.005 });
  const rates = optim.polynomialLR(adam, { totalIters: epochs * Math.floor(sets.x.rows / batch) });
  for (let epoch = 0; epoch < epochs; epoch++) {
    // A mean over fewer rows than a batch has would need a grant of its own: owners give none below 32 rows.
    const options = { size: batch, firstEpoch: epoch, shuffle: false, dropLast: true };
    for await (const { x, next, rows } of data.batches(sets, options)) {
      const loss = nn.crossEntropy(model(x), next.transpose(0, 2, 1));
      adam.minimize(loss);
      // A row's loss is the sum over its letters.
      record.loss(data.meanLoss(loss.rows.div(window)).reveal(), rows);
      rates.step();
    }
    const right = model(tests.x.all()).argmax(1).eq(tests.next.all().argmax(2));
    // Pooled over the test rows as a loss is: of each window the share of its letters that are right.
    const mean = data.meanLoss(right.mean(1), { limit: 1 }).reveal();
    // In windows, as the sum that is revealed: the twin's is taken as it is.
    const windows = tests.x.rows;
    await record.hits(
      mean.then((share) => share * windows),
      windows,
    );
  }
}

const text: Task = {
  name: "text",
  title: "a transformer on a text",
  setting:
    "guesses each next letter from up to 16 before it, 27 symbols: 2 layers, d = 64, 4 heads, causal; the Declaration of Independence, 4 epochs in batches of 32, Adam with a rate from 0.005 to 0; tested on every tenth window, 768 letters, of which 0.3 points are two. Always a space would be right in 18 %",
  epochs: 4,
  minRows: 32,
  releases: ["meanLoss"],
  accuracy: { atLeast: 30 },
  shared: async (size) => shared(size),
  train,
};
export const textTasks: readonly Task[] = [text];
