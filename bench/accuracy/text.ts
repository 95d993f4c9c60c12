/**
 * A small transformer that learns to guess the next letter of a text. The text is the driver's own, shared with each step: a
 * model that mixes the positions of a row cannot be released under the owners' rules yet.
 */
import { readFileSync } from "node:fs";
import { nn, optim, type Session } from "../../src/index.js";
import { withFirstValues } from "./nets.js";
import { dataFile, type Record, type Size, type Task } from "./task.js";

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
    const [rows] = x.shape as [number];
    const embedded = embedding(x.reshape(rows * window, symbols)).reshape(rows, window, width);
    const encoded = encoder(embedded.add(places.in(x.graph)), { isCausal: true });
    return out(encoded.reshape(rows * window, width))
      .reshape(rows, window, symbols)
      .transpose(0, 2, 1);
  });
  return withFirstValues(model);
}

/** Every tenth window is for testing. */
const isTest = (i: number): boolean => i % 10 === 9;

async function train(session: Session, size: Size, record: Record): Promise<void> {
  const { x, y, windows } = letters();
  const all = Array.from({ length: windows }, (_, i) => i);
  const [own, tests] = [all.filter((i) => !isTest(i)).slice(0, size.rows), all.filter(isTest).slice(0, size.rows)];
  const given = (from: Float64Array, which: readonly number[]) => {
    const each = window * symbols;
    const values = new Float64Array(which.length * each);
    which.forEach((i, at) => {
      values.set(from.subarray(i * each, (i + 1) * each), at * each);
    });
    return session.secret(values, [which.length, window, symbols]);
  };
  const epochs = size.epochs ?? text.epochs;
  const model = transformer();
  const adam = optim.adam(model.parameters(), { lr: 0.005 });
  const rates = optim.polynomialLR(adam, { totalIters: epochs * Math.ceil(own.length / batch) });
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let at = 0; at < own.length; at += batch) {
      const some = own.slice(at, at + batch);
      const loss = nn.crossEntropy(model(given(x, some)), given(y, some).transpose(0, 2, 1));
      adam.minimize(loss);
      await record.values(loss.reveal(), "loss");
      rates.step();
    }
    const scores = model(given(x, tests));
    const right = scores.argmax(1).eq(given(y, tests).transpose(0, 2, 1).argmax(1));
    // The driver's own letters: it may see the sum.
    await record.hits(
      right
        .sum()
        .reveal()
        .then((sum) => sum.item()),
      tests.length * window,
    );
  }
}

const text: Task = {
  name: "text",
  title: "a transformer on a text",
  setting:
    "guesses each next letter from up to 16 before it, 27 symbols: 2 layers, d = 64, 4 heads, causal; the Declaration of Independence, 4 epochs in batches of 32, Adam with a rate from 0.005 to 0; tested on every tenth window. Always a space would be right in 18 %",
  epochs: 4,
  minRows: 1,
  releases: [],
  accuracy: { atLeast: 30 },
  shared: async () => [],
  train,
};
export const textTasks: readonly Task[] = [text];
