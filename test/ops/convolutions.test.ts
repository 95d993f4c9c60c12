/** Convolutions and einsum against loops in float64: values and gradients, with all options. With `plain`. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import * as build from "../../src/ops/build.js";
import { einsum } from "../../src/ops/contractions.js";
import { conv1d, conv2d, convTranspose1d, convTranspose2d } from "../../src/ops/convolutions.js";
import { factors } from "../../src/ops/factor.js";
import { plain } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import { agree, type Leaf } from "./algebra.js";
import { leaf } from "./arbitraries.js";
import * as oracle from "./oracle.js";
import * as windows from "./oracle-windows.js";

const cluster = new Cluster(plain);
after(() => cluster.close());

/** Numbers that fixed point holds exactly, other ones for each k. */
const numbers = (dims: readonly number[], k: number): Leaf => ({
  dims,
  data: Array.from({ length: oracle.count(dims) }, (_, i) => Math.round(2048 * Math.sin(k + 1.7 * i)) / 2048),
});
const upTo = (max: number, min = 1) => fc.integer({ min, max });
const two = (max: number, min = 1) => fc.tuple(upTo(max, min), upTo(max, min));
const layer = fc.record({ stride: two(3), padding: two(3, 0), dilation: two(2), groups: upTo(2) });
const sizes = fc.record({ batch: upTo(3), channels: upTo(2), filters: upTo(2), image: two(6), kernel: two(3) });

test("conv2d: strides, padding, dilation, groups", () =>
  fc.assert(
    fc.asyncProperty(
      fc
        .tuple(sizes, layer)
        .filter(([{ image, kernel }, { padding, dilation }]) =>
          [0, 1].every((i) => image[i]! + 2 * padding[i]! > dilation[i]! * (kernel[i]! - 1)),
        )
        .chain(([{ batch, channels, filters, image, kernel }, given]) =>
          fc.tuple(
            leaf([batch, channels * given.groups, ...image], 2),
            leaf([filters * given.groups, channels, ...kernel], 2),
            fc.constant(given),
          ),
        ),
      async ([x, w, given]) => {
        assert.ok(
          await agree(
            cluster,
            (a, [p, q]) =>
              a.own(
                (b, image, filters) => conv2d(b, image!, filters!, undefined, given),
                (image, filters) => windows.conv2d(image!, filters!, given),
                p!,
                q!,
              ),
            [x, w],
          ),
        );
      },
    ),
    { numRuns: 100 },
  ));

test("convTranspose2d: strides, padding, output padding, dilation, groups", () =>
  fc.assert(
    fc.asyncProperty(
      fc
        .tuple(sizes, layer, two(1, 0))
        .filter(([{ image, kernel }, { stride, padding, dilation }, behind]) =>
          [0, 1].every(
            (i) =>
              behind[i]! < Math.max(stride[i]!, dilation[i]!) &&
              (image[i]! - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + behind[i]! >= 2 * padding[i]!,
          ),
        )
        .chain(([{ batch, channels, filters, image, kernel }, given, behind]) =>
          fc.tuple(
            leaf([batch, channels * given.groups, ...image], 2),
            leaf([channels * given.groups, filters, ...kernel], 2),
            fc.constant(given),
            fc.constant(behind),
          ),
        ),
      async ([x, w, given, outputPadding]) => {
        assert.ok(
          await agree(
            cluster,
            (a, [p, q]) =>
              a.own(
                (b, image, filters) => convTranspose2d(b, image!, filters!, undefined, { ...given, outputPadding }),
                (image, filters) => windows.convTranspose2d(image!, filters!, outputPadding, given),
                p!,
                q!,
              ),
            [x, w],
          ),
        );
      },
    ),
    { numRuns: 100 },
  ));

test("the operator with every attribute, as gradients of gradients would have it", () =>
  fc.assert(
    fc.asyncProperty(
      fc.record({
        ...{ stride: two(3), dilation: two(3), spread: two(3), padding: two(4, -3), size: two(5, 0) },
        ...{ batch: upTo(2, 0), groups: upTo(2), channels: upTo(2), filters: upTo(2), image: two(4), kernel: two(3) },
      }),
      fc.infiniteStream(fc.integer({ min: -4096, max: 4096 })),
      async ({ batch, groups, channels, filters, image, kernel, ...given }, numbers) => {
        const of = (dims: number[]) => ({
          dims,
          data: Array.from({ length: oracle.count(dims) }, () => numbers.next().value / 4096),
        });
        const leaves = [of([batch, groups, channels, ...image]), of([groups, filters, channels, ...kernel])];
        await agree(
          cluster,
          (a, [p, q]) =>
            a.own(
              (b, x, w) => b.node("convolve", factors(b, x!, w!), given),
              (x, w) => windows.convolve(x!, w!, given),
              p!,
              q!,
            ),
          leaves,
        );
      },
    ),
    { numRuns: 150 },
  ));

test("biases, one spatial axis, no batch, paddings by name, public filters", async () => {
  const given = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
  const [x, w, bias] = [numbers([2, 2, 5, 4], 1), numbers([3, 2, 3, 3], 2), numbers([3], 3)];
  const same = (p: oracle.Real, q: oracle.Real, r: oracle.Real) =>
    oracle.add(windows.conv2d(p, q, given), oracle.reshape(r, [3, 1, 1]));
  assert.ok(
    await agree(
      cluster,
      (a, [p, q, r]) =>
        a.own(
          (b, ...refs) => conv2d(b, refs[0]!, refs[1]!, refs[2], { padding: "same" }),
          (...reals) => same(reals[0]!, reals[1]!, reals[2]!),
          p!,
          q!,
          r!,
        ),
      [x, w, bias],
    ),
  );
  assert.ok(
    await agree(
      cluster,
      (a, [p, q]) =>
        a.own(
          (b, image, line) => conv2d(b, image!, b.node("secret", [publicOnes(b)]), line!, { padding: "valid" }),
          (image, line) => {
            const filters = new oracle.Real([3, 2, 2, 2], new Float64Array(24).fill(0.5));
            const plainly = windows.conv2d(oracle.reshape(image!, [1, 2, 5, 4]), filters, {
              ...given,
              padding: [0, 0],
            });
            return oracle.add(oracle.reshape(plainly, [3, 4, 3]), oracle.reshape(line!, [3, 1, 1]));
          },
          p!,
          q!,
        ),
      [numbers([2, 5, 4], 4), bias],
    ),
  );
  const flat = { stride: [1, 2], padding: [0, 1], dilation: [1, 1], groups: 1 };
  const line = (real: oracle.Real, height: number) =>
    oracle.reshape(real, [real.dims[0]!, real.dims[1]!, height, ...real.dims.slice(2)].slice(0, 4));
  for (const transposed of [false, true])
    assert.ok(
      await agree(
        cluster,
        (a, [p, q]) =>
          a.own(
            (b, image, filters) =>
              (transposed ? convTranspose1d : conv1d)(b, image!, filters!, undefined, { stride: 2, padding: 1 }),
            (image, filters) => {
              const [i, f] = [line(image!, 1), line(filters!, 1)];
              const out = transposed ? windows.convTranspose2d(i, f, [0, 0], flat) : windows.conv2d(i, f, flat);
              return oracle.reshape(out, [out.dims[0]!, out.dims[1]!, out.dims[3]!]);
            },
            p!,
            q!,
          ),
        [numbers([2, 3, 7], 5), numbers([3, 3, 4], 6)],
      ),
    );
});
function publicOnes(b: Parameters<typeof conv2d>[0]) {
  return b.node("constant", [], {
    ...{ shape: [3, 2, 2, 2], scale: 1, bound: 2 },
    words: Buffer.from(BigInt64Array.of(1n).buffer).toString("base64"),
  });
}

test("einsum: sums, batches, outer products, diagonals, three factors, axes in any order", async () => {
  const lengths: Record<string, number> = { i: 2, j: 3, k: 4, l: 2 };
  const dims = (letters: string) => [...letters].map((letter) => lengths[letter]!);
  const of = (letters: string, k: number) => numbers(dims(letters), k);
  for (const axes of [
    ...["ij,jk->ik", "ij,kj->ki", "ijk,ikl->ijl", "lij,lij->l", "i,j->ij", "i,i->", "kij,ji->k", "ij,k->jik"],
    ...["kj,j->k", "j,kj->k", "ijk,lk->ijl", "lijk,lijk->kj", "ij,ij->ij", "ij,ij->ji"],
  ]) {
    const [x, y] = axes.split(/,|->/) as [string, string];
    assert.ok(
      await agree(
        cluster,
        (a, [p, q]) =>
          a.own(
            (b, ...refs) => einsum(b, axes, refs),
            (left, right) => windows.einsum(axes, left!, right!),
            p!,
            q!,
          ),
        [of(x, 1), of(y, 2)],
      ),
      axes,
    );
  }
  const three = [of("ij", 1), of("jk", 2), of("kl", 3)];
  assert.ok(
    await agree(
      cluster,
      (a, [p, q, r]) =>
        a.own(
          (b, ...refs) => einsum(b, "ij, jk, kl -> li", refs),
          (x, y, z) => windows.einsum("ik,kl->li", windows.einsum("ij,jk->ik", x!, y!), z!),
          p!,
          q!,
          r!,
        ),
      three,
    ),
  );
  const square = { dims: [3, 3], data: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((value) => value / 8) };
  const trace = (x: oracle.Real) => oracle.total(oracle.pick([3], [x], ([i]) => [0, 4 * i!]));
  assert.ok(
    await agree(
      cluster,
      (a, [p]) =>
        a.own(
          (b, x) => einsum(b, "ii", [x!]),
          (x) => trace(x!),
          p!,
        ),
      [square],
    ),
  );
});

test("matrix products of any rank, axes in front broadcast", async () => {
  const cases: [number[], number[], string, string][] = [
    [[2, 3, 4], [2, 4, 2], "aik,akj->aij", ""],
    [[2, 3, 4], [4, 2], "aik,kj->aij", ""],
    [[3, 4], [2, 4, 2], "ik,akj->aij", ""],
    [[2, 1, 3, 4], [5, 4, 2], "aik,bkj->abij", "first"],
    [[4], [4, 2], "k,kj->j", ""],
    [[2, 3, 4], [4], "aik,k->ai", ""],
    [[4], [4], "k,k->", ""],
  ];
  for (const [p, q, axes, squeezed] of cases)
    assert.ok(
      await agree(
        cluster,
        (a, [x, y]) =>
          a.own(
            (b, left, right) => build.matmul(b, left!, right!),
            (left, right) => windows.einsum(axes, squeezed ? oracle.reshape(left!, [2, 3, 4]) : left!, right!),
            x!,
            y!,
          ),
        [numbers(p, 1), numbers(q, 2)],
      ),
      axes,
    );
  const [x, w, bias] = [numbers([2, 3, 4], 1), numbers([5, 4], 2), numbers([5], 3)];
  assert.ok(
    await agree(
      cluster,
      (a, leaves) =>
        a.own(
          (b, ...refs) => build.linear(b, refs[0]!, refs[1]!, refs[2]),
          (p, q, r) => oracle.add(windows.einsum("aik,jk->aij", p!, q!), r!),
          ...leaves,
        ),
      [x, w, bias],
    ),
  );
});
