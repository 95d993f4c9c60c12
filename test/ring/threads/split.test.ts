/** Products of which a second thread computes a part: equal to those of one thread, whatever becomes of the second one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { createKernels, type KernelSets, type Kernels, Ring } from "../../../src/ring/index.js";
import type { Helper } from "../../../src/ring/threads/helper.js";
import { createSplitKernels } from "../../../src/ring/threads/split.js";
import { fillWords } from "../twins.js";

const one = createKernels();
const two = createSplitKernels();
const sizes = [
  { of: "64 bits", wordBytes: 8, pick: (sets: KernelSets): Kernels => sets },
  { of: "32 bits", wordBytes: 4, pick: (sets: KernelSets): Kernels => sets.narrow },
] as const;
await two.helper.started();
after(() => two.helper.close());

/** Runs the same in memories with the same contents, and compares everything that lies in them afterwards. */
function same(
  bytes: number,
  seed: number,
  [left, right]: readonly KernelSets[],
  run: (kernels: KernelSets) => void,
): void {
  const contents = new BigUint64Array(Math.ceil(bytes / 8));
  fillWords(contents, seed);
  const results = [left!, right!].map((kernels) => {
    const { memory, heapBase } = kernels;
    const missing = heapBase + 8 * contents.length - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    const words = () => new BigUint64Array(memory.buffer, heapBase, contents.length);
    words().set(contents);
    run(kernels);
    return Buffer.from(new Uint8Array(memory.buffer, heapBase, 8 * contents.length));
  });
  assert.ok(results[0]!.equals(results[1]!));
}

/** Repeats `check` until the helper has computed a piece: on a busy machine it may come too late for a product or two. */
function withHelp(helper: Helper, check: (seed: number) => void): void {
  const before = helper.merged;
  for (let seed = 1; seed <= 200; seed++) {
    check(seed);
    if (helper.merged > before) return;
  }
  assert.fail("the helper has not computed a piece of 200 products");
}

/** C, A and B one after the other, with some words before, between and behind. */
function matmul(m: number, k: number, n: number, accumulate: number, wordBytes: number) {
  const gap = 128;
  const a = gap + m * n * wordBytes + gap;
  const b = a + m * k * wordBytes + gap;
  const run = (kernels: Kernels) => {
    const base = kernels.heapBase;
    kernels.matmul(base + gap, base + a, base + b, m, k, n, accumulate);
  };
  return { bytes: b + k * n * wordBytes + gap, run };
}

// Halves, quarters, many pieces, and a last one that is smaller; rows that are odd.
const shapes = [
  [128, 180, 180],
  [131, 181, 181],
  [33, 400, 320],
  [513, 64, 130],
  [1025, 65, 64],
  [40, 90, 8000],
  [256, 256, 256],
] as const;
for (const { of, wordBytes, pick } of sizes)
  for (const [m, k, n] of shapes)
    test(`matmul in pieces: ${m} x ${k} x ${n}, ${of}`, () => {
      for (const accumulate of [0, 1]) {
        const { bytes, run } = matmul(m, k, n, accumulate, wordBytes);
        withHelp(two.helper, (seed) => same(bytes, seed, [one, two.kernels], (sets) => run(pick(sets))));
      }
    });

/** Tables that spread the elements of C (`apart` words from one column to the next; 0: all columns in one place) and overlap in B. */
function indexed(m: number, k: number, n: number, accumulate: number, apart: number, wordBytes: number) {
  const row = Math.max(1, apart * n);
  const tables = [
    Array.from({ length: m }, (_, i) => i * row),
    Array.from({ length: n }, (_, j) => j * apart),
    Array.from({ length: m }, (_, i) => i * k),
    Array.from({ length: k }, (_, p) => p),
    Array.from({ length: k }, (_, p) => (p % 7) * 3),
    Array.from({ length: n }, (_, j) => j),
  ].map((table) => Uint32Array.from(table, (word) => word * wordBytes));
  let at = 0;
  const places = tables.map((table) => {
    at += table.byteLength;
    return at - table.byteLength;
  });
  const c = Math.ceil(at / 64) * 64;
  const a = c + m * row * wordBytes;
  const b = a + m * k * wordBytes;
  const run = (kernels: Kernels) => {
    const base = kernels.heapBase;
    tables.forEach((table, i) => {
      new Uint32Array(kernels.memory.buffer, base + places[i]!, table.length).set(table);
    });
    const [rc, cc, ra, ca, rb, cb] = places.map((place) => base + place) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    kernels.matmulIndexed(base + c, rc, cc, base + a, ra, ca, base + b, rb, cb, m, k, n, accumulate);
  };
  return { bytes: b + (n + 64) * wordBytes, run };
}

for (const { of, wordBytes, pick } of sizes)
  for (const [along, m, k, n] of [
    ["columns", 20, 25, 9000],
    ["columns, the last piece a single one", 50, 100, 2049],
    ["steps", 20, 9001, 25],
    ["rows", 220, 200, 120],
  ] as const)
    test(`matmulIndexed in pieces along ${along}, ${of}`, () => {
      for (const [accumulate, apart] of [
        [0, 1],
        [0, 2],
        [1, 1],
        [1, 0],
      ] as const) {
        const { bytes, run } = indexed(m, k, n, accumulate, apart, wordBytes);
        withHelp(two.helper, (seed) => same(bytes, seed, [one, two.kernels], (sets) => run(pick(sets))));
      }
    });

test("a product that is too small, or too thin, is one thread's", () => {
  const before = two.helper.merged;
  for (const [m, k, n] of [
    [64, 64, 64],
    [2, 1200, 1000],
    [1, 1100, 1000],
  ] as const) {
    const { bytes, run } = matmul(m, k, n, 0, 8);
    same(bytes, 1, [one, two.kernels], run);
  }
  assert.equal(two.helper.merged, before);
});

test("the helper reads memory that was added after it began", () => {
  const ring = new Ring({ kernels: two.kernels });
  const [m, k, n] = [130, 200, 130];
  for (let round = 0; round < 5; round++) {
    const { memory } = two.kernels;
    memory.grow(40);
    // A and C lie entirely in what is new.
    const base = memory.buffer.byteLength - 40 * 65536;
    const a = new BigUint64Array(memory.buffer, base, m * k + k * n);
    fillWords(a, round);
    withHelp(two.helper, () => {
      const c = base + 8 * (m * k + k * n);
      two.kernels.matmul(c, base, base + 8 * m * k, m, k, n, 0);
      const [i, j] = [m - 1, n - 1];
      let sum = 0n;
      for (let p = 0; p < k; p++) sum += a[i * k + p]! * a[m * k + p * n + j]!;
      assert.equal(new BigUint64Array(memory.buffer, c, m * n)[m * n - 1], BigInt.asUintN(64, sum));
    });
  }
  assert.ok(two.helper.alive);
  assert.ok(ring.kernels.memory.buffer instanceof SharedArrayBuffer);
});

for (const [program, reason] of [
  ["dies", /did not answer|on purpose|ended/],
  ["hangs", /did not answer within 100 ms/],
  ["fails", /could not compute/],
] as const)
  test(`a helper that ${program} with a piece costs time, not words`, async () => {
    const reasons: string[] = [];
    const { kernels, helper } = createSplitKernels({
      timeoutMs: 100,
      onLost: (why) => reasons.push(why),
      program: new URL(`./${program}.mjs`, import.meta.url),
    });
    await helper.started();
    for (let seed = 1; helper.alive && seed < 300; seed++)
      for (const accumulate of [0, 1]) {
        const { bytes, run } = matmul(256, 128, 128, accumulate, 8);
        same(bytes, seed, [one, kernels], run);
      }
    assert.equal(helper.alive, false);
    const { bytes, run } = matmul(256, 128, 128, 1, 8);
    same(bytes, 7, [one, kernels], run);
    await helper.close();
    assert.equal(reasons.length, 1);
    assert.match(reasons[0]!, reason);
  });

test("after close one thread computes everything", async () => {
  const { kernels, helper } = createSplitKernels({ onLost: (why) => assert.fail(why) });
  await helper.started();
  await helper.close();
  const { bytes, run } = matmul(256, 128, 128, 0, 8);
  same(bytes, 3, [one, kernels], run);
  assert.equal(helper.merged, 0);
});

test("a helper that nobody closes keeps no process alive", () => {
  const split = new URL("../../../src/ring/threads/split.ts", import.meta.url);
  const code = `const { createSplitKernels } = await import("${split}"); await createSplitKernels().helper.started();`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  const { status, stderr } = spawnSync(process.execPath, args, { timeout: 30_000, encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
