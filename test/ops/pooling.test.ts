/** Pooling against loops in float64: values and gradients, with all options. With `plain`. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import * as build from "../../src/ops/build.js";
import type { Ref } from "../../src/ops/index.js";
import { adaptiveMaxPool2d, maxPool1d, maxPool2d } from "../../src/ops/max-pooling.js";
import { adaptiveAvgPool2d, avgPool1d, avgPool2d } from "../../src/ops/pooling.js";
import { differentiate, planCost, Recorder } from "../../src/plan/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import { agree, byPlan, type Leaf, type Program } from "./algebra.js";
import { leaf } from "./arbitraries.js";
import * as oracle from "./oracle.js";
import * as windows from "./oracle-windows.js";

const cluster = new Cluster(plain);
after(() => cluster.close());

const upTo = (max: number, min = 1) => fc.integer({ min, max });
const two = (max: number, min = 1) => fc.tuple(upTo(max, min), upTo(max, min));
interface Form {
  readonly kernel: [number, number];
  readonly stride: [number, number];
  readonly padding: [number, number];
  readonly dilation: [number, number];
  readonly ceilMode: boolean;
}
/** Places along one axis that each window has, the padding as -1; from PyTorch's rules. */
function line(length: number, form: Form, i: number): number[][] {
  const [k, s, p, d] = [form.kernel[i]!, form.stride[i]!, form.padding[i]!, form.dilation[i]!];
  const lines: number[][] = [];
  const end = form.ceilMode ? length : length + p - d * (k - 1);
  for (let start = -p; start < end; start += s) {
    // Beyond the first window that reaches the end of the padding there is none.
    if (form.ceilMode && start - s + d * (k - 1) >= length + p - 1 && lines.length > 0) break;
    lines.push(Array.from({ length: k }, (_, j) => start + j * d).map((at) => (at >= 0 && at < length ? at : -1)));
  }
  return lines;
}
const inside = (lines: number[][]) => lines.map((places) => places.filter((at) => at >= 0));
const form = fc.record({
  kernel: two(4),
  stride: two(3),
  padding: two(2, 0),
  dilation: two(2),
  ceilMode: fc.boolean(),
});
const fits = (image: readonly number[], form: Form) =>
  [0, 1].every(
    (i) =>
      form.padding[i]! <= form.kernel[i]! >> 1 &&
      image[i]! + 2 * form.padding[i]! > form.dilation[i]! * (form.kernel[i]! - 1) &&
      inside(line(image[i]!, form, i)).every((places) => places.length > 0),
  );

test("maxPool2d: overlapping windows, padding, dilation, ceiling", async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc
        .tuple(form, two(7), upTo(2))
        .filter(([given, image]) => fits(image, given))
        .chain(([given, image, batch]) => fc.tuple(fc.constant(given), leaf([batch, 2, ...image]))),
      async ([given, x]) => {
        const { kernel, ...options } = given;
        const [height, width] = x.dims.slice(-2) as [number, number];
        const [rows, columns] = [inside(line(height, given, 0)), inside(line(width, given, 1))];
        const program: Program = (a, [p]) =>
          a.own(
            (b, image) => maxPool2d(b, image!, kernel, options),
            (image) => windows.maxima(image!, windows.windowsOf(image!, rows, columns)),
            p!,
          );
        if (await agree(cluster, program, [x])) compared++;
        await agree(cluster, (a, leaves) => a.relu(program(a, leaves)), [x]);
      },
    ),
    { numRuns: 80 },
  );
  assert.ok(compared > 50, `${compared}`);
});

test("avgPool2d: overlapping windows, padding that counts or not, ceiling, divisors", () =>
  fc.assert(
    fc.asyncProperty(
      fc
        .tuple(form, two(7), fc.boolean(), fc.constantFrom(undefined, 3))
        .filter(([given, image]) => fits(image, { ...given, dilation: [1, 1] }))
        .chain(([given, image, counts, divisor]) =>
          fc.tuple(
            fc.constant({ ...given, dilation: [1, 1] as [number, number] }),
            leaf([2, 2, ...image], 2),
            fc.constant([counts, divisor] as const),
          ),
        ),
      async ([given, x, [countIncludePad, divisorOverride]]) => {
        const image = x.dims.slice(-2);
        const lines = [0, 1].map((i) => line(image[i]!, given, i));
        // Behind the padding nothing counts, though a window may reach there.
        const counted = lines.map((windows, i) =>
          windows.map((places, at) => {
            const start = at * given.stride[i]! - given.padding[i]!;
            return countIncludePad
              ? places.filter((_, j) => start + j < image[i]! + given.padding[i]!).length
              : places.filter((place) => place >= 0).length;
          }),
        );
        const divisors = counted[0]!.flatMap((row) => counted[1]!.map((column) => divisorOverride ?? row * column));
        const [rows, columns] = lines.map(inside);
        const { kernel, stride, padding, ceilMode } = given;
        const options = { stride, padding, ceilMode, countIncludePad, ...(divisorOverride ? { divisorOverride } : {}) };
        // On a share, and on a product that was not truncated yet.
        for (const squared of [false, true])
          assert.ok(
            await agree(
              cluster,
              (a, [p]) =>
                a.own(
                  (b, value) => avgPool2d(b, value!, kernel, options),
                  (value) => windows.averages(value!, windows.windowsOf(value!, rows!, columns!), divisors),
                  squared ? a.mul(p!, p!) : p!,
                ),
              [x],
            ),
          );
      },
    ),
    { numRuns: 50 },
  ));

const spread = (dims: number[]): Leaf => {
  const n = oracle.count(dims);
  return { dims, data: Array.from({ length: n }, (_, i) => ((i * 7919) % n) / 64 - 1) };
};

test("adaptive pooling: windows of several sizes, an axis left alone, all of the image", async () => {
  for (const [image, size] of [
    [
      [5, 7],
      [3, 4],
    ],
    [
      [6, 4],
      [3, 2],
    ],
    [
      [5, 4],
      [5, 4],
    ],
    [
      [7, 3],
      [2, null],
    ],
    [[6, 7], 1],
    [[3, 5], 2],
  ] as const) {
    const wanted = (typeof size === "number" ? [size, size] : size).map((n, i) => n ?? image[i]!);
    const lines = image.map((length, i) =>
      Array.from({ length: wanted[i]! }, (_, k) => {
        const [start, end] = [Math.floor((k * length) / wanted[i]!), Math.ceil(((k + 1) * length) / wanted[i]!)];
        return Array.from({ length: end - start }, (_, j) => start + j);
      }),
    );
    const [rows, columns] = lines as [number[][], number[][]];
    const divisors = rows.flatMap((row) => columns.map((column) => row.length * column.length));
    const x = spread([2, 2, ...image]);
    const check = (record: (b: Recorder, x: Ref) => Ref, compute: (x: oracle.Real) => oracle.Real) =>
      agree(
        cluster,
        (a, [p]) =>
          a.own(
            (b, value) => record(b, value!),
            (value) => compute(value!),
            p!,
          ),
        [x],
      );
    assert.ok(
      await check(
        (b, value) => adaptiveAvgPool2d(b, value, size),
        (value) => windows.averages(value, windows.windowsOf(value, rows, columns), divisors),
      ),
    );
    assert.ok(
      await check(
        (b, value) => adaptiveMaxPool2d(b, value, size),
        (value) => windows.maxima(value, windows.windowsOf(value, rows, columns)),
      ),
      `${image} ${size}`,
    );
  }
});

test("large windows, one spatial axis", async () => {
  const cases: [Leaf, (b: Recorder, x: Ref) => Ref, number[][], number[][], boolean][] = [
    [spread([2, 3, 10, 9]), (b, x) => maxPool2d(b, x, [5, 4]), blocks(2, 5), blocks(2, 4), true],
    [
      spread([3, 9]),
      (b, x) => maxPool1d(b, x, 3, { stride: 2 }),
      [[0]],
      [0, 2, 4, 6].map((i) => [i, i + 1, i + 2]),
      true,
    ],
    [spread([2, 3, 8]), (b, x) => avgPool1d(b, x, 4), [[0]], blocks(2, 4), false],
  ];
  for (const [x, record, rows, columns, largest] of cases)
    assert.ok(
      await agree(
        cluster,
        (a, [p]) =>
          a.own(
            (b, value) => record(b, value!),
            (value) => {
              const image =
                rows.length === 1 ? oracle.reshape(value!, [...x.dims.slice(0, -1), 1, x.dims.at(-1)!]) : value!;
              const at = windows.windowsOf(image, rows, columns);
              const pooled = largest ? windows.maxima(image, at) : windows.averages(image, at, [4]);
              return rows.length === 1 ? oracle.reshape(pooled, [...x.dims.slice(0, -1), columns.length]) : pooled;
            },
            p!,
          ),
        [x],
      ),
    );
});
const blocks = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => Array.from({ length }, (_, j) => i * length + j));

test("of equal elements the first in a window gets the gradient", async () => {
  const x = { dims: [1, 1, 2, 4], data: [1, 3, 2, 2, 3, 0, 2, 2] };
  const { gradients } = await byPlan(
    cluster,
    (a, [p]) =>
      a.own(
        (b, v) => maxPool2d(b, v!, 2),
        (v) => v!,
        p!,
      ),
    [x],
  );
  assert.deepEqual([...gradients[0]!], [0, 1, -0.5, 0, 0, 0, 0, 0]);
});

test("few windows are compared each with each, many two by two; gradients and relus compare nothing again", () => {
  for (const [n, levels, comparisons] of [
    [4, 1, 6 + 4],
    [128, 2, 3 + 1],
  ] as const) {
    const b = new Recorder({ fraction: 16 });
    const x = b.node("input", [], { slot: "x", shape: [n, 4, 8, 8], scale: 16, bound: 31 });
    const y = build.relu(b, maxPool2d(b, x, 2));
    const [gradient] = differentiate(b, build.sum(b, build.square(b, y)), [x]);
    b.node("assign", [build.share(b, gradient!)], { name: "g" });
    b.node("assign", [y], { name: "y" });
    const plan = b.close();
    const windows = n * 4 * 16;
    const compared = plan.nodes.filter(({ op }) => op === "isNegative").map(({ type }) => oracle.count(type.shape));
    assert.equal(
      compared.reduce((sum, elements) => sum + elements, 0),
      comparisons * windows,
    );
    assert.ok(plan.nodes.filter(({ op }) => op === "narrow").length === (levels === 1 ? 1 : 3));
  }
});
test("rounds of a pooling with its relu", () => {
  const rounds = (n: number, kernel: number) => {
    const b = new Recorder({ fraction: 16 });
    const x = b.node("input", [], { slot: "x", shape: [n, 4, 36, 36], scale: 16, bound: 31 });
    b.node("assign", [build.relu(b, maxPool2d(b, x, kernel))], { name: "y" });
    return planCost(b.close(), rep3).rounds;
  };
  assert.equal(rounds(1, 2), 5 + 2 + 2);
  assert.equal(rounds(64, 2), 7 + 7 + 7);
  assert.equal(rounds(1, 3), 2 * (5 + 1 + 2) + 2);
});
