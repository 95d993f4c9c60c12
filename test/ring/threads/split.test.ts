/** Products of which a second thread computes a part: equal to those of one thread, whatever becomes of the second one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { createKernels, type KernelSets, type Kernels, Ring } from "../../../src/ring/index.js";
import { createSplitKernels, type SplitKernels } from "../../../src/ring/threads/split.js";
import { fillWords } from "../twins.js";

const one = createKernels();
// No helper is lost because the machine is busy.
const two = createSplitKernels({ timeoutMs: 600_000 });
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

/** Repeats `check` until `done`, which is when the helper is in time for a product: on a busy machine that may take many. */
function until(done: () => boolean, check: (seed: number) => void): void {
  const end = Date.now() + 300_000;
  for (let seed = 1; !done() && Date.now() < end; seed++) check(seed);
  assert.ok(done(), "the helper was not in time for any product");
}
function withHelp({ helper }: SplitKernels, check: (seed: number) => void): void {
  const before = helper.merged;
  until(() => helper.merged > before, check);
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
        withHelp(two, (seed) => same(bytes, seed, [one, two.kernels], (sets) => run(pick(sets))));
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
        withHelp(two, (seed) => same(bytes, seed, [one, two.kernels], (sets) => run(pick(sets))));
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
    withHelp(two, () => {
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

for (const [program, timeoutMs, reason] of [
  ["dies", 100, /did not answer|on purpose|ended/],
  ["hangs", 100, /did not answer within 100 ms/],
  ["fails", 300_000, /could not compute/],
] as const)
  test(`a helper that ${program} with a piece costs time, not words`, async () => {
    const reasons: string[] = [];
    const { kernels, helper } = createSplitKernels({
      timeoutMs,
      onLost: (why) => reasons.push(why),
      program: new URL(`./${program}.mjs`, import.meta.url),
    });
    await helper.started();
    until(
      () => !helper.alive,
      (seed) => {
        const { bytes, run } = matmul(256, 128, 128, seed % 2, 8);
        same(bytes, seed, [one, kernels], run);
      },
    );
    const { bytes, run } = matmul(256, 128, 128, 1, 8);
    same(bytes, 7, [one, kernels], run);
    await helper.close();
    assert.equal(reasons.length, 1);
    assert.match(reasons[0]!, reason);
  });

test("a helper that cannot begin leaves everything to one thread", async () => {
  // Its thread alone keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  const program = new URL("./is-not-there.mjs", import.meta.url);
  let tell: (reason: string) => void;
  const lost = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const { kernels, helper } = createSplitKernels({ program, onLost: (reason) => tell(reason) });
  const { bytes, run } = matmul(256, 128, 128, 0, 8);
  same(bytes, 5, [one, kernels], run);
  assert.match(await lost, /it failed/);
  same(bytes, 6, [one, kernels], run);
  assert.deepEqual([helper.alive, helper.merged], [false, 0]);
  clearInterval(alive);
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
