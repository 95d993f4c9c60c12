/** Convolutional and pooling layers: shapes, names, initial values, what is refused, training against float64, time to record. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ShapeError } from "../../src/errors.js";
import { einsum, nn, optim, stack, type Tensor } from "../../src/index.js";
import { type Closing, Graph, Tensor as Handle } from "../../src/tensor/index.js";
import { quiet } from "../client/helpers.js";
import { assertNear } from "../ops/algebra.js";
import * as oracle from "../ops/oracle.js";
import * as windows from "../ops/oracle-windows.js";

/** A graph whose plans go nowhere. */
function recording(): { graph: Graph; closings: Closing[]; input: (...shape: number[]) => Tensor } {
  const closings: Closing[] = [];
  const graph = new Graph({
    env: { fraction: 20 },
    recipient: "driver",
    submit: async (closing) => void closings.push(closing),
  });
  const input = (...shape: number[]) => new Handle(graph, graph.feed(new Float64Array(oracle.count(shape)), shape));
  return { graph, closings, input };
}

test("shapes are PyTorch's", () => {
  const { input } = recording();
  const [x, line] = [input(2, 4, 9, 7), input(2, 4, 9)];
  const shapes: [nn.Module, Tensor, number[]][] = [
    [nn.conv2d(4, 6, 3), x, [2, 6, 7, 5]],
    [nn.conv2d(4, 6, [3, 1], { stride: 2, padding: [1, 0] }), x, [2, 6, 5, 4]],
    [nn.conv2d(4, 6, 3, { dilation: 2, groups: 2, bias: false }), x, [2, 6, 5, 3]],
    [nn.conv2d(4, 6, 4, { padding: "same" }), x, [2, 6, 9, 7]],
    [nn.conv2d(4, 6, 3), input(4, 9, 7), [6, 7, 5]],
    [nn.conv1d(4, 6, 3, { stride: 3 }), line, [2, 6, 3]],
    [nn.convTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1 }), x, [2, 6, 18, 14]],
    [nn.convTranspose1d(4, 6, 3, { stride: 2, groups: 2 }), line, [2, 6, 19]],
    [nn.avgPool2d(2), x, [2, 4, 4, 3]],
    [nn.avgPool2d([3, 2], { stride: 1, padding: 1 }), x, [2, 4, 9, 8]],
    [nn.avgPool1d(2, { ceilMode: true }), line, [2, 4, 5]],
    [nn.maxPool2d(3, { stride: 2, padding: 1 }), x, [2, 4, 5, 4]],
    [nn.maxPool2d(2, { ceilMode: true }), x, [2, 4, 5, 4]],
    [nn.maxPool1d(4, { dilation: 2, stride: 1 }), line, [2, 4, 3]],
    [nn.adaptiveAvgPool2d(1), x, [2, 4, 1, 1]],
    [nn.adaptiveMaxPool2d([null, 3]), x, [2, 4, 9, 3]],
    [nn.zeroPad2d([1, 2, 0, 3]), x, [2, 4, 12, 10]],
    [nn.flatten(), x, [2, 252]],
    [nn.flatten(0, 1), x, [8, 9, 7]],
    [nn.unflatten(1, [2, -1]), x, [2, 2, 2, 9, 7]],
  ];
  shapes.forEach(([layer, given, shape], i) => {
    assert.deepEqual([...nn.named(`layer${i}`, layer)(given).shape], shape);
  });
});

test("parameters have PyTorch's names, shapes and initial ranges", () => {
  const model = nn.sequential(
    nn.conv2d(4, 6, [3, 5], { groups: 2 }),
    nn.relu(),
    nn.convTranspose2d(6, 4, 3, { groups: 2 }),
  );
  assert.deepEqual(
    [...model.named].map(([name, { shape }]) => [name, ...shape]),
    [
      ["0.weight", 6, 2, 3, 5],
      ["0.bias", 6],
      ["2.weight", 6, 2, 3, 3],
      ["2.bias", 4],
    ],
  );
  for (const [name, n] of [
    ["0.weight", 30],
    ["0.bias", 30],
    ["2.weight", 18],
  ] as const) {
    const values = model.named.get(name)!.start();
    const limit = 1 / Math.sqrt(n);
    assert.ok(values.every((value) => Math.abs(value) <= limit));
    assert.ok(values.length < 20 || values.some((value) => Math.abs(value) > 0.7 * limit));
  }
  assert.equal(nn.conv1d(2, 3, 2, { bias: false }).named.size, 1);
});

test("errors name both shapes", () => {
  const input = (...shape: number[]) => recording().input(...shape);
  const refused = (make: () => unknown, message: RegExp) =>
    assert.throws(make, (error: Error) => error instanceof ShapeError && message.test(error.message));
  refused(() => nn.conv2d(3, 8, 3)(input(2, 4, 9, 9)), /input \[2, 4, 9, 9\] and weight \[8, 3, 3, 3\]/);
  refused(() => nn.conv2d(4, 8, 5)(input(2, 4, 4, 9)), /at least 5,5 for weight \[8, 4, 5, 5\], got \[2, 4, 4, 9\]/);
  refused(() => nn.conv2d(4, 8, 3, { padding: -1 })(input(2, 4, 9, 9)), /padding.*of 0 or more, got -1/);
  refused(() => nn.conv2d(4, 8, 3, { stride: 0 })(input(2, 4, 9, 9)), /stride.*of 1 or more, got 0/);
  refused(
    () => nn.conv2d(4, 8, 3, { padding: "same", stride: 2 })(input(2, 4, 9, 9)),
    /a stride of 1 with padding "same"/,
  );
  refused(() => nn.conv2d(4, 6, 3, { groups: 4 }), /channels in equal groups, got 6 in 4/);
  refused(() => nn.conv1d(4, 6, 3)(input(2, 4, 9, 9)), /\[batch, channels, length\], got \[2, 4, 9, 9\]/);
  refused(() => nn.convTranspose2d(4, 6, 3, { outputPadding: 1 })(input(2, 4, 9, 9)), /outputPadding below the stride/);
  refused(() => nn.maxPool2d(3, { padding: 2 })(input(2, 4, 9, 9)), /at most half of the kernel 3,3, got 2,2/);
  refused(() => nn.avgPool2d(10)(input(2, 4, 9, 9)), /an image of at least 10,10, got \[2, 4, 9, 9\]/);
  refused(() => nn.adaptiveAvgPool2d(10)(input(2, 4, 9, 9)), /sizes from 1 to those of \[2, 4, 9, 9\], got 10,10/);
});

test("a relu before a pooling by maximum is taken after it", () => {
  const compared = (...layers: nn.Module[]) => {
    const { graph, input } = recording();
    nn.sequential(...layers)(input(8, 8, 64, 64));
    const { nodes } = graph.recorder;
    return nodes.filter(({ op }) => op === "isNegative").reduce((sum, { type }) => sum + oracle.count(type.shape), 0);
  };
  assert.equal(compared(nn.relu(), nn.maxPool2d(2)), compared(nn.maxPool2d(2), nn.relu()));
  const windows = 8 * 8 * 32 * 32;
  assert.equal(compared(nn.relu(), nn.maxPool2d(2)), 3 * windows + windows);
  assert.equal(compared(nn.relu(), nn.avgPool2d(2)), 4 * windows);
});

const [rows, size] = [4, 8];
const numbers = (n: number, k: number) =>
  Float64Array.from({ length: n }, (_, i) => Math.round(512 * Math.sin(7 * k + 1.7 * i + 0.3)) / 1024);
const network = () =>
  nn.sequential(
    ...[nn.conv2d(1, 3, 3, { padding: 1 }), nn.relu(), nn.maxPool2d(2), nn.conv2d(3, 4, 3), nn.avgPool2d(2)],
    ...[nn.flatten(), nn.linear(4, 2)],
  );

test("training is the training in float64", async () => {
  const shapes = Object.fromEntries([...network().named].map(([name, { shape }]) => [name, [...shape]]));
  const start = Object.fromEntries(
    Object.entries(shapes).map(([name, dims], k) => [name, numbers(oracle.count(dims), k)]),
  );
  const [images, targets] = [numbers(rows * size * size, 11), numbers(rows * 2, 12)];
  const steps = 3;
  const weights = Object.fromEntries(Object.entries(start).map(([name, values]) => [name, values.slice()]));
  const pairs = (n: number) => Array.from({ length: n }, (_, i) => [2 * i, 2 * i + 1]);
  const plainly = { stride: [1, 1], dilation: [1, 1], groups: 1 };
  for (let step = 0; step < steps; step++) {
    const at = Object.fromEntries(
      Object.entries(weights).map(([name, w]) => [name, new oracle.Real(shapes[name]!, w)]),
    );
    const x = new oracle.Real([rows, 1, size, size], images);
    const bias = (name: string) => oracle.reshape(at[name]!, [shapes[name]![0]!, 1, 1]);
    const first = oracle.relu(
      oracle.add(windows.conv2d(x, at["0.weight"]!, { ...plainly, padding: [1, 1] }), bias("0.bias")),
    );
    const pooled = windows.maxima(first, windows.windowsOf(first, pairs(4), pairs(4)));
    const second = oracle.add(windows.conv2d(pooled, at["3.weight"]!, { ...plainly, padding: [0, 0] }), bias("3.bias"));
    const means = oracle.reshape(windows.averages(second, windows.windowsOf(second, pairs(1), pairs(1)), [4]), [
      rows,
      4,
    ]);
    const output = oracle.add(oracle.matmul(means, oracle.transpose(at["6.weight"]!, [1, 0])), at["6.bias"]!);
    const difference = oracle.sub(output, new oracle.Real([rows, 2], targets));
    oracle.mean(oracle.mul(difference, difference), [0, 1]).backward();
    for (const [name, w] of Object.entries(weights))
      at[name]!.grad.forEach((slope, i) => {
        w[i]! -= 0.5 * slope;
      });
  }
  for (const protocol of ["plain", "rep3"] as const) {
    const session = await quiet({ protocol, fraction: 20 });
    const model = network();
    model.loadStateDict(start);
    const sgd = optim.sgd(model.parameters(), { lr: 0.5 });
    for (let step = 0; step < steps; step++) {
      const x = session.secret([...images], [rows, 1, size, size]);
      sgd.minimize(nn.mseLoss(model(x), session.secret([...targets], [rows, 2])));
      await session.flush();
    }
    const state = await model.stateDict(session);
    for (const [name, wanted] of Object.entries(weights))
      assertNear(state[name]!.data, wanted, 1e-4, `${protocol} ${name}`);
    await session.close();
  }
});

test("tensors move as in PyTorch", async () => {
  const session = await quiet({ protocol: "plain", fraction: 16 });
  const shown = async (make: (x: Tensor) => Tensor) =>
    (await make(session.secret([1, 2, 3, 4, 5, 6], [2, 3])).reveal()).toArray();
  assert.deepEqual(await shown((x) => x.flip(1)), [
    [3, 2, 1],
    [6, 5, 4],
  ]);
  assert.deepEqual(await shown((x) => x.pad([1, 0], 9)), [
    [9, 1, 2, 3],
    [9, 4, 5, 6],
  ]);
  assert.deepEqual(await shown((x) => x.roll(1)), [
    [6, 1, 2],
    [3, 4, 5],
  ]);
  assert.deepEqual(await shown((x) => x.indexSelect(1, [2, 0])), [
    [3, 1],
    [6, 4],
  ]);
  assert.deepEqual(await shown((x) => x.gather(1, [[2], [0]])), [[3], [4]]);
  assert.deepEqual(await shown((x) => x.scatter(0, [[1, 0, 1]], [[7, 8, 9]])), [
    [1, 8, 3],
    [7, 5, 9],
  ]);
  assert.deepEqual(
    await shown((x) =>
      x.scatterAdd(
        1,
        [
          [0, 0],
          [1, 2],
        ],
        [
          [1, 1],
          [2, 3],
        ],
      ),
    ),
    [
      [3, 2, 3],
      [4, 7, 9],
    ],
  );
  assert.deepEqual(await shown((x) => x.slice(0, 3, 1, 2)), [
    [1, 3],
    [4, 6],
  ]);
  assert.deepEqual(await shown((x) => x.narrow(1, 1, 2).permute(1, 0).squeeze().unsqueeze(0)), [
    [
      [2, 5],
      [3, 6],
    ],
  ]);
  assert.deepEqual(await shown((x) => x.repeat(1, 2).slice(0, 1)), [[1, 2, 3, 1, 2, 3]]);
  assert.deepEqual(await shown((x) => x.split(2, 1)[1]!), [[3], [6]]);
  assert.deepEqual(await shown((x) => x.chunk(2)[0]!.expand(2, 3)), [
    [1, 2, 3],
    [1, 2, 3],
  ]);
  assert.deepEqual(await shown((x) => x.movedim(0, 1).diagonal(-1)), [2, 6]);
  assert.deepEqual(await shown((x) => einsum("ij,ij->i", x, x)), [14, 77]);
  assert.deepEqual(await shown((x) => einsum("ij,j->i", x, [1, 0, 2])), [7, 16]);
  assert.deepEqual(await shown((x) => stack([x, x.neg()], 2).flatten(1).slice(0, 1)), [[1, -1, 2, -2, 3, -3]]);
  assert.equal(await shown((x) => x.matmul(x.T).trace()), 14 + 77);
  await session.close();
});

test("a step of LeNet is recorded within a millisecond for each 50 nodes", async () => {
  const model = nn.sequential(
    ...[nn.conv2d(1, 20, 5), nn.maxPool2d(2), nn.relu(), nn.conv2d(20, 50, 5), nn.maxPool2d(2), nn.relu()],
    ...[nn.flatten(), nn.linear(800, 500), nn.relu(), nn.linear(500, 10)],
  );
  const sgd = optim.sgd(model.parameters(), { lr: 0.05 });
  const { graph, closings, input } = recording();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const [x, target] = [input(128, 1, 28, 28), input(128, 10)];
    const { user } = process.cpuUsage();
    sgd.minimize(nn.mseLoss(model(x), target));
    const micros = process.cpuUsage().user - user;
    const nodes = graph.recorder.nodes.length;
    if (i > 0) best = Math.min(best, micros / nodes);
    await graph.close();
  }
  assert.ok(closings.length > 20);
  assert.ok(best < 20, `${best.toFixed(1)} µs a node`);
});
