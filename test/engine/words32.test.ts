/** Plans over Z_2^32, by the rule that chooses the ring: with all protocols, costs as declared, and beside plans over Z_2^64. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compile, execute } from "../../src/engine/index.js";
import { SecretgradError } from "../../src/errors.js";
import * as build from "../../src/ops/build.js";
import { einsum } from "../../src/ops/contractions.js";
import { conv2d, convTranspose2d } from "../../src/ops/convolutions.js";
import { max, min } from "../../src/ops/extremes.js";
import { encodeIndex } from "../../src/ops/gather.js";
import type { EvalHost, Ref } from "../../src/ops/index.js";
import { maxPool2d } from "../../src/ops/max-pooling.js";
import { avgPool2d } from "../../src/ops/pooling.js";
import { indexSelect } from "../../src/ops/rearrange.js";
import { byRanks, median, sort, topk } from "../../src/ops/sorting.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { plain, protocols, rep3 } from "../../src/protocol/index.js";
import { assertNear, byOracle, recorded } from "../ops/algebra.js";
import { leaf } from "../ops/arbitraries.js";
import { numbers } from "./given.js";
import { Cluster, type Given, runOnce } from "./run.js";

const narrow = { fraction: 10, integerBits: 8 };
const [rows, width, hidden, classes] = [9, 20, 12, 5];

/** A network's answers, classes, how many of them are right, and the mean loss: what inference reveals. */
function inference(precision: { fraction: number; integerBits?: number }): Recorder {
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

const given: Given = {
  datasets: { "a/x": numbers(rows * width, 1), "a/y": Float64Array.from({ length: rows }, (_, i) => i % classes) },
  variables: {
    w1: numbers(hidden * width, 0.5, 3),
    b1: numbers(hidden, 0.5, 4),
    w2: numbers(classes * hidden, 0.5, 5),
    b2: numbers(classes, 0.5, 6),
  },
  scalars: { e: 0, p: 0 },
};

for (const definition of protocols)
  test(`inference over words of 32 bits, ${definition.name}`, async () => {
    const [fine, coarse] = [inference({ fraction: 20 }), inference(narrow)].map((recorder) =>
      compile(recorder.close(), definition),
    );
    assert.deepEqual([fine!.plan.env.wordBits, coarse!.plan.env.wordBits], [64, 32]);
    const expected = await runOnce(plain, fine!.plan, given);
    const cluster = new Cluster(definition);
    try {
      // Plans of both sorts in one session.
      for (const program of [coarse!, fine!, coarse!]) {
        const { revealed, stats, live } = await cluster.runProgram(program, given);
        const tolerance = program === fine ? 1e-4 : 0.02;
        for (const label of ["logits", "loss"])
          assertNear(revealed[label]!, expected.revealed[label]!, tolerance, `${label} at ${tolerance}`);
        for (const label of ["classes", "right"]) assert.deepEqual(revealed[label], expected.revealed[label]);
        assert.deepEqual(
          stats.map(({ rounds }) => rounds),
          stats.map(() => program.cost.rounds),
        );
        assert.deepEqual(
          stats.map(({ bytes }) => bytes),
          program.cost.bytes,
        );
        assert.ok(live.every((blocks) => blocks === 0));
      }
      const used = cluster.ends.map(({ ring }) => ring.usedBytes);
      await cluster.runProgram(coarse!, given);
      assert.deepEqual(
        cluster.ends.map(({ ring }) => ring.usedBytes),
        used,
      );
    } finally {
      cluster.close();
    }
    const most = (program: typeof coarse) => Math.max(...program!.cost.bytes);
    assert.ok(definition === plain || most(coarse) < 0.75 * most(fine), `${most(coarse)} of ${most(fine)} bytes`);
  });

/** Convolution by windows and by elements, pools, an equation, rows by position and padded borders. */
function layers(precision: { fraction: number; integerBits?: number }): Recorder {
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
  return b;
}
const layersGiven: Given = { inputs: { images: numbers(432, 1) }, variables: { filters: numbers(90, 0.3, 5) } };

for (const definition of protocols)
  test(`layers of convolutional networks over words of 32 bits, ${definition.name}`, async () => {
    const expected = await runOnce(plain, layers({ fraction: 20 }), layersGiven);
    const cluster = new Cluster(definition);
    try {
      const program = compile(layers(narrow).close(), definition);
      assert.equal(program.plan.env.wordBits, 32);
      const { revealed, stats } = await cluster.runProgram(program, layersGiven);
      for (const [label, values] of Object.entries(expected.revealed))
        assertNear(revealed[label]!, values, 0.03, `${definition.name} ${label}`);
      assert.deepEqual(
        stats.map(({ bytes }) => bytes),
        program.cost.bytes,
      );
    } finally {
      cluster.close();
    }
  });

/** The largest, the smallest, who is it, sorted values by ranks and by a network, running sums, ones, bits of a coin. */
function comparing(precision: { fraction: number; integerBits?: number }): Recorder {
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

for (const definition of protocols)
  test(`comparisons of many kinds over words of 32 bits, ${definition.name}`, async () => {
    const given: Given = { inputs: { few: quarters(35, 2), many: quarters(4 * widthOfMany, 4) } };
    const { revealed: expected } = await runOnce(plain, comparing({ fraction: 20 }), given);
    const program = compile(comparing(narrow).close(), definition);
    assert.equal(program.plan.env.wordBits, 32);
    const cluster = new Cluster(definition);
    try {
      const { revealed, stats, live } = await cluster.runProgram(program, given);
      const { coin, kept, ...exact } = revealed;
      for (const [label, values] of Object.entries(exact)) assert.deepEqual(values, expected[label], label);
      assert.deepEqual(
        kept,
        coin!.map((bit) => 1.5 * bit),
      );
      for (const part of [coin!.slice(0, 32_768), coin!.slice(32_768)]) {
        assert.ok(part.every((bit) => bit === 0 || bit === 1));
        const ones = part.reduce((sum, bit) => sum + bit, 0) / part.length;
        assert.ok(Math.abs(ones - 40_000 / 65_536) < 3 / Math.sqrt(part.length), `${ones}`);
      }
      for (const { rounds } of stats) assert.equal(rounds, program.cost.rounds);
      assert.deepEqual(
        stats.map(({ bytes }) => bytes),
        program.cost.bytes,
      );
      assert.ok(live.every((blocks) => blocks === 0));
    } finally {
      cluster.close();
    }
  });

test("random programs of small numbers are the same in both rings", async () => {
  const given = fc.tuple(leaf([2, 3], 2), leaf([2, 3], 2), leaf([3], 2));
  const cluster = new Cluster(rep3);
  const words = new Set<number>();
  try {
    await fc.assert(
      fc.asyncProperty(given, fc.nat(3), async (leaves, choice) => {
        const program: Parameters<typeof byOracle>[0] = (a, [x, y, z]) => {
          const product = a.matmul(x!, a.transpose(y!, [1, 0]));
          if (choice === 0) return a.relu(a.add(a.mul(x!, y!), z!));
          if (choice === 1) return a.mean(product, [1], true);
          if (choice === 2)
            return a.whereLess(
              a.scale(x!, 0.3),
              y!,
              a.concat([a.slice(x!, 1, 0, 1), a.slice(y!, 1, 1, 3)], 1),
              a.neg(y!),
            );
          return a.max(a.scale(product, -0.7), 0).max;
        };
        const expected = byOracle(program, leaves, 0.02);
        if (!expected) return;
        const b = new Recorder(narrow);
        const { fraction, integerBits } = b.env;
        const inputs = leaves.map(({ dims }, i) =>
          b.node("input", [], { slot: `x${i}`, shape: dims, scale: fraction, bound: fraction + integerBits }),
        );
        const value = build.share(b, program(recorded(b), inputs));
        b.node("reveal", [value], { label: "value", release: "open", recipients: ["test"] });
        const plan = b.close();
        words.add(plan.env.wordBits);
        const { revealed } = await cluster.run(plan, {
          inputs: Object.fromEntries(leaves.map(({ data }, i) => [`x${i}`, data])),
        });
        assertNear(revealed.value!, expected.value, 0.02, `program ${choice}`);
      }),
      { numRuns: 60 },
    );
  } finally {
    cluster.close();
  }
  assert.deepEqual([...words], [32]);
});

test("a plan is not evaluated in the other ring", async () => {
  const cluster = new Cluster(plain);
  const program = compile(inference(narrow).close(), plain);
  const { ring, ends, mesh } = cluster.ends[0]!;
  const scope = ring.scope();
  const options = { ring, protocol: ends(8), mesh, run: 1, host: {} as EvalHost, scope };
  await assert.rejects(execute(program, options), SecretgradError);
  scope.close();
  cluster.close();
});
