/**
 * Plans that are evaluated over words of either size: a network's inference, layers of convolutional ones, comparisons of many kinds.
 * Not tests.
 */
import assert from "node:assert/strict";
import * as build from "../../src/ops/build.js";
import { einsum } from "../../src/ops/contractions.js";
import { conv2d, convTranspose2d } from "../../src/ops/convolutions.js";
import { max, min } from "../../src/ops/extremes.js";
import { encodeIndex } from "../../src/ops/gather.js";
import type { Precision, Ref } from "../../src/ops/index.js";
import { maxPool2d } from "../../src/ops/max-pooling.js";
import { avgPool2d } from "../../src/ops/pooling.js";
import { indexSelect, pad } from "../../src/ops/rearrange.js";
import { byRanks, median, sort, topk } from "../../src/ops/sorting.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { size } from "../../src/ring/index.js";
import { numbers } from "./given.js";
import type { Given } from "./run.js";

/** Recorded for words of 32 bits. */
export const narrow = { fraction: 10, integerBits: 8 };
const [rows, width, hidden, classes] = [9, 20, 12, 5];

/** A network's answers, classes, how many of them are right, and the mean loss: what inference reveals. */
export function inference(precision: Precision): Recorder {
  const b = new Recorder(precision);
  const { fraction, integerBits } = b.env;
  const at = { rows, batch: rows, stride: rows, shuffle: false, epoch: "e", position: "p" };
  const variable = (name: string, shape: number[]) =>
    b.node("variable", [], { name, shape, scale: fraction, bound: fraction + integerBits });
  // Stored at more fraction bits than the session has.
  const x = b.node("dataset", [], { name: "a/x", rowShape: [width], scale: 20, bound: 21, ...at });
  const labels = b.node("dataset", [], { name: "a/y", rowShape: [], scale: 0, bound: 4, ...at });
  const layer = (input: Ref, name: string, from: number, to: number) =>
    build.linear(b, input, variable(`w${name}`, [to, from]), variable(`b${name}`, [to]));
  const logits = layer(build.relu(b, layer(x, "1", width, hidden)), "2", hidden, classes);
  const share = build.share(b, logits);
  const argmax = build.share(b, max(b, share, -1).position());
  const losses = build.sum(b, build.square(b, build.scaleBy(b, share, 0.3)), [1]);
  const show = (label: string, release: string, value: Ref, limit = {}) =>
    b.node("reveal", [value], { label, release, recipients: ["driver"], ...limit });
  show("logits", "open", share);
  show("classes", "open", argmax);
  show("right", "count", build.equal(b, argmax, labels));
  show("loss", "meanLoss", build.share(b, losses), { limit: 16 * 2 ** fraction });
  return b;
}

export const inferenceGiven: Given = {
  datasets: { "a/x": numbers(rows * width, 1), "a/y": Float64Array.from({ length: rows }, (_, i) => i % classes) },
  variables: {
    w1: numbers(hidden * width, 0.5, 3),
    b1: numbers(hidden, 0.5, 4),
    w2: numbers(classes * hidden, 0.5, 5),
    b2: numbers(classes, 0.5, 6),
  },
  scalars: { e: 0, p: 0 },
};

/** Convolution by windows and by elements, pools, an equation, rows by position and padded borders. */
export function layers(precision: Precision): Recorder {
  const b = new Recorder(precision);
  const { fraction, integerBits } = b.env;
  const form = { scale: fraction, bound: fraction + integerBits };
  const images = b.node("input", [], { slot: "images", shape: [3, 2, 9, 8], ...form });
  const filters = b.node("variable", [], { name: "filters", shape: [5, 2, 3, 3], ...form });
  const maps = build.relu(b, conv2d(b, images, filters, undefined, { padding: 1, stride: 2 }));
  const back = convTranspose2d(b, maps, filters, undefined, { stride: 2 });
  const pooled = avgPool2d(b, back, 3, { stride: 2, padding: 1 });
  const largest = maxPool2d(b, build.share(b, pooled), 2);
  const [batch, channels, height, w] = largest.type.shape as [number, number, number, number];
  const flat = build.reshape(b, largest, [batch, channels, height * w]);
  const gram = build.share(b, einsum(b, "bcp,bdp->bcd", [flat, flat]));
  const picked = build.share(b, indexSelect(b, build.divPublic(b, gram, height * w), 0, [2, 0, 2]));
  const show = (label: string, value: Ref) =>
    b.node("reveal", [build.share(b, value)], { label, release: "open", recipients: ["driver"] });
  show("pooled", pooled);
  show("largest", largest);
  const index = encodeIndex([1, 1, 0]);
  show("picked", b.node("scatterAdd", [picked], { axis: 0, index, length: 3 }));
  const weights = b.node("secret", [build.constant(b, numbers(size(pooled.type.shape), 1, 8), pooled.type.shape, 4)]);
  const [gradient] = differentiate(b, build.sum(b, build.mul(b, pooled, weights)), [back]);
  const rate = b.node("scalar", [], { slot: "rate", exponent: 6 });
  show("gradient", pad(b, build.mul(b, build.share(b, gradient!), rate), [1, 0, 2, 1], 0.5));
  return b;
}
export const layersGiven: Given = {
  inputs: { images: numbers(432, 1) },
  variables: { filters: numbers(90, 0.3, 5) },
  scalars: { rate: 100 },
};

/** The largest, the smallest, who is it, sorted values by ranks and by a network, running sums, ones, bits of a coin. */
export function comparing(precision: Precision): Recorder {
  const b = new Recorder(precision);
  const { fraction, integerBits } = b.env;
  const input = (slot: string, shape: number[]) =>
    b.node("input", [], { slot, shape, scale: fraction, bound: fraction + integerBits });
  const show = (label: string, value: Ref) =>
    b.node("reveal", [build.share(b, value)], { label, release: "open", recipients: ["driver"] });
  const few = input("few", [7, 5]);
  const [largest, smallest] = [max(b, few, 0), min(b, few, 1)];
  show("largest", largest.value);
  show("first-largest", largest.position());
  show("its-place", largest.oneHot());
  show("smallest", smallest.value);
  show("first-smallest", smallest.position());
  show("gradient", differentiate(b, build.sum(b, largest.value), [few])[0]!);
  const [ranked, descending, middle] = [sort(b, few, 0), topk(b, few, 2, 1), median(b, few, 0)];
  show("ranked", ranked.values);
  show("ranks", ranked.indices());
  show("two-largest", descending.values);
  show("two-largest-at", descending.indices());
  show("middle", middle.values);
  show("running", build.cumsum(b, few, 0));
  show("one-of-6", build.oneHot(b, largest.position(), 7));
  const many = sort(b, input("many", [4, widthOfMany]), 0);
  assert.equal(byRanks(4, widthOfMany, 4), false);
  show("exchanged", many.values);
  show("exchanged-from", many.indices());
  const maps = input("maps", [1, 2, 9, 6]);
  const windows = maxPool2d(b, maps, 3);
  show("largest-of-9", windows);
  show("gradient-of-9", differentiate(b, build.sum(b, windows), [maps])[0]!);
  const coin = b.node("bernoulli", [], { shape: [coins], keep: 40_000, index: 0 });
  show("coin", coin);
  show("kept", build.mul(b, coin, build.constant(b, 1.5, [coins], 1)));
  return b;
}
const widthOfMany = 2200;
/** More than are drawn at a time. */
const coins = 33_000;
/** Multiples of 1/4, so that many are equal and both precisions have them. */
const quarters = (count: number, seed: number) =>
  numbers(count, 10, seed).map((value) => Math.round(value * 4) / 4 + 0);
export const comparingGiven: Given = {
  inputs: { few: quarters(35, 2), many: quarters(4 * widthOfMany, 4), maps: quarters(108, 6) },
};
