/**
 * What a hostile or mistaken driver must not get: a row through a count, a mean loss or a variable. Every attack is refused
 * while it is recorded and, written past the recorder, while it is decoded.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyError } from "../../src/errors.js";
import * as build from "../../src/ops/build.js";
import { conv2d, convTranspose2d } from "../../src/ops/convolutions.js";
import { max } from "../../src/ops/extremes.js";
import { encodeIndex } from "../../src/ops/gather.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { adaptiveMaxPool2d, maxPool2d } from "../../src/ops/max-pooling.js";
import { adaptiveAvgPool2d, avgPool2d } from "../../src/ops/pooling.js";
import { flip, indexSelect } from "../../src/ops/rearrange.js";
import { median, sort } from "../../src/ops/sorting.js";
import { decodePlan, differentiate, planReveals, Recorder } from "../../src/plan/index.js";
import { Wire } from "./wire.js";

const n = 8;
const at = { batch: n, stride: n, shuffle: true, epoch: "epoch", position: "position" };
const f = 20;
/** n rows of `width` numbers of a dataset. */
const rows = (b: Builder, width: number, change: object = {}): Ref =>
  b.node("dataset", [], { name: "alice/x", rows: 100, rowShape: [width], scale: f, bound: f + 3, ...at, ...change });
/** One number a row. */
const column = (b: Builder, change: object = {}): Ref => build.sum(b, rows(b, 3, change), [1]);
/** n images of 2 channels, 5 x 5. */
const images = (b: Builder): Ref =>
  b.node("dataset", [], {
    ...{ name: "alice/images", rows: 100, rowShape: [2, 5, 5], scale: f, bound: f + 3, ...at },
  });
const other = (b: Builder): Ref => column(b, { name: "bob/y" });
const variable = (b: Builder, shape: number[], name = "w"): Ref =>
  b.node("variable", [], { name, shape, scale: f, bound: f + 15 });
const input = (b: Builder, shape: number[]): Ref =>
  b.node("input", [], { slot: "mine", shape, scale: f, bound: f + 15 });
const constant = (b: Builder, values: number[], shape = [values.length]): Ref => build.constant(b, values, shape, 4);
const mask = (b: Builder): Ref => constant(b, [1, 0, 0, 0, 0, 0, 0, 0]);
const digits = (b: Builder): Ref =>
  constant(
    b,
    Array.from({ length: n }, (_, i) => 2 ** i),
  );
const positive = (b: Builder, x: Ref): Ref => build.not(b, build.isNegative(b, x));

const count = (b: Builder, bits: Ref, label = "c") =>
  b.node("reveal", [bits], { label, release: "count", recipients: ["driver"] });
const meanLoss = (b: Builder, loss: Ref, limit = 16 * 2 ** f, label = "l") =>
  b.node("reveal", [build.share(b, loss)], { label, release: "meanLoss", recipients: ["driver"], limit });
const assign = (b: Builder, value: Ref, name = "v") => b.node("assign", [build.share(b, value)], { name });

const attacks: Record<string, (b: Builder) => void> = {
  // a weighted sum, digits packed into one number
  "count of a weighted sum": (b) => count(b, build.mul(b, column(b), digits(b))),
  "count of digits packed into one number": (b) =>
    count(b, build.sum(b, build.mul(b, positive(b, column(b)), digits(b)))),
  "mean loss with a weight for each row": (b) => meanLoss(b, build.mul(b, column(b), digits(b))),
  "mean loss of a single packed number": (b) =>
    meanLoss(b, build.reshape(b, build.sum(b, build.mul(b, positive(b, column(b)), digits(b))), [1])),
  "mean loss with room for many digits in a row": (b) => meanLoss(b, column(b), 2 ** 40),
  "mean loss at a finer scale than the session's": (b) => {
    const fine = b.node("rescale", [column(b)], { bits: 20 });
    b.node("reveal", [fine], { label: "l", release: "meanLoss", recipients: ["driver"], limit: 2 ** 44 });
  },

  // one row repeated, or picked
  "count of one row, repeated by slices": (b) => {
    const one = build.slice(b, column(b), 0, 0, 1);
    count(b, positive(b, build.concat(b, new Array(n).fill(one), 0)));
  },
  "count of one row, repeated by broadcasting": (b) => {
    const one = build.slice(b, column(b), 0, 0, 1);
    count(b, positive(b, b.node("broadcast", [one], { shape: [n] })));
  },
  "count of one row's bit, repeated by broadcasting": (b) => {
    const one = build.slice(b, positive(b, column(b)), 0, 0, 1);
    count(b, b.node("broadcast", [one], { shape: [n] }));
  },
  "count of one row's bit, repeated by concatenation": (b) => {
    const one = build.slice(b, positive(b, column(b)), 0, 0, 1);
    count(b, build.concat(b, new Array(n).fill(one), 0));
  },
  "count of one row's bit among zeros": (b) => {
    const one = build.slice(b, positive(b, column(b)), 0, 2, 3);
    count(b, b.node("pad", [one], { axis: 0, before: 2, after: n - 3 }));
  },
  "count of bits in another order": (b) => {
    const bits = build.reshape(b, positive(b, rows(b, n)), [n, n]);
    count(b, build.reshape(b, build.slice(b, build.transpose(b, bits), 1, 0, 1), [n]));
  },
  "count of running sums": (b) => count(b, positive(b, build.cumsum(b, column(b), 0))),
  "count of who is the largest": (b) => count(b, max(b, column(b), 0).oneHot()),
  "count of sorted rows": (b) => count(b, positive(b, sort(b, column(b), 0).values)),
  "count of the positions of sorted rows": (b) => {
    count(b, build.equal(b, build.constant(b, 3, [], 0), sort(b, column(b), 0).indices()));
  },
  "count of sums over pairs of rows": (b) => {
    const pairs = b.node("pairDifferences", [column(b)]);
    count(b, positive(b, build.share(b, b.node("pairSums", [pairs]))));
  },
  "the middle row": (b) => assign(b, median(b, column(b), 0).values),
  "count of who beats whom": (b) => {
    const pairs = b.node("pairDifferences", [build.slice(b, column(b), 0, 0, 4)]);
    count(b, build.isNegative(b, pairs));
  },
  "count of one row's features": (b) => {
    const one = build.slice(b, rows(b, n), 0, 0, 1);
    count(b, positive(b, build.reshape(b, one, [n])));
  },
  "count of a batch turned over": (b) => count(b, positive(b, build.sum(b, rows(b, n), [0]))),
  "count of the batch and one row twice": (b) => {
    const all = column(b);
    count(b, positive(b, build.concat(b, [all, build.slice(b, all, 0, 0, 1)], 0)));
  },
  "count after multiplying all rows but one by zero": (b) => count(b, positive(b, build.mul(b, column(b), mask(b)))),
  "count after comparing with a threshold for each row": (b) => count(b, build.less(b, digits(b), column(b))),
  "count after a mask that is padded": (b) => {
    const one = b.node("pad", [constant(b, [1])], { axis: 0, before: 2, after: n - 3 });
    count(b, positive(b, build.mul(b, column(b), one)));
  },
  "count after a mask from slices and concatenation": (b) => {
    const zero = b.node("broadcast", [constant(b, [0])], { shape: [n - 1] });
    const parts = [constant(b, [1]), zero].map((part) => b.node("secret", [part]));
    count(b, positive(b, build.mul(b, column(b), b.node("concat", parts, { axis: 0 }))));
  },
  "count after a mask from a matrix product": (b) => {
    const table = constant(
      b,
      Array.from({ length: 2 * n }, (_, i) => i),
      [n, 2],
    );
    const made = build.reshape(b, b.node("matmul", [table, constant(b, [1, 2], [2, 1])]), [n]);
    count(b, positive(b, build.mul(b, column(b), made)));
  },
  "count after a mask that went through another shape": (b) => {
    const folded = build.reshape(b, build.reshape(b, mask(b), [2, 4]), [n]);
    count(b, positive(b, build.mul(b, column(b), folded)));
  },
  "count after a mask from comparing positions": (b) => {
    const places = b.node("secret", [constant(b, [0, 1, 2, 3, 4, 5, 6, 7])]);
    count(b, b.node("and", [build.equal(b, places, build.constant(b, 3, [], 0)), positive(b, column(b))]));
  },
  "count after a mask that is a variable": (b) => count(b, positive(b, build.mul(b, column(b), variable(b, [n])))),
  "count after a mask that is the driver's input": (b) => count(b, positive(b, build.mul(b, column(b), input(b, [n])))),
  "count of rows chosen by the driver's bits": (b) => {
    const chosen = build.where(b, build.isNegative(b, input(b, [n])), column(b), b.node("secret", [mask(b)]));
    count(b, positive(b, chosen));
  },
  "count after a product with a permutation": (b) => {
    const turn = constant(
      b,
      Array.from({ length: n * n }, (_, i) => (i % n === (Math.floor(i / n) + 1) % n ? 1 : 0)),
      [n, n],
    );
    count(b, positive(b, build.reshape(b, build.matmul(b, turn, build.reshape(b, column(b), [n, 1])), [n])));
  },
  "count where rows meet themselves in another order": (b) => {
    const x = build.reshape(b, column(b), [n, 1]);
    const table = build.sub(
      b,
      b.node("broadcast", [x], { shape: [n, n] }),
      build.transpose(b, b.node("broadcast", [x], { shape: [n, n] })),
    );
    count(b, positive(b, build.reshape(b, build.slice(b, table, 1, 0, 1), [n])));
  },
  "count of model values alone": (b) => count(b, build.isNegative(b, variable(b, [n]))),
  "mean loss of rows that were mixed": (b) => {
    const x = column(b);
    meanLoss(b, build.sub(b, x, build.mean(b, x)));
  },
  "mean loss of a matrix": (b) => meanLoss(b, rows(b, 3)),

  // a row written into weights
  "a row as a variable": (b) => assign(b, build.slice(b, rows(b, 3), 0, 0, 1)),
  "a whole batch as a variable": (b) => assign(b, rows(b, 3)),
  "a single row, summed": (b) => assign(b, build.sum(b, build.slice(b, rows(b, 3), 0, 2, 3), [0])),
  "a single row, padded and summed": (b) => {
    const one = build.slice(b, rows(b, 3), 0, 0, 1);
    assign(b, build.sum(b, b.node("pad", [one], { axis: 0, before: 0, after: 7 }), [0]));
  },
  "a row among rows of zeros, summed": (b) => {
    const x = rows(b, 3);
    const zeros = build.mul(b, build.slice(b, x, 0, 1, n), build.constant(b, 0, [], 0));
    assign(b, build.sum(b, build.concat(b, [build.slice(b, x, 0, 0, 1), zeros], 0), [0]));
  },
  "a batch of one row": (b) => assign(b, build.sum(b, rows(b, 3, { batch: 1 }), [0])),
  "a masked sum": (b) => assign(b, build.sum(b, build.mul(b, rows(b, 3), build.reshape(b, mask(b), [n, 1])), [0])),
  "a product with a mask": (b) => assign(b, build.matmul(b, build.reshape(b, mask(b), [1, n]), rows(b, 3))),
  "a product with a mask on the right": (b) =>
    assign(b, build.matmul(b, build.transpose(b, rows(b, 3)), build.reshape(b, mask(b), [n, 1]))),
  "a product with a secret mask of the driver": (b) => assign(b, build.matmul(b, input(b, [2, n]), rows(b, 3))),
  "the rows along a joined axis": (b) => assign(b, build.sum(b, build.reshape(b, rows(b, 3), [n * 3]), [0])),
  "the largest row": (b) => assign(b, max(b, column(b), 0).value),
  "the position of the largest row": (b) => assign(b, max(b, column(b), 0).position()),
  "a running sum": (b) => assign(b, build.cumsum(b, rows(b, 3), 0)),
  "a row less the mean of all": (b) => {
    const x = rows(b, 3);
    assign(b, build.slice(b, build.sub(b, x, build.mean(b, x, [0], true)), 0, 0, 1));
  },
  "a gradient of a loss on one row": (b) => {
    const w = variable(b, [3, 1]);
    const loss = build.square(b, build.matmul(b, build.slice(b, rows(b, 3), 0, 4, 5), w));
    if (b instanceof Recorder) assign(b, differentiate(b, loss, [w])[0]!);
    else assign(b, build.transpose(b, build.slice(b, rows(b, 3), 0, 4, 5)));
  },

  // rows turned into something else
  "a row picked by its position": (b) => assign(b, build.sum(b, indexSelect(b, rows(b, 3), 0, [4]), [0])),
  "a row picked many times": (b) => count(b, positive(b, indexSelect(b, column(b), 0, new Array(n).fill(4)))),
  "rows added where the driver says": (b) => {
    const index = encodeIndex([0, 1, 1, 1, 1, 1, 1, 1]);
    assign(b, b.node("scatterAdd", [rows(b, 3)], { axis: 0, index, length: 2 }));
  },
  "every eighth row, summed": (b) =>
    assign(b, build.sum(b, b.node("slice", [rows(b, 3)], { axis: 0, start: 0, end: n, step: 8 }), [0])),
  "count where rows meet themselves turned over": (b) => {
    const x = column(b);
    count(b, positive(b, build.mul(b, x, flip(b, x, [0]))));
  },
  "a row among zeros by interior padding": (b) => {
    const one = build.slice(b, rows(b, 3), 0, 0, 1);
    assign(b, build.sum(b, b.node("pad", [one], { axis: 0, before: 0, after: 6, step: 2 }), [0]));
  },
  "a weighted sum by einsum": (b) => assign(b, b.node("einsum", [rows(b, 3), mask(b)], { axes: "ij,i->j" })),
  "a weighted sum by einsum with a secret of the driver": (b) =>
    assign(b, b.node("einsum", [rows(b, 3), input(b, [n])], { axes: "ij,i->j" })),
  "rows along a window's axis": (b) => {
    const image = build.reshape(b, build.transpose(b, rows(b, 3)), [1, 1, 1, 3, n]);
    const filters = constant(b, [1], [1, 1, 1, 1, 1]);
    const given = { stride: [1, 1], dilation: [1, 1], spread: [1, 1], padding: [0, 0], size: [3, n] };
    assign(b, build.sum(b, b.node("convolve", [image, filters], given), [4]));
  },
  "rows as channels, with filters of the driver": (b) => {
    const image = build.reshape(b, rows(b, 3), [1, 1, n, 1, 3]);
    const filters = constant(b, [1, 0, 0, 0, 0, 0, 0, 0], [1, 1, n, 1, 1]);
    const given = { stride: [1, 1], dilation: [1, 1], spread: [1, 1], padding: [0, 0], size: [1, 3] };
    assign(b, b.node("convolve", [image, filters], given));
  },
  "rows as channels, with secret filters of the driver": (b) => {
    const image = build.reshape(b, rows(b, 3), [1, 1, n, 1, 3]);
    const given = { stride: [1, 1], dilation: [1, 1], spread: [1, 1], padding: [0, 0], size: [1, 3] };
    assign(b, b.node("convolve", [image, build.reshape(b, input(b, [n]), [1, 1, n, 1, 1])], given));
  },
  "a window over rows": (b) => {
    const given = { kernel: [1, 1], stride: [8, 1], padding: [0, 0], size: [1, 3] };
    assign(b, build.sum(b, b.node("sumWindows", [rows(b, 3)], given), [0]));
  },
  "a convolution of one row's images": (b) => {
    const w = variable(b, [2, 2, 2, 2]);
    const loss = build.sum(b, build.square(b, conv2d(b, build.slice(b, images(b), 0, 2, 3), w)));
    if (b instanceof Recorder) assign(b, differentiate(b, loss, [w])[0]!);
    else assign(b, build.slice(b, images(b), 0, 2, 3));
  },

  // differences within one plan
  "two sums that differ in one row": (b) => {
    const x = rows(b, 3);
    assign(b, build.sub(b, build.sum(b, x, [0]), build.sum(b, build.slice(b, x, 0, 0, n - 1), [0])));
  },
  "two variables that differ in one row": (b) => {
    const x = rows(b, 3);
    assign(b, build.sum(b, x, [0]));
    assign(b, build.sum(b, build.slice(b, x, 0, 1, n), [0]), "u");
  },
  "two counts that differ in one row": (b) => {
    const x = column(b);
    count(b, positive(b, x));
    count(b, positive(b, build.slice(b, x, 0, 1, n)), "d");
  },
  "a telescoping sum of neighbours": (b) => {
    const x = column(b);
    meanLoss(b, build.sub(b, build.slice(b, x, 0, 0, n - 1), build.slice(b, x, 0, 1, n)));
  },
  "two batches that differ in one row": (b) => {
    count(b, positive(b, column(b)));
    count(b, positive(b, column(b, { batch: n - 1, position: "second" })), "d");
  },
  "two batches of different strides": (b) => {
    count(b, positive(b, column(b)));
    count(b, positive(b, column(b, { stride: n + 1, position: "second" })), "d");
  },
  "two batches of different epochs": (b) => {
    count(b, positive(b, column(b)));
    count(b, positive(b, column(b, { epoch: "later", position: "second" })), "d");
  },
};

for (const [name, attack] of Object.entries(attacks))
  test(`refused: ${name}`, () => {
    assert.throws(() => {
      const recorder = new Recorder({ fraction: f });
      attack(recorder);
      recorder.close();
    }, PolicyError);
    const wire = new Wire();
    attack(wire);
    assert.throws(() => decodePlan(wire.bytes()), PolicyError);
  });

const allowed: Record<string, (b: Builder) => void> = {
  "a count of correct predictions": (b) => {
    const scores = build.matmul(b, rows(b, 3), variable(b, [3, 10]));
    const right = build.equal(b, max(b, scores, 1).position(), build.sum(b, rows(b, 1, { name: "bob/y" }), [1]));
    count(b, right);
  },
  "a count with one threshold for all rows": (b) => count(b, build.less(b, column(b), constant(b, [3]))),
  "a count with one secret threshold": (b) => count(b, build.less(b, column(b), variable(b, [1]))),
  "a count with weights for features": (b) =>
    count(b, positive(b, build.sum(b, build.mul(b, rows(b, 3), constant(b, [1, 2, 4])), [1]))),
  "a count of the driver's own rows": (b) => count(b, positive(b, build.sum(b, input(b, [n, 3]), [1]))),
  "a count after a detour through other shapes": (b) => {
    const x = build.reshape(b, build.transpose(b, build.reshape(b, rows(b, 6), [n, 2, 3]), [1, 0, 2]), [2, n, 3, 1]);
    count(b, positive(b, build.sum(b, x, [0, 2, 3])));
  },
  "a mean loss over two owners' rows": (b) => meanLoss(b, build.square(b, build.sub(b, column(b), other(b)))),
  "a mean loss where the driver's model is an input": (b) =>
    meanLoss(b, build.sum(b, build.square(b, build.matmul(b, rows(b, 3), input(b, [3, 2]))), [1])),
  "a sum over a batch as a variable": (b) => assign(b, build.sum(b, rows(b, 3), [0])),
  "sums over the two halves of a batch": (b) => {
    const x = rows(b, 3);
    assign(
      b,
      build.sub(b, build.sum(b, build.slice(b, x, 0, 0, 4), [0]), build.sum(b, build.slice(b, x, 0, 4, 8), [0])),
    );
  },
  "a normalised batch, summed": (b) => {
    const x = rows(b, 3);
    const centred = build.sub(b, x, build.mean(b, x, [0], true));
    assign(b, build.mean(b, build.square(b, centred), [0]));
  },
  "two batches of one epoch": (b) => {
    count(b, positive(b, column(b)));
    count(b, positive(b, column(b, { position: "second" })), "d");
  },
  ...Object.fromEntries(
    Object.entries({
      "a convolution": (b: Builder, w: Ref, x: Ref) => conv2d(b, x, w, undefined, { padding: 1, stride: [2, 1] }),
      "a convolution in groups": (b: Builder, w: Ref, x: Ref) => conv2d(b, x, w, undefined, { groups: 2 }),
      "a transposed convolution": (b: Builder, w: Ref, x: Ref) => convTranspose2d(b, x, w, undefined, { stride: 2 }),
      "pooling by maximum": (b: Builder, w: Ref, x: Ref) => maxPool2d(b, conv2d(b, x, w), 2),
      "pooling by maximum, windows that overlap": (b: Builder, w: Ref, x: Ref) =>
        maxPool2d(b, conv2d(b, x, w), 3, { stride: 2, padding: 1 }),
      "pooling by maximum over all": (b: Builder, w: Ref, x: Ref) => adaptiveMaxPool2d(b, conv2d(b, x, w), 1),
      "adaptive pooling": (b: Builder, w: Ref, x: Ref) =>
        build.add(b, adaptiveAvgPool2d(b, conv2d(b, x, w), 2), adaptiveMaxPool2d(b, conv2d(b, x, w), 2)),
      "pooling by average": (b: Builder, w: Ref, x: Ref) => avgPool2d(b, conv2d(b, x, w), 2, { padding: 1 }),
      "a map along the last axis": (b: Builder, w: Ref, x: Ref) =>
        build.linear(b, x, build.reshape(b, build.slice(b, w, 0, 0, 1), [2, 4])),
    }).map(([name, layer]) => [
      `the gradient of ${name} over a batch, and a count after it`,
      (b: Builder) => {
        const channels = name.includes("groups") ? 1 : 2;
        const w = variable(b, [2, channels, 2, 2], "w");
        const out = layer(b, w, name.includes("last axis") ? build.slice(b, images(b), 3, 0, 4) : images(b));
        const flat = build.reshape(b, out, [n, out.type.shape.slice(1).reduce((product, d) => product * d, 1)]);
        count(b, positive(b, build.sum(b, flat, [1])));
        if (b instanceof Recorder) assign(b, differentiate(b, build.sum(b, build.square(b, flat)), [w])[0]!);
      },
    ]),
  ),
  "the driver's own values": (b) => assign(b, input(b, [4])),
  "anything, opened (a grant for exactly that decides)": (b) =>
    b.node("reveal", [rows(b, 3)], { label: "all", release: "open", recipients: ["driver"] }),
};
for (const [name, use] of Object.entries(allowed))
  test(`allowed: ${name}`, () => {
    const recorder = new Recorder({ fraction: f });
    use(recorder);
    const plan = recorder.close();
    assert.equal(decodePlan(plan.bytes).digest, plan.digest);
  });

test("a reveal names every source and the rows that were pooled", () => {
  const b = new Recorder({ fraction: f });
  const scores = build.matmul(b, rows(b, 3), variable(b, [3, 1]));
  count(b, positive(b, build.sub(b, build.sum(b, scores, [1]), other(b))));
  const [reveal] = planReveals(b.close());
  assert.equal(reveal!.rows, n);
  assert.deepEqual(
    reveal!.flows.map(({ source, label, axis, rows: many }) => [source, label, axis, many]),
    [
      ["dataset:alice/x", "row", undefined, n],
      ["dataset:bob/y", "row", undefined, n],
      ["variable:w", "model", undefined, 0],
    ],
  );
});

test("an opened value counts as one row where rows may stand out", () => {
  const opened = (make: (b: Builder) => Ref) => {
    const b = new Recorder({ fraction: f });
    b.node("reveal", [build.share(b, make(b))], { label: "o", release: "open", recipients: ["driver"] });
    return planReveals(b.close())[0]!.rows;
  };
  assert.equal(
    opened((b) => build.sum(b, rows(b, 3), [0])),
    n,
  );
  assert.equal(
    opened((b) => build.sum(b, build.mul(b, column(b), mask(b)))),
    1,
  );
  assert.equal(
    opened((b) => build.slice(b, rows(b, 3), 0, 0, 2)),
    1,
  );
  const part = (b: Builder, start: number, end: number) => build.sum(b, build.slice(b, column(b), 0, start, end));
  assert.equal(
    opened((b) => build.sub(b, part(b, 0, 3), part(b, 3, n))),
    3,
  );
  // Row 7, exactly.
  assert.equal(
    opened((b) => build.sub(b, part(b, 0, n), part(b, 0, n - 1))),
    1,
  );
});
