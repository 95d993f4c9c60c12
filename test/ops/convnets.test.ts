/** A convolutional network under every protocol: loss and gradients against float64, rounds and bytes as declared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../src/engine/index.js";
import * as build from "../../src/ops/build.js";
import { conv2d, convTranspose2d } from "../../src/ops/convolutions.js";
import type { Ref } from "../../src/ops/index.js";
import { maxPool2d } from "../../src/ops/max-pooling.js";
import { avgPool2d } from "../../src/ops/pooling.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { protocols } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import { type Algebra, agree, type Program } from "./algebra.js";
import * as oracle from "./oracle.js";
import * as windows from "./oracle-windows.js";

const layer = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
const strided = { stride: [2, 2], padding: [0, 1], dilation: [1, 1], groups: 2 };
const pairs = (n: number) => Array.from({ length: n }, (_, i) => [2 * i, 2 * i + 1]);

/** Convolutions with padding, with stride and groups, and transposed; both poolings. */
const network: Program = <T>(a: Algebra<T>, leaves: readonly T[]): T => {
  const [x, w0, b0, w1, w2, w3, target] = leaves as [T, T, T, T, T, T, T];
  const first = a.own(
    (b, p, q, r) => conv2d(b, p!, q!, r!, layer),
    (p, q, r) => oracle.add(windows.conv2d(p!, q!, layer), oracle.reshape(r!, [4, 1, 1])),
    ...[x, w0, b0],
  );
  const largest = a.own(
    (b, p) => maxPool2d(b, p!, 2),
    (p) => windows.maxima(p!, windows.windowsOf(p!, pairs(4), pairs(3))),
    first,
  );
  const second = a.own(
    (b, p, q) => conv2d(b, p!, q!, undefined, strided),
    (p, q) => windows.conv2d(p!, q!, strided),
    ...[a.relu(largest), w1],
  );
  const third = a.own(
    (b, p, q) => convTranspose2d(b, p!, q!, undefined, { stride: 2 }),
    (p, q) => windows.convTranspose2d(p!, q!, [0, 0], { ...layer, stride: [2, 2], padding: [0, 0] }),
    ...[a.relu(second), w2],
  );
  const means = a.own(
    (b, p) => avgPool2d(b, p!, 2),
    (p) => windows.averages(p!, windows.windowsOf(p!, pairs(2), pairs(2)), [4]),
    third,
  );
  const output = a.matmul(a.reshape(means, [2, 12]), a.transpose(w3, [1, 0]));
  const difference = a.sub(output, target);
  return a.mean(a.mul(difference, difference), [0, 1]);
};
const leaves = [[2, 1, 8, 6], [4, 1, 3, 3], [4], [4, 2, 2, 2], [4, 3, 2, 2], [3, 12], [2, 3]].map((dims, k) => ({
  dims,
  data: Array.from({ length: oracle.count(dims) }, (_, i) => Math.round(1024 * Math.sin(7 * k + 1.7 * i + 0.3)) / 2048),
}));

for (const definition of protocols)
  test(`loss and gradients, ${definition.name}`, async () => {
    const cluster = new Cluster(definition);
    try {
      assert.ok(await agree(cluster, network, leaves, { tolerance: 2e-5 }));
    } finally {
      cluster.close();
    }
  });

/** A training step on one batch of images. */
function step(): Recorder {
  const b = new Recorder({ fraction: 20 });
  const variable = (name: string, shape: number[]) => b.node("variable", [], { name, shape, scale: 20, bound: 35 });
  const x = b.node("input", [], { slot: "x", shape: [3, 2, 9, 7], scale: 20, bound: 21 });
  const [w, k, v] = [variable("w", [3, 2, 3, 3]), variable("k", [2, 3, 2, 2]), variable("v", [4, 4])];
  const hidden = build.relu(b, maxPool2d(b, conv2d(b, x, w, undefined, { padding: 1 }), 3, { stride: 2 }));
  const means = avgPool2d(b, conv2d(b, hidden, k), [3, 1], { stride: 1 });
  const scores = build.matmul(b, build.reshape(b, means, [3, 4]), v);
  const loss = build.mean(b, build.square(b, scores));
  const gradients = differentiate(b, loss, [w, k, v]) as Ref[];
  gradients.forEach((gradient, i) => {
    b.node("assign", [build.share(b, gradient)], { name: ["w", "k", "v"][i]! });
  });
  return b;
}
test("rounds and bytes are the declared ones, at every party", async () => {
  const numbers = (n: number) => Float64Array.from({ length: n }, (_, i) => Math.sin(1.3 * i) / 4);
  const given = {
    inputs: { x: numbers(378) },
    variables: { w: numbers(54), k: numbers(24), v: numbers(16) },
  };
  for (const definition of protocols) {
    const cluster = new Cluster(definition);
    try {
      const program = compile(step().close(), definition);
      const { stats } = await cluster.runProgram(program, given);
      assert.deepEqual(
        stats.map(({ rounds, bytes }) => [rounds, bytes]),
        program.cost.bytes.map((bytes) => [program.cost.rounds, bytes]),
        definition.name,
      );
    } finally {
      cluster.close();
    }
  }
});

test("the mask of an image serves the product of its filters' gradient, too", () => {
  for (const definition of protocols) {
    const { masks } = definition.costs(8);
    if (!masks) continue;
    const bytes = (withGradient: boolean) => {
      const b = new Recorder({ fraction: 16 });
      const [x, w] = [
        [2, 1, 20, 20],
        [1, 1, 3, 3],
      ].map((shape, i) => b.node("input", [], { slot: `x${i}`, shape, scale: 16, bound: 31 }));
      const loss = build.sum(b, build.square(b, conv2d(b, x!, w!)));
      const shown = withGradient ? differentiate(b, loss, [w!])[0]! : loss;
      b.node("assign", [build.share(b, shown)], { name: "y" });
      return compile(b.close(), definition).cost.bytes[0]!;
    };
    // The gradient, 2 x 18 x 18 numbers, is opened; the image, 2 x 20 x 20, is open.
    const more = bytes(true) - bytes(false);
    assert.ok(more < masks.open(800).bytes[0]!, `${definition.name}: ${more}`);
  }
});
