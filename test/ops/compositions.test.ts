/** Values and gradients of composed programs: random ones, a network, finite differences; with `plain` and with `rep3`. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import * as build from "../../src/ops/build.js";
import { Recorder } from "../../src/plan/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import { type Algebra, agree, assertNear, byPlan, type Leaf, type Program } from "./algebra.js";
import { leaf } from "./arbitraries.js";
import { count } from "./oracle.js";

const cluster = new Cluster(plain);
const three = new Cluster(rep3);
after(() => {
  cluster.close();
  three.close();
});

/** One step of a random program: which operation, on which earlier values, with which freedom. */
interface Step {
  readonly operation: number;
  readonly first: number;
  readonly second: number;
  readonly choice: number;
}
const steps = fc.array(
  fc.record({ operation: fc.nat(13), first: fc.nat(99), second: fc.nat(99), choice: fc.nat(99) }),
  { minLength: 2, maxLength: 9 },
);

/** Values stay small: every operation that grows them is followed by a scaling. */
function apply<T>(a: Algebra<T>, values: readonly T[], { operation, first, second, choice }: Step): T {
  const x = values[first % values.length]!;
  const dims = a.dims(x);
  const axis = dims.length === 0 ? 0 : choice % dims.length;
  const axes = dims.map((_, i) => i);
  // Another value of the same shape, or the same one.
  const y = values.filter((value) => `${a.dims(value)}` === `${dims}`)[second % values.length] ?? x;
  switch (operation) {
    case 0:
      return a.add(x, y);
    case 1:
      return a.sub(a.scale(y, 0.75), x);
    case 2:
      return a.scale(a.mul(x, y), 0.25);
    case 3:
      return a.relu(x);
    case 4:
      return a.maximum(a.scale(x, 0.3), y);
    case 5:
      return a.whereLess(x, a.constant([], 0.3), y, a.neg(x));
    case 6:
      return a.mean(x, dims.length === 0 ? [] : [axis], choice % 2 === 0);
    case 7:
      return a.transpose(x, [...axes].reverse());
    case 8:
      return dims.length === 0 ? x : a.concat([x, a.scale(y, -0.5)], axis);
    case 9:
      return dims.length === 0 ? x : a.slice(x, axis, Math.floor(dims[axis]! / 3), dims[axis]!);
    case 10:
      return a.reshape(x, [count(dims)]);
    case 11:
      return dims.length < 5 ? a.broadcast(x, [2, ...dims]) : x;
    case 12:
      return dims.length !== 2 ? a.mul(x, a.constant([], -0.4)) : a.scale(a.matmul(x, a.transpose(y, [1, 0])), 0.2);
    default:
      return dims.length === 0 || count(dims) === 0 ? x : a.max(x, axis).max;
  }
}
const programOf =
  (list: readonly Step[]): Program =>
  (a, leaves) => {
    const values = [...leaves];
    for (const step of list) values.push(apply(a, values, step));
    return values.at(-1)!;
  };
const given = fc.tuple(leaf([2, 3], 2), leaf([2, 3], 2), leaf([3], 2));

test("random compositions: values and gradients, plain", async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(steps, given, async (list, leaves) => {
      if (await agree(cluster, programOf(list), leaves, { tolerance: 2e-4 })) compared++;
    }),
    { numRuns: 300 },
  );
  assert.ok(compared > 150, `only ${compared} of 300 programs were far enough from ties to compare`);
});

test("random compositions: values and gradients, rep3", async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(steps, given, async (list, leaves) => {
      if (await agree(three, programOf(list), leaves, { tolerance: 2e-4 })) compared++;
    }),
    { numRuns: 40 },
  );
  assert.ok(compared > 20, `only ${compared} of 40 programs were far enough from ties to compare`);
});

/** Two layers, squared error, mean over rows: what nn records. */
const network: Program = (a, [x, w1, b1, w2, b2, target]) => {
  const hidden = a.relu(a.add(a.matmul(x!, a.transpose(w1!, [1, 0])), b1!));
  const output = a.add(a.matmul(hidden, a.transpose(w2!, [1, 0])), b2!);
  const difference = a.sub(output, target!);
  return a.mean(a.mul(difference, difference), [0, 1]);
};
const networkLeaves: Leaf[] = [[5, 4], [6, 4], [6], [3, 6], [3], [5, 3]].map((dims, k) => ({
  dims,
  data: Array.from({ length: count(dims) }, (_, i) => Math.round(512 * Math.sin(7 * k + 1.7 * i + 0.3)) / 1024),
}));

test("a network's loss and gradients, plain and rep3, both scales", async () => {
  assert.ok(await agree(cluster, network, networkLeaves, { tolerance: 1e-5 }));
  assert.ok(await agree(cluster, network, networkLeaves, { tolerance: 1e-4, fraction: 16 }));
  assert.ok(await agree(three, network, networkLeaves, { tolerance: 1e-5 }));
});

/** d total / d leaf by central differences of plans; the step is a power of two, so that it is exact in fixed point. */
async function differences(program: Program, leaves: readonly Leaf[], which: number, step: number) {
  const data = leaves[which]!.data;
  const slopes = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const ends: number[] = [];
    for (const move of [step, -step]) {
      const moved = leaves.map((item, k) =>
        k === which ? { ...item, data: data.map((value, j) => (j === i ? value + move : value)) } : item,
      );
      const { value } = await byPlan(cluster, program, moved, { gradients: false });
      assert.equal(value.length, 1);
      ends.push(value[0]!);
    }
    slopes[i] = (ends[0]! - ends[1]!) / (2 * step);
  }
  return slopes;
}

const smooth: Record<string, Program> = {
  "mse of a linear map": (a, [x, w]) => {
    const y = a.matmul(x!, w!);
    return a.mean(a.mul(y, y), [0, 1]);
  },
  "sum of a product with a broadcast row": (a, [x, w]) => {
    const row = a.sum(w!, [1]);
    return a.sum(a.mul(a.mul(x!, row), x!), [0, 1]);
  },
  "relu and maximum away from ties": (a, [x, w]) =>
    a.sum(a.maximum(a.relu(a.matmul(x!, w!)), a.scale(a.matmul(x!, w!), -0.5)), [0, 1]),
  "max along an axis": (a, [x, w]) => a.sum(a.max(a.matmul(x!, w!), 1).max, [0]),
  "slices, concatenation, transposition": (a, [x, w]) => {
    const joined = a.concat([a.transpose(w!, [1, 0]), a.slice(x!, 0, 0, 1)], 0);
    return a.sum(a.mul(joined, joined), [0, 1]);
  },
};
for (const [name, program] of Object.entries(smooth))
  test(`finite differences: ${name}`, async () => {
    const leaves = [
      { dims: [2, 3], data: [0.5, -0.75, 1.25, 0.875, 0.25, -1.5] },
      { dims: [3, 2], data: [0.625, -0.25, 0.375, 0.625, -0.5, 0.75] },
    ];
    const { gradients } = await byPlan(cluster, program, leaves);
    // The weight of a single output is 1. Rounding of 2^-20 over a step of 2^-5.
    for (const which of [0, 1])
      assertNear(gradients[which]!, await differences(program, leaves, which, 2 ** -5), 3e-4, `leaf ${which}`);
  });

test("gradients at ties: relu passes them at 0, maximum gives them to the first", async () => {
  const leaves = [
    { dims: [3], data: [0, -1, 1] },
    { dims: [3], data: [0, -1, 1] },
  ];
  const one = await byPlan(cluster, (a, [x]) => a.relu(x!), leaves.slice(0, 1));
  assert.deepEqual([...one.gradients[0]!], [1, 0, 0.75]);
  const two = await byPlan(cluster, (a, [x, y]) => a.maximum(x!, y!), leaves);
  assert.deepEqual([...two.gradients[0]!], [1, -0.5, 0.75]);
  assert.deepEqual([...two.gradients[1]!], [0, 0, 0]);
});

test("a run-time scalar multiplies products without another truncation", () => {
  const b = new Recorder({ fraction: 20 });
  const x = b.node("input", [], { slot: "x", shape: [4], scale: 20, bound: 35 });
  const rate = b.node("scalar", [], { slot: "lr", exponent: 15 });
  const product = build.mul(b, build.mul(b, x, x), rate);
  assert.equal(product.type.kind, "product");
  assert.equal(product.type.scale, 55);
  assert.equal(b.nodes.filter((node) => node.op === "truncate").length, 0);
});
