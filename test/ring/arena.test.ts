/** The arena: misuse throws, memory stays flat in steady state, limits hold, freed neighbours are joined again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryError } from "../../src/errors.js";
import { type Block, createJsKernels, Ring } from "../../src/ring/index.js";
import { classFor, FreeLists, UNIT, unitsOf } from "../../src/ring/size-classes.js";

test("size classes: enough, and at most an eighth too much", () => {
  let last = 0;
  for (let sizeClass = 0; sizeClass < 120; sizeClass++) {
    assert.ok(unitsOf(sizeClass) > last);
    last = unitsOf(sizeClass);
    assert.equal(classFor(last), sizeClass);
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 26 }), (units) => {
      const got = unitsOf(classFor(units));
      assert.ok(got >= units && got <= Math.max(units, (units * 9) / 8));
      assert.ok(classFor(units) === 0 || unitsOf(classFor(units) - 1) < units);
    }),
  );
});

test("free lists: merge joins neighbours and gives back the top", () => {
  const lists = new FreeLists();
  lists.push(0, classFor(1));
  lists.push(UNIT, classFor(2));
  lists.push(4 * UNIT, classFor(4));
  assert.equal(lists.merge(8 * UNIT), 4 * UNIT);
  assert.equal(lists.units, 3);
  assert.equal(lists.pop(classFor(3)), 0);
  assert.equal(lists.pop(classFor(1)), undefined);
  lists.pushRange(0, 1000);
  assert.equal(lists.popLarger(classFor(10)), 960 * UNIT);
  assert.equal(lists.units, 990);
});

test("blocks are aligned, disjoint and of the size asked for", () => {
  const ring = new Ring();
  const scope = ring.scope();
  const blocks = [0, 1, 7, 8, 9, 100, 1000, 0].map((words) => scope.alloc(words));
  assert.equal(scope.live, 8);
  const ranges = blocks
    .map((block) => [block.ptr, block.ptr + Math.max(1, block.words) * 8])
    .sort((a, b) => a[0]! - b[0]!);
  for (const [i, [start]] of ranges.entries()) {
    assert.equal(start! % 64, 0);
    assert.ok(start! >= (ranges[i - 1]?.[1] ?? ring.kernels.heapBase));
  }
  assert.equal(ring.u64(blocks[5]!).length, 100);
  assert.equal(ring.u32(blocks[5]!).length, 200);
  assert.equal(ring.i64(blocks[0]!).length, 0);
  assert.equal(ring.bytes(blocks[2]!, 8).length, 48);
  assert.equal(ring.bytes(blocks[2]!, 8, 16).byteOffset, blocks[2]!.ptr + 8);
  for (const [offset, length] of [
    [-8, 8],
    [0, 57],
    [57, 0],
    [1.5, 1],
    [0, -1],
  ] as const)
    assert.throws(() => ring.bytes(blocks[2]!, offset, length), MemoryError);
  scope.close();
  assert.equal(ring.usedBytes, 0);
});

test("use after free, double free, foreign blocks and closed scopes throw", () => {
  const ring = new Ring();
  const [scope, other] = [ring.scope(), ring.scope()];
  const block = scope.alloc(4);
  assert.throws(() => other.free(block), MemoryError);
  assert.throws(() => other.move(block, scope), MemoryError);
  scope.free(block);
  for (const use of [
    () => scope.free(block),
    () => scope.move(block, other),
    () => block.ptr,
    () => ring.u64(block),
    () => ring.i64(block),
    () => ring.u32(block),
    () => ring.bytes(block),
  ])
    assert.throws(use, /MemoryError: .*expected a live block/);
  const survivor = scope.move(scope.alloc(3), other);
  const left = scope.alloc(5);
  scope.close();
  scope.close();
  assert.throws(() => left.ptr, MemoryError);
  assert.throws(() => scope.alloc(1), MemoryError);
  assert.throws(() => other.move(survivor, scope), MemoryError);
  assert.equal(ring.u64(survivor).length, 3);
  const stranger = new Ring({ kernels: createJsKernels() });
  assert.throws(() => stranger.u64(survivor), MemoryError);
  assert.throws(() => other.move(survivor, stranger.scope()), MemoryError);
  for (const words of [-1, 1.5, Number.NaN, 2 ** 40]) assert.throws(() => other.alloc(words), MemoryError);
  other.close();
  assert.equal(ring.usedBytes, 0);
});

test("10,000 steps of mixed allocations keep memory flat", () => {
  const ring = new Ring();
  const lasting = ring.scope();
  let weights = [784 * 128, 128, 128 * 10].map((words) => lasting.alloc(words));
  let warm = 0;
  for (let step = 0; step < 10_000; step++) {
    const scope = ring.scope();
    const batch = step % 8 === 7 ? 96 : 128;
    const temporary: Block[] = [];
    for (const width of [784, 128, 128, 10]) temporary.push(scope.alloc(batch * width));
    scope.free(temporary[1]!);
    const updated = weights.map((block) => scope.alloc(block.words));
    for (const block of weights) lasting.free(block);
    weights = updated.map((block) => scope.move(block, lasting));
    scope.close();
    if (step === 16) warm = ring.memoryBytes;
  }
  assert.equal(ring.memoryBytes, warm);
  assert.equal(lasting.live, 3);
});

test("random allocations: blocks never overlap, and all memory comes back", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3000), fc.nat(9)), { maxLength: 200 }), (steps) => {
      const ring = new Ring({ kernels: createJsKernels(), maxBytes: 2 ** 20 });
      const scope = ring.scope();
      const live: Block[] = [];
      for (const [words, action] of steps) {
        if (action < 5 || live.length === 0) {
          try {
            live.push(scope.alloc(words));
          } catch (error) {
            assert.ok(error instanceof MemoryError);
          }
        } else scope.free(live.splice(words % live.length, 1)[0]!);
        const sorted = live
          .map((block) => ({ from: block.ptr, to: block.ptr + block.words * 8 }))
          .sort((a, b) => a.from - b.from);
        for (let i = 1; i < sorted.length; i++) assert.ok(sorted[i]!.from >= sorted[i - 1]!.to);
        assert.ok(ring.memoryBytes <= 2 ** 20);
      }
      scope.close();
      assert.equal(ring.usedBytes, 0);
      // After joining, nearly all of the memory is one block again.
      ring.scope().alloc((2 ** 20 * 7) / 8 / 8 - 1024);
    }),
    { numRuns: 50 },
  );
});

test("maxBytes is a limit with a clear message; views survive only until memory grows", () => {
  const ring = new Ring({ kernels: createJsKernels(), maxBytes: 2 ** 20 });
  const scope = ring.scope();
  const first = scope.alloc(8);
  const view = ring.u64(first);
  view[0] = 7n;
  scope.alloc(60_000);
  assert.equal(view.length, 0);
  assert.equal(ring.u64(first)[0], 7n);
  assert.throws(() => scope.alloc(100_000), /MemoryError: Scope.alloc: expected to fit into 1\.0 MiB, got .*; try /);
  assert.throws(() => new Ring({ kernels: createJsKernels(), maxBytes: 10 }), MemoryError);
  assert.throws(() => new Ring({ kernels: createJsKernels(), maxBytes: Number.NaN }), MemoryError);
});

test("after a large run, small runs of other sizes join freed chunks hardly ever", (context) => {
  const merge = context.mock.method(FreeLists.prototype, "merge");
  const ring = new Ring();
  const run = (sizes: readonly number[]) => {
    const scope = ring.scope();
    for (const size of sizes) scope.alloc(size);
    scope.close();
  };
  const large = Array.from({ length: 40 }, (_, i) => 50_000 + 3000 * i);
  const small = Array.from({ length: 300 }, (_, i) => 10 + 37 * i);
  for (let i = 0; i < 20; i++) run(large);
  const before = ring.memoryBytes;
  merge.mock.resetCalls();
  for (let i = 0; i < 100; i++) run(small);
  assert.ok(merge.mock.callCount() < 5, `${merge.mock.callCount()} times`);
  merge.mock.resetCalls();
  for (let i = 0; i < 50; i++) for (const sizes of [large, small]) run(sizes);
  assert.ok(merge.mock.callCount() < 500, `${merge.mock.callCount()} times in 100 runs`);
  assert.ok(ring.memoryBytes <= 1.6 * before);
});
