/** Every operator's value and gradient against float64, over shapes, broadcasting and empty axes. With `plain`. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import * as build from "../../src/ops/build.js";
import type { Ref } from "../../src/ops/index.js";
import { Recorder } from "../../src/plan/index.js";
import { plain } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import { agree, type Leaf, type Program } from "./algebra.js";
import { broadcastable, leaf, shape } from "./arbitraries.js";

const cluster = new Cluster(plain);
after(() => cluster.close());

async function check<T extends readonly Leaf[]>(
  leaves: fc.Arbitrary<T>,
  program: (leaves: T) => Program,
  options: { runs?: number; gradients?: boolean; tolerance?: number } = {},
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(leaves, async (given) => {
      fc.pre(await agree(cluster, program(given), given, options));
    }),
    { numRuns: options.runs ?? 60 },
  );
}
const pair = (smallest = 1) => broadcastable(smallest).chain(([p, q]) => fc.tuple(leaf(p), leaf(q)));
const single = (rank = 4, smallest = 1) => shape(rank, smallest).chain((dims) => fc.tuple(leaf(dims)));

for (const name of ["add", "sub", "mul", "maximum"] as const) {
  test(`${name} with broadcasting`, () =>
    check(
      pair(),
      () =>
        (a, [x, y]) =>
          a[name](x!, y!),
    ));
  test(`${name} with empty axes`, () =>
    check(
      pair(0),
      () =>
        (a, [x, y]) =>
          a[name](x!, y!),
      { runs: 30 },
    ));
}
test("less and equal are 0 or 1 and stop gradients", async () => {
  await check(
    pair(),
    () =>
      (a, [x, y]) =>
        a.less(x!, y!),
  );
  const whole = (dims: number[]) => leaf(dims, 2).map(({ data }) => ({ dims, data: data.map(Math.round) }));
  await check(
    broadcastable().chain(([p, q]) => fc.tuple(whole(p), whole(q))),
    () =>
      (a, [x, y]) =>
        a.equal(x!, y!),
  );
});
test("where, also with bits that are broadcast", () =>
  check(
    broadcastable().chain(([p, q]) => fc.tuple(leaf(p), leaf(q), leaf(p), leaf(q))),
    () =>
      (a, [p, q, x, y]) =>
        a.whereLess(p!, q!, x!, y!),
  ));
test("where with bits of fewer axes than the values", () =>
  check(
    broadcastable().chain(([p, q]) => fc.tuple(leaf(p), leaf(p), leaf(q), leaf(q))),
    () =>
      (a, [p, q, x, y]) =>
        a.whereLess(p!, q!, x!, y!),
  ));
test("neg, relu and scaling by public numbers", async () => {
  await check(
    single(),
    () =>
      (a, [x]) =>
        a.neg(x!),
  );
  await check(
    single(),
    () =>
      (a, [x]) =>
        a.relu(x!),
  );
  for (const factor of [0, 1, -1, 0.5, 3, 0.1, -1e-3, 1 / 60_000, 123.456])
    await check(
      single(2),
      () =>
        (a, [x]) =>
          a.scale(x!, factor),
      { runs: 8 },
    );
});
test("scaling products keeps precision", async () => {
  for (const factor of [0.25, 0.1, 1 / 1280, 1 / 3])
    await check(
      pair(),
      () =>
        (a, [x, y]) =>
          a.scale(a.mul(x!, y!), factor),
      { runs: 15, tolerance: 1e-5 },
    );
});
test("matmul, also with no rows or nothing to sum", () =>
  check(
    fc
      .tuple(...[0, 0, 0].map((min) => fc.integer({ min, max: 5 })))
      .chain(([m, k, n]) => fc.tuple(leaf([m!, k!]), leaf([k!, n!]))),
    () =>
      (a, [x, y]) =>
        a.matmul(x!, y!),
  ));
test("matmul with a public factor", () =>
  check(
    single(2).filter(([x]) => x.dims.length === 2),
    ([x]) =>
      (a, [value]) =>
        a.add(
          a.matmul(a.constant([2, x.dims[0]!], 0.5), value!),
          a.transpose(a.matmul(a.transpose(value!, [1, 0]), a.constant([x.dims[0]!, 2], -0.25)), [1, 0]),
        ),
  ));

const withAxes = (smallest = 1) =>
  shape(4, smallest).chain((dims) =>
    fc.tuple(fc.tuple(leaf(dims)), fc.subarray(dims.map((_, axis) => axis)), fc.boolean()),
  );
for (const smallest of [0, 1])
  test(`sum over any axes${smallest ? "" : ", empty ones too"}`, async () => {
    await fc.assert(
      fc.asyncProperty(withAxes(smallest), async ([leaves, axes, keep]) => {
        await agree(cluster, (a, [x]) => a.sum(x!, axes, keep), leaves);
      }),
      { numRuns: 60 },
    );
  });
test("mean over any axes", () =>
  fc.assert(
    fc.asyncProperty(withAxes(), async ([leaves, axes, keep]) => {
      await agree(cluster, (a, [x]) => a.mean(x!, axes, keep), leaves);
      await agree(cluster, (a, [x]) => a.mean(a.mul(x!, x!), axes, keep), leaves);
    }),
    { numRuns: 40 },
  ));
test("cumsum along any axis, of products, too", () =>
  fc.assert(
    fc.asyncProperty(
      shape(3)
        .filter((dims) => dims.length > 0)
        .chain((dims) => fc.tuple(fc.tuple(leaf(dims)), fc.nat(dims.length - 1))),
      async ([leaves, axis]) => {
        await agree(cluster, (a, [x]) => a.cumsum(x!, axis), leaves);
        await agree(cluster, (a, [x]) => a.mul(a.cumsum(a.mul(x!, x!), axis), x!), leaves);
      },
    ),
    { numRuns: 40 },
  ));
test("transpose in any order", () =>
  fc.assert(
    fc.asyncProperty(
      shape(5, 0).chain((dims) =>
        fc.tuple(
          fc.tuple(leaf(dims)),
          fc.shuffledSubarray(
            dims.map((_, axis) => axis),
            { minLength: dims.length },
          ),
        ),
      ),
      async ([leaves, axes]) => {
        await agree(cluster, (a, [x]) => a.transpose(x!, axes), leaves);
        await agree(cluster, (a, [x]) => a.transpose(a.transpose(x!, axes), axes), leaves);
      },
    ),
    { numRuns: 60 },
  ));
test("reshape, broadcast, slice and concat", () =>
  fc.assert(
    fc.asyncProperty(
      shape(3, 0)
        .filter((dims) => dims.length > 0)
        .chain((dims) => fc.tuple(fc.tuple(leaf(dims), leaf(dims)), fc.nat(dims.length - 1), fc.nat(4), fc.nat(4))),
      async ([leaves, axis, from, to]) => {
        const { dims } = leaves[0];
        const [start, end] = [from, to].map((at) => at % (dims[axis]! + 1)).sort() as [number, number];
        await agree(cluster, (a, [x]) => a.slice(x!, axis, start, end), leaves);
        await agree(cluster, (a, [x, y]) => a.concat([x!, y!, x!], axis), leaves);
        await agree(cluster, (a, [x, y]) => a.slice(a.concat([x!, y!], axis), axis, start, end + dims[axis]!), leaves);
        await agree(cluster, (a, [x]) => a.reshape(x!, [...dims].reverse()), leaves);
        await agree(cluster, (a, [x]) => a.broadcast(a.reshape(x!, [1, ...dims]), [3, ...dims]), leaves);
      },
    ),
    { numRuns: 60 },
  ));
test("bits move as numbers do", () =>
  fc.assert(
    fc.asyncProperty(
      shape(3, 0)
        .filter((dims) => dims.length > 0)
        .chain((dims) => fc.tuple(fc.tuple(leaf(dims), leaf(dims)), fc.nat(dims.length - 1), fc.nat(4), fc.nat(4))),
      async ([leaves, axis, from, to]) => {
        const { dims } = leaves[0];
        const [start, end] = [from, to].map((at) => at % (dims[axis]! + 1)).sort() as [number, number];
        const turned = dims.map((_, i) => (i + 1) % dims.length);
        await agree(cluster, (a, [x, y]) => a.slice(a.less(x!, y!), axis, start, end), leaves);
        await agree(cluster, (a, [x, y]) => a.transpose(a.less(x!, y!), turned), leaves);
        await agree(cluster, (a, [x, y]) => a.concat([a.less(x!, y!), a.equal(x!, y!), a.less(y!, x!)], axis), leaves);
        await agree(cluster, (a, [x, y]) => a.broadcast(a.reshape(a.less(x!, y!), [1, ...dims]), [3, ...dims]), leaves);
        await agree(cluster, (a, [x, y]) => a.pad(a.less(x!, y!), axis, start, end), leaves);
      },
    ),
    { numRuns: 60 },
  ));
test("slices and concatenations of products", () =>
  check(pair(), () => (a, [x, y]) => {
    const product = a.mul(x!, y!);
    if (a.dims(product).length === 0) return product;
    return a.concat([a.slice(product, 0, 0, 1), a.relu(product)], 0);
  }));
test("max and argmax along any axis", () =>
  fc.assert(
    fc.asyncProperty(
      shape(3)
        .filter((dims) => dims.length > 0)
        .chain((dims) => fc.tuple(fc.tuple(leaf([...dims, 7])), fc.nat(dims.length))),
      async ([leaves, axis]) => {
        fc.pre(await agree(cluster, (a, [x]) => a.max(x!, axis).max, leaves));
        await agree(cluster, (a, [x]) => a.max(x!, axis).argmax, leaves);
      },
    ),
    { numRuns: 40 },
  ));
test("comparisons are exact up to the declared bounds", async () => {
  const b = new Recorder({ fraction: 16 });
  const edge = 2 - 2 ** -16;
  const values = [edge, -edge, 0, 2 ** -16, -(2 ** -16), edge, -edge];
  const others = [-edge, edge, 2 ** -16, 0, -(2 ** -16), edge - 2 ** -16, -edge + 2 ** -16];
  const [x, y] = ["x", "y"].map((slot) => b.node("input", [], { slot, shape: [7], scale: 16, bound: 17 }));
  const show = (label: string, ref: Ref) =>
    b.node("reveal", [build.share(b, ref)], { label, release: "open", recipients: ["test"] });
  show("negative", build.isNegative(b, x!));
  show("less", build.less(b, x!, y!));
  show("equal", build.equal(b, x!, y!));
  show("maximum", build.maximum(b, x!, y!));
  const { revealed } = await cluster.run(b, { inputs: { x: values, y: others } });
  assert.deepEqual([...revealed.negative!], [0, 1, 0, 0, 1, 0, 1]);
  assert.deepEqual(
    [...revealed.less!],
    values.map((value, i) => Number(value < others[i]!)),
  );
  assert.deepEqual(
    [...revealed.equal!],
    values.map((value, i) => Number(value === others[i]!)),
  );
  assert.deepEqual(
    [...revealed.maximum!],
    values.map((value, i) => Math.max(value, others[i]!)),
  );
});
