/** Plans that tests of recording, decoding and evaluation share: a training step, and one with every operator. */
import { softmax } from "../../src/functions/index.js";
import * as build from "../../src/ops/build.js";
import { conv2d } from "../../src/ops/convolutions.js";
import { max } from "../../src/ops/extremes.js";
import { encodeIndex } from "../../src/ops/gather.js";
import type { Ref } from "../../src/ops/index.js";
import { maxPool2d } from "../../src/ops/max-pooling.js";
import { avgPool2d } from "../../src/ops/pooling.js";
import { flip, indexSelect } from "../../src/ops/rearrange.js";
import { sort } from "../../src/ops/sorting.js";
import { differentiate, Recorder } from "../../src/plan/index.js";

export interface StepOptions {
  readonly widths?: readonly number[];
  readonly batch?: number;
  readonly rows?: number;
  readonly fraction?: number;
  readonly integerBits?: number;
}
export const mnist: StepOptions = { widths: [784, 128, 64, 10], batch: 128, rows: 60_000 };
export const small: StepOptions = { widths: [5, 7, 3], batch: 4, rows: 12 };

/** Forward, mean squared error, backward, SGD, and the loss released: what one step of training records. */
export function trainStep(options: StepOptions = {}): Recorder {
  const { widths = [5, 7, 3], batch = 4, rows = 12, fraction = 20, integerBits = 15 } = options;
  const b = new Recorder({ fraction, integerBits });
  const at = { batch, stride: batch, shuffle: true, epoch: "epoch", position: "position" };
  const dataset = (name: string, width: number) =>
    b.node("dataset", [], { name, rows, rowShape: [width], scale: fraction, bound: fraction + 1, ...at });
  const variable = (name: string, shape: number[]) =>
    b.node("variable", [], { name, shape, scale: fraction, bound: fraction + integerBits });
  let x = dataset("alice/images", widths[0]!);
  const target = dataset("bob/labels", widths.at(-1)!);
  const parameters: [string, Ref][] = [];
  for (let i = 0; i + 1 < widths.length; i++) {
    const weight = variable(`w${i}`, [widths[i + 1]!, widths[i]!]);
    const bias = variable(`b${i}`, [widths[i + 1]!]);
    parameters.push([`w${i}`, weight], [`b${i}`, bias]);
    x = build.add(b, build.matmul(b, x, build.transpose(b, weight)), bias);
    if (i + 2 < widths.length) x = build.relu(b, x);
  }
  const losses = build.sum(b, build.square(b, build.sub(b, x, target)), [1]);
  const loss = build.divPublic(b, build.sum(b, losses), batch * widths.at(-1)!);
  const gradients = differentiate(
    b,
    loss,
    parameters.map(([, ref]) => ref),
  );
  const rate = b.node("scalar", [], { slot: "lr", exponent: 15 });
  parameters.forEach(([name, ref], i) => {
    const updated = build.share(b, build.sub(b, ref, build.mul(b, gradients[i]!, rate)));
    b.node("assign", [updated], { name });
  });
  const limit = 16 * 2 ** fraction;
  const recipients = ["driver"];
  b.node("reveal", [build.share(b, losses)], { label: "loss", release: "meanLoss", recipients, limit });
  return b;
}

/** Convolution, pooling, and elements in other places. */
function layers(b: Recorder, mine: Ref): Ref {
  const filters = b.node("variable", [], { name: "filters", shape: [2, 1, 2, 2], scale: 16, bound: 31 });
  const maps = conv2d(b, build.reshape(b, mine, [1, 1, 2, 3]), filters, undefined, { padding: 1 });
  const means = avgPool2d(b, maps, 2, { stride: 1 });
  const largest = maxPool2d(b, means, 2, { stride: [2, 1] });
  const [gradient] = differentiate(b, build.sum(b, build.square(b, largest)), [filters]);
  const products = build.matmul(b, build.reshape(b, gradient!, [2, 2, 2]), build.reshape(b, means, [2, 2, 3]));
  const moved = indexSelect(b, flip(b, products, [1]), 2, [2, 0, 2]);
  return b.node("scatterAdd", [moved], { axis: 1, index: encodeIndex([1, 1]), length: 3 });
}

/** Every operator of the table at least once. */
export function everything(): Recorder {
  const fraction = 16;
  const b = new Recorder({ fraction });
  const at = { batch: 4, stride: 4, shuffle: false, epoch: "epoch", position: "position" };
  const rows = b.node("dataset", [], { name: "a/x", rows: 9, rowShape: [6], scale: fraction, bound: 20, ...at });
  const mine = b.node("input", [], { slot: "mine", shape: [2, 3], scale: fraction, bound: 30 });
  const w = b.node("variable", [], { name: "w", shape: [6, 2], scale: fraction, bound: 31 });
  const rate = b.node("scalar", [], { slot: "rate", exponent: 9 });
  const table = build.constant(b, [0.5, -1.25, 3, 0, 2, -7.5], [2, 3], 4);
  const scores = build.matmul(b, rows, w);
  const bits = build.less(b, build.slice(b, scores, 1, 0, 1), build.slice(b, scores, 1, 1, 2));
  const count = build.reshape(b, bits, [4]);
  b.node("reveal", [count], { label: "count", release: "count", recipients: ["d", "e"] });
  const squares = build.share(b, build.sum(b, build.square(b, scores), [1]));
  const recipients = ["d"];
  b.node("reveal", [squares], { label: "loss", release: "meanLoss", recipients, limit: 64 * 2 ** fraction });
  const largest = max(b, build.mul(b, mine, table), 1);
  const [most, argmax] = [largest.value, largest.position()];
  const same = build.equal(b, argmax, build.constant(b, 1, [], 0));
  const either = b.node("xor", [same, b.node("and", [same, build.not(b, build.isNegative(b, most))])]);
  const moved = b.node(
    "broadcast",
    [b.node("pad", [build.reshape(b, either, [1, 2])], { axis: 0, before: 1, after: 2 })],
    {
      shape: [3, 4, 2],
    },
  );
  const joinedBits = build.concat(
    b,
    [build.slice(b, build.transpose(b, moved), 1, 1, 2), build.reshape(b, either, [2, 1, 1])],
    2,
  );
  b.node("reveal", [build.share(b, joinedBits)], { label: "bits", release: "open", recipients: ["d"] });
  const chosen = build.where(b, either, build.mul(b, most, rate), build.neg(b, most));
  const joined = build.concat(
    b,
    [build.reshape(b, chosen, [2, 1]), build.transpose(b, mine)].map((x) =>
      build.reshape(b, x, [x.type.shape[0]! * x.type.shape[1]!, 1]),
    ),
    0,
  );
  const padded = b.node("pad", [build.relu(b, joined)], { axis: 0, before: 1, after: 2 });
  const twice = b.node("reshare", [b.node("lift", [padded])]);
  b.node("reveal", [twice], { label: "open", release: "open", recipients: ["d"] });
  const sorted = sort(b, mine, 1);
  b.node("reveal", [sorted.values], { label: "sorted", release: "open", recipients });
  const low = b.node("reshare", [b.node("lowBits", [build.share(b, sorted.indices())], { count: 3 })]);
  b.node("reveal", [low], { label: "low", release: "open", recipients });
  b.node("reveal", [softmax(b, mine, 1)], { label: "softmax", release: "open", recipients });
  const narrow = b.node("narrow", [build.neg(b, most)], { bound: 22 });
  const high = { width: 22, signed: true, rows: 1, low: [1, 2, 3, 4, 5, 6, 7], high: [0, 8, 16] };
  // Of two rows of `octaves` only the product has a meaning.
  const octaves = b.node("octaves", [most], { factor: 2 ** 40, top: 4 });
  const sides = b.node("truncate", [octaves], { shift: 32, bound: 33 });
  const functions = [
    b.node("leading", [narrow], high),
    b.node("mul", [build.slice(b, sides, 0, 0, 1), build.slice(b, sides, 0, 1, 2)]),
    b.node("waves", [most], { factor: 2 ** 41, by: 2, bits: 20, cos: [2 ** 20, 0], sin: [0, -(2 ** 19)] }),
  ];
  for (const [i, ref] of functions.entries())
    b.node("reveal", [build.share(b, ref)], { label: `function${i}`, release: "open", recipients });
  b.node("reveal", [build.share(b, layers(b, mine))], { label: "layers", release: "open", recipients });
  const mean = build.mean(
    b,
    build.sub(b, build.cumsum(b, rows, 1), build.broadcastTo(b, build.sum(b, rows, [0], true), [4, 6])),
    [0],
  );
  const shifted = build.add(b, mean, build.mul(b, build.sum(b, either), build.constant(b, 0.25, [], 2)));
  const mask = b.node("bernoulli", [], { shape: [6], keep: 30_000, index: 0 });
  b.node("assign", [build.share(b, build.mul(b, shifted, mask))], { name: "mean" });
  return b;
}
