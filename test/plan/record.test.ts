/** Recording: merging, leaving out, staleness, simplification, differentiation's edges, and what a plan is said to cost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlanError, ScaleError, ShapeError, StaleValueError } from "../../src/errors.js";
import * as build from "../../src/ops/build.js";
import type { Ref } from "../../src/ops/index.js";
import { differentiate, planCost, planScalars, Recorder, scalarFits, secondsOnLink } from "../../src/plan/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { mnist, trainStep } from "./sample.js";

const input = (b: Recorder, shape: number[], slot = "x", fraction = b.env.fraction): Ref =>
  b.node("input", [], { slot, shape, scale: fraction, bound: fraction + 15 });
const open = (b: Recorder, ref: Ref, label = "y") =>
  b.node("reveal", [build.share(b, ref)], { label, release: "open", recipients: ["d"] });
const ops = (b: Recorder) => b.nodes.map((node) => node.op);

test("equal nodes are merged, sinks are not, what nothing uses is dropped", () => {
  const b = new Recorder({ fraction: 16 });
  const x = input(b, [2, 3]);
  assert.equal(build.relu(b, x), build.relu(b, x));
  assert.equal(b.hasEffects, false);
  build.square(b, x);
  open(b, x);
  open(b, x, "z");
  assert.equal(b.hasEffects, true);
  assert.deepEqual(
    b.close().nodes.map((node) => node.op),
    ["input", "reveal", "reveal"],
  );
});

test("values of an earlier or closed plan are refused", () => {
  const [a, b] = [new Recorder({ fraction: 16 }), new Recorder({ fraction: 16 })];
  const x = input(a, [2]);
  input(b, [2]);
  assert.throws(() => build.neg(b, x), StaleValueError);
  assert.throws(() => b.made(x), StaleValueError);
  a.close();
  assert.throws(() => build.neg(a, x), StaleValueError);
});

test("moves that cancel or compose are not recorded", () => {
  const b = new Recorder({ fraction: 16 });
  const x = input(b, [2, 3]);
  const cube = input(b, [2, 3, 4], "cube");
  assert.equal(build.transpose(b, build.transpose(b, x)), x);
  assert.equal(build.transpose(b, cube, [0, 1, 2]), cube);
  assert.equal(build.transpose(b, build.transpose(b, cube, [1, 2, 0]), [2, 0, 1]), cube);
  assert.deepEqual(build.transpose(b, build.transpose(b, cube, [1, 2, 0]), [1, 2, 0]).type.shape, [4, 2, 3]);
  assert.equal(build.reshape(b, build.reshape(b, x, [6]), [2, 3]), x);
  assert.equal(build.neg(b, build.neg(b, x)), x);
  const bits = build.isNegative(b, x);
  assert.equal(build.not(b, build.not(b, bits)), bits);
  assert.equal(build.broadcastTo(b, x, [2, 3]), x);
});

test("a weight's gradient moves no large matrix", () => {
  const shapes = trainStep(mnist)
    .close()
    .nodes.filter((node) => node.op === "transpose")
    .map((node) => `${node.type.shape}`)
    .sort();
  // The three weights, once each, and the three layers' gradients: nothing of the size of a batch of images.
  assert.deepEqual(shapes, ["10,128", "128,128", "128,64", "64,10", "64,128", "784,128"]);
});

test("numbers that are known already are computed while recording", () => {
  const b = new Recorder({ fraction: 20 });
  const x = input(b, [3]);
  const one = build.constant(b, 1, [], 0);
  assert.equal(build.mul(b, one, x), x);
  const half = build.constant(b, 0.5, [], 1);
  assert.equal(build.mul(b, half, half), build.constant(b, 0.25, [], 2));
  assert.throws(() => build.scaleBy(b, x, Number.NaN), ScaleError);
  assert.throws(() => build.divPublic(b, x, 0), ScaleError);
  assert.throws(() => build.scaleBy(b, x, 2 ** -60), ScaleError, "a factor that would become 0");
  assert.throws(() => build.mean(b, input(b, [2, 0], "empty"), [1]), ShapeError);
  assert.throws(() => build.constant(b, [1, 2], [3], 0), ShapeError);
  assert.throws(() => build.constant(b, Number.NaN, [], 0), ScaleError);
});

test("a run-time scalar times numbers: powers of two go into its exponent", () => {
  const b = new Recorder({ fraction: 20 });
  const rate = b.node("scalar", [], { slot: "lr", exponent: 9 });
  const number = (value: number) => build.constant(b, value, [], build.exactScale(value, 30));
  const exponentOf = (ref: Ref) => b.made(ref).attrs.exponent;
  assert.equal(exponentOf(build.mul(b, rate, number(1 / 64))), 15);
  assert.equal(exponentOf(build.mul(b, number(4), build.mul(b, rate, number(1 / 64)))), 13);
  assert.equal(build.mul(b, number(1), rate), rate);
  // What is left of other numbers is a factor from 1 to 2; several become one.
  const third = build.mul(b, build.mul(b, rate, number(3)), number(0.25));
  const [scalar, rest] = b.made(third).inputs;
  assert.deepEqual([exponentOf(scalar!), b.made(third).op, rest], [10, "mul", number(1.5)]);
  // Beyond what an exponent can be.
  const large = build.mul(b, rate, number(2 ** 12));
  assert.deepEqual([exponentOf(b.made(large).inputs[0]!), b.made(large).inputs[1]], [0, number(8)]);
  assert.equal(b.made(build.mul(b, rate, rate)).op, "mul");
});

test("one number at every place is multiplied as one number", () => {
  const b = new Recorder({ fraction: 20 });
  const x = input(b, [2, 3]);
  const rate = b.node("scalar", [], { slot: "lr", exponent: 9 });
  const everywhere = build.transpose(b, build.reshape(b, build.broadcastTo(b, rate, [6]), [3, 2]));
  assert.equal(build.mul(b, everywhere, x), build.mul(b, x, rate));
  assert.deepEqual(build.mul(b, everywhere, everywhere).type.shape, [2, 3]);
  assert.equal(build.mul(b, build.broadcastTo(b, build.constant(b, 1, [], 0), [2, 3]), x), x);
  // Repeated along more axes than the other has.
  assert.deepEqual(build.mul(b, everywhere, input(b, [3], "y")).type.shape, [2, 3]);
});

test("a public gradient is taken of the product that a value was truncated from, where that has room", () => {
  for (const [divisor, from] of [
    [64, "mul"],
    [60, "lift"],
  ] as const) {
    const b = new Recorder({ fraction: 20 });
    const [x, y] = [input(b, [4, 3]), input(b, [3, 5], "w")];
    const output = build.matmul(b, x, y);
    const loss = build.divPublic(b, build.sum(b, build.square(b, output)), divisor);
    const [gradient] = differentiate(b, loss, [output]);
    // 2 output / divisor.
    const { op, inputs } = b.made(build.share(b, gradient!));
    assert.deepEqual([op, b.made(inputs[0]!).op], ["truncate", from]);
    if (from === "mul") assert.equal(b.made(inputs[0]!).inputs[0], output);
  }
});

test("gradients of selections: few elements by the bit's number, many by another selection", () => {
  for (const [n, op] of [
    [8192, "mul"],
    [8193, "select"],
  ] as const) {
    const b = new Recorder({ fraction: 20 });
    const [x, y] = [input(b, [n]), input(b, [n], "y")];
    const [gradient] = differentiate(b, build.sum(b, build.mul(b, build.relu(b, x), y)), [x]);
    assert.equal(b.made(gradient!).op, op);
  }
});

test("what a loss was divided by", () => {
  const b = new Recorder({ fraction: 20 });
  const total = build.sum(b, build.square(b, input(b, [4])));
  assert.deepEqual(build.splitFactor(b, build.divPublic(b, total, -8)), { value: total, factor: -0.125 });
  for (const x of [
    total,
    build.mul(b, total, b.node("scalar", [], { slot: "lr", exponent: 9 })),
    build.scaleBy(b, total, 0),
  ])
    assert.deepEqual(build.splitFactor(b, x), { value: x, factor: 1 });
});

test("scales and bounds of what is recorded", () => {
  const b = new Recorder({ fraction: 16 });
  const x = b.node("input", [], { slot: "x", shape: [4], scale: 16, bound: 20 });
  const sum = build.sum(b, x);
  assert.equal(sum.type.bound, 22);
  assert.equal(build.add(b, x, x).type.bound, 21);
  const product = build.mul(b, x, x);
  assert.deepEqual([product.type.kind, product.type.scale, product.type.bound], ["product", 32, 40]);
  const share = build.share(b, product);
  assert.deepEqual([share.type.kind, share.type.scale, share.type.bound], ["share", 16, 25]);
  // A product whose proof fails is declared: |y| < 2^15.
  const wide = input(b, [4], "wide");
  assert.deepEqual([build.share(b, build.mul(b, wide, wide)).type.bound], [31]);
  assert.throws(() => b.node("add", [x, product]), PlanError);
  assert.throws(() => b.node("truncate", [product], { shift: 40 }), ScaleError);
  assert.throws(() => b.node("isNegative", [product]), PlanError);
});

test("differentiation: what does not depend has no gradient, what is not one number is refused", () => {
  const b = new Recorder({ fraction: 16 });
  const [x, y, z] = [input(b, [2, 2]), input(b, [2, 2], "y"), input(b, [2, 2], "z")];
  const loss = build.sum(b, build.mul(b, x, y));
  const [gx, gz, through] = differentiate(b, loss, [x, z, y]);
  assert.deepEqual(gx!.type.shape, [2, 2]);
  assert.equal(gz, undefined);
  assert.ok(through);
  assert.throws(() => differentiate(b, x, [x]), PlanError);
  const bits = build.sum(b, build.isNegative(b, x));
  assert.deepEqual(differentiate(b, bits, [x]), [undefined]);
});

test("gradients that nobody asks for are not recorded", () => {
  const b = new Recorder({ fraction: 16 });
  const [x, w] = [input(b, [4, 3]), input(b, [3, 2], "w")];
  const loss = build.sum(b, build.matmul(b, x, w));
  const before = b.nodes.length;
  differentiate(b, loss, [w]);
  assert.equal(
    ops(b)
      .slice(before)
      .filter((op) => op === "matmul").length,
    1,
  );
});

test("the cost lists the values that are only declared to be small", () => {
  const plan = trainStep(mnist).close();
  const { unproved, elements } = planCost(plan, rep3);
  // Truncations only: bounds of variables are narrowed by these before anything compares them.
  assert.deepEqual([...new Set(unproved.map(({ op }) => op))], ["truncate"]);
  assert.equal(unproved.length, 13);
  for (const { bound, scale } of unproved) assert.ok(bound - scale <= 15);
  const total = plan.nodes.reduce((sum, node) => sum + node.type.shape.reduce((n, dim) => n * dim, 1), 0);
  assert.ok(elements < total && elements > 128 * 784);

  const b = new Recorder({ fraction: 16 });
  const w = b.node("variable", [], { name: "w", shape: [3], scale: 16, bound: 24 });
  const proved = b.node("dataset", [], {
    ...{ name: "a/x", rows: 3, rowShape: [], scale: 16, bound: 20, batch: 3, stride: 3 },
    ...{ shuffle: false, epoch: "e", position: "p" },
  });
  open(b, build.relu(b, proved), "proved");
  open(b, build.isNegative(b, build.add(b, w, w)), "declared");
  assert.deepEqual(planCost(b.close(), rep3).unproved, [{ node: 0, op: "variable", bound: 24, scale: 16, name: "w" }]);
});

test("cost: nothing alone, rounds and bytes of three, seconds on a link", () => {
  const plan = trainStep().close();
  assert.deepEqual(planCost(plan, plain).bytes, [0]);
  const cost = planCost(plan, rep3);
  assert.equal(cost.bytes.length, 3);
  const perOperator = Object.values(cost.perOperator).reduce((sum, { nodes }) => sum + nodes, 0);
  assert.equal(perOperator, plan.nodes.length);
  const wan = secondsOnLink(cost, { roundTripMs: 40, megabitsPerSecond: 100 });
  assert.ok(wan > cost.rounds * 0.02 && wan < cost.rounds * 0.02 + 1);
});

test("slots of scalars: numbers and positions, never both", () => {
  assert.deepEqual(planScalars(trainStep().close()), [
    { slot: "lr", kind: "number" },
    { slot: "epoch", kind: "position" },
    { slot: "position", kind: "position" },
  ]);
  assert.ok(scalarFits("number", -1023) && !scalarFits("number", 1024) && !scalarFits("number", 0.5));
  assert.ok(scalarFits("position", 2 ** 31 - 1) && !scalarFits("position", -1));
  const b = new Recorder({ fraction: 16 });
  const at = { batch: 2, stride: 2, shuffle: false, epoch: "e", position: "p" };
  const x = b.node("dataset", [], { name: "a/x", rows: 2, rowShape: [], scale: 16, bound: 20, ...at });
  open(b, build.mul(b, build.sum(b, x), b.node("scalar", [], { slot: "p", exponent: 3 })));
  assert.throws(() => b.close(), /scalar/);
});

test("one name has one meaning in a plan", () => {
  const twice = (first: (b: Recorder) => void, second: (b: Recorder) => void) => {
    const b = new Recorder({ fraction: 16 });
    first(b);
    second(b);
    return () => b.close();
  };
  const variable = (b: Recorder, shape: number[]) => b.node("variable", [], { name: "w", shape, scale: 16, bound: 31 });
  assert.throws(
    twice(
      (b) => open(b, input(b, [1])),
      (b) => open(b, input(b, [2]), "z"),
    ),
    PlanError,
  );
  assert.throws(
    twice(
      (b) => open(b, variable(b, [1])),
      (b) => open(b, variable(b, [2]), "z"),
    ),
    PlanError,
  );
  assert.throws(
    twice(
      (b) => open(b, input(b, [1])),
      (b) => open(b, input(b, [1])),
    ),
    PlanError,
  );
  assert.throws(
    twice(
      (b) => b.node("assign", [input(b, [1])], { name: "v" }),
      (b) => b.node("assign", [input(b, [2], "y")], { name: "v" }),
    ),
    PlanError,
  );
});
