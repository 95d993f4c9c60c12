/** Elements in other places: values and gradients against lists of places. With `plain`. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Ref } from "../../src/ops/index.js";
import * as rearrange from "../../src/ops/rearrange.js";
import { Recorder } from "../../src/plan/index.js";
import { plain } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import { agree, type Leaf, type Program } from "./algebra.js";
import * as oracle from "./oracle.js";
import { addedAt } from "./oracle-windows.js";

const cluster = new Cluster(plain);
after(() => cluster.close());

const numbers = (dims: number[], k = 1): Leaf => ({
  dims,
  data: Array.from({ length: oracle.count(dims) }, (_, i) => Math.round(2048 * Math.sin(k + 1.7 * i)) / 1024),
});
type Record = (b: Recorder, ...refs: Ref[]) => Ref;
type Compute = (...reals: oracle.Real[]) => oracle.Real;
async function check(what: string, leaves: Leaf[], record: Record, compute: Compute): Promise<void> {
  const program: Program = (a, values) => a.own(record, compute, ...values);
  assert.ok(await agree(cluster, program, leaves, { tolerance: 1e-5 }), what);
}
/** The element of x at an index that is made of the result's. */
const from =
  (dims: number[], at: (index: readonly number[]) => readonly number[] | undefined): Compute =>
  (x) =>
    oracle.pick(dims, [x!], (index) => {
      const place = at(index);
      return place && [0, oracle.plainOffset(x!.dims, place)];
    });
const x = numbers([3, 4, 5]);

test("pad: zeros, another value, fewer elements", async () => {
  const inside = (place: readonly number[]) => place.every((at, axis) => at >= 0 && at < x.dims[axis]!);
  const padded: Compute = from([3, 6, 5], ([i, j, k]) =>
    inside([i!, j! - 2, k! + 1 - 1]) ? [i!, j! - 2, k!] : undefined,
  );
  await check("zeros", [x], (b, v) => rearrange.pad(b, v!, [0, 0, 2, 0]), padded);
  const outside = new oracle.Real(
    [3, 6, 5],
    Float64Array.from(oracle.indices([3, 6, 5]), ([, j]) => (j! < 2 ? -1.5 : 0)),
  );
  await check(
    "a value",
    [x],
    (b, v) => rearrange.pad(b, v!, [0, 0, 2, 0], -1.5),
    (v) => oracle.add(padded(v!), outside),
  );
  await check(
    "fewer",
    [x],
    (b, v) => rearrange.pad(b, v!, [-1, 2, 1, -2]),
    from([3, 3, 6], ([i, j, k]) => (inside([i!, j! - 1, k! + 1]) ? [i!, j! - 1, k! + 1] : undefined)),
  );
});

test("flip, roll, strided slices", async () => {
  await check(
    "one axis",
    [x],
    (b, v) => rearrange.flip(b, v!, [-1]),
    from([3, 4, 5], ([i, j, k]) => [i!, j!, 4 - k!]),
  );
  await check(
    "all",
    [x],
    (b, v) => rearrange.flip(b, v!),
    from([3, 4, 5], ([i, j, k]) => [2 - i!, 3 - j!, 4 - k!]),
  );
  await check(
    "roll",
    [x],
    (b, v) => rearrange.roll(b, v!, [1, -2], [0, 2]),
    from([3, 4, 5], ([i, j, k]) => [(i! + 2) % 3, j!, (k! + 2) % 5]),
  );
  await check(
    "roll all",
    [x],
    (b, v) => rearrange.roll(b, v!, [7]),
    (v) => oracle.pick([3, 4, 5], [v!], (index) => [0, (oracle.plainOffset(x.dims, index) + 53) % 60]),
  );
  for (const [start, end, step] of [
    [0, 5, 2],
    [1, 5, 3],
    [2, 3, 4],
    [1, 1, 2],
  ] as const)
    await check(
      `step ${step}`,
      [x],
      (b, v) => rearrange.strided(b, v!, 2, start, end, step),
      from([3, 4, Math.ceil((end - start) / step)], ([i, j, k]) => [i!, j!, start + k! * step]),
    );
});

test("public positions: gather, indexSelect, scatter, scatterAdd", async () => {
  const rows = [2, 0, 2, 2];
  await check(
    "indexSelect",
    [x],
    (b, v) => rearrange.indexSelect(b, v!, 0, rows),
    from([4, 4, 5], ([i, j, k]) => [rows[i!]!, j!, k!]),
  );
  const index = { shape: [2, 3, 5], data: Array.from({ length: 30 }, (_, i) => (i * 7) % 4) };
  const at = ([i, j, k]: readonly number[]) => [i!, index.data[(i! * 3 + j!) * 5 + k!]!, k!];
  await check("gather", [x], (b, v) => rearrange.gather(b, v!, 1, index), from([2, 3, 5], at));
  const source = numbers([2, 3, 6], 2);
  const places = [...oracle.indices([2, 3, 5])].map((place) => oracle.plainOffset(x.dims, at(place)));
  const used = (s: oracle.Real) => oracle.slice(s, 2, 0, 5);
  await check(
    "scatterAdd",
    [x, source],
    (b, v, s) => rearrange.scatterAdd(b, v!, 1, index, s!),
    (v, s) => oracle.add(v!, addedAt(x.dims as number[], used(s!), places)),
  );
  await check(
    "scatter",
    [x, source],
    (b, v, s) => rearrange.scatter(b, v!, 1, index, s!),
    (v, s) => {
      const own = used(s!);
      return oracle.pick([3, 4, 5], [v!, own], (place) => {
        const to = oracle.plainOffset(x.dims, place);
        const found = places.lastIndexOf(to);
        return found < 0 ? [0, to] : [1, found];
      });
    },
  );
});

test("shapes: squeeze, unsqueeze, expand, repeat, stack, split, chunk, diagonal, trace, moveAxis", async () => {
  const b = new Recorder({ fraction: 16 });
  const input = (shape: number[]) => b.node("input", [], { slot: `x${shape.join("-")}`, shape, scale: 16, bound: 31 });
  const shape = (ref: Ref) => [...ref.type.shape];
  const thin = input([1, 3, 1, 2]);
  assert.deepEqual(shape(rearrange.squeeze(b, thin)), [3, 2]);
  assert.deepEqual(shape(rearrange.squeeze(b, thin, [2, 1])), [1, 3, 2]);
  assert.deepEqual(shape(rearrange.unsqueeze(b, input([3, 2]), -1)), [3, 2, 1]);
  assert.deepEqual(
    rearrange.split(b, input([3, 8]), 3, 1).map(shape),
    [3, 3, 2].map((n) => [3, n]),
  );
  assert.deepEqual(rearrange.split(b, input([3, 8]), [1, 2], 0).map(shape), [
    [1, 8],
    [2, 8],
  ]);
  assert.deepEqual(
    rearrange.chunk(b, input([3, 8]), 3, -1).map(shape),
    [3, 3, 2].map((n) => [3, n]),
  );
  assert.deepEqual(shape(rearrange.moveAxis(b, input([2, 3, 4, 5]), -1, 1)), [2, 5, 3, 4]);
  await check(
    "expand",
    [numbers([1, 3])],
    (b, v) => rearrange.expand(b, v!, [2, 4, -1]),
    from([2, 4, 3], ([, , k]) => [0, k!]),
  );
  await check(
    "repeat",
    [numbers([2, 3])],
    (b, v) => rearrange.repeat(b, v!, [2, 3, 2]),
    from([2, 6, 6], ([, j, k]) => [j! % 2, k! % 3]),
  );
  await check(
    "stack",
    [numbers([2, 3]), numbers([2, 3], 2)],
    (b, v, w) => rearrange.stack(b, [v!, w!], 1),
    (v, w) => oracle.pick([2, 2, 3], [v!, w!], ([i, j, k]) => [j!, i! * 3 + k!]),
  );
  for (const offset of [-2, -1, 0, 1, 3]) {
    const n = Math.max(0, Math.min(4 - Math.max(0, -offset), 5 - Math.max(0, offset)));
    await check(
      `diagonal ${offset}`,
      [x],
      (b, v) => rearrange.diagonal(b, v!, offset),
      from([3, n], ([i, k]) => [i!, k! + Math.max(0, -offset), k! + Math.max(0, offset)]),
    );
  }
  await check(
    "trace",
    [numbers([4, 4])],
    (b, v) => rearrange.trace(b, v!),
    (v) => oracle.total(oracle.pick([4], [v!], ([i]) => [0, 5 * i!])),
  );
});

test("what does not fit is refused by name", () => {
  const b = new Recorder({ fraction: 16 });
  const v = b.node("input", [], { slot: "x", shape: [3, 4], scale: 16, bound: 31 });
  const refused = (what: () => unknown, message: RegExp) => assert.throws(what, message);
  refused(() => rearrange.pad(b, v, [1, 1, 1]), /pad: expected up to 2 pairs of whole numbers for \[3, 4\], got/);
  refused(() => rearrange.pad(b, v, [-3, -2]), /pad: expected to take off at most 4/);
  refused(() => rearrange.flip(b, v, [2]), /flip: expected an integer from -2 to 1/);
  refused(() => rearrange.roll(b, v, [1, 2], [0]), /roll: expected a shift for each of 1 axes, got 2/);
  refused(() => rearrange.indexSelect(b, v, 0, [0, 3]), /gather: expected positions below 3, got 3/);
  refused(() => rearrange.indexSelect(b, v, 0, [-1]), /indexSelect: expected positions from 0 on, got -1/);
  refused(() => rearrange.gather(b, v, 0, { shape: [1, 5], data: [0, 0, 0, 0, 0] }), /gather: expected an index/);
  refused(() => rearrange.gather(b, v, 1, { shape: [1, 1], data: [4] }), /gather: expected positions from 0 to 3/);
  refused(() => rearrange.split(b, v, [1, 1]), /split: expected lengths that make 3/);
  refused(() => rearrange.repeat(b, v, [2]), /repeat: expected a count for each axis/);
});
