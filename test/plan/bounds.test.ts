/** Bounds that hostile attributes try to make too narrow: beyond 32 bits, where a logarithm or a shift is rounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ValueType } from "../../src/ops/index.js";
import { envOf } from "../../src/plan/index.js";
import { inferNode } from "../../src/plan/infer.js";

const env = envOf({ fraction: 16 });
const share = (shape: readonly number[], bound: number): ValueType => ({
  ...{ kind: "share", shape, scale: 0, bound, proved: true, flows: [] },
  alike: shape.map(() => true),
});
const bound = (op: string, type: ValueType, attrs: Record<string, unknown>) => inferNode(op, [type], attrs, env).bound;

test("a window of more than 2^32 places sums all elements of an image", () => {
  const whole = { kernel: [65536, 65537], stride: [1, 1], padding: [0, 0], size: [1, 1] };
  assert.equal(bound("sumWindows", share([1, 1024, 1024], 10), whole), 10 + 20);
  const spread = { kernel: [65536, 65537], stride: [1, 1], padding: [0, 0], size: [1, 1] };
  assert.equal(bound("spreadWindows", share([1, 3, 5], 10), spread), 10 + 4);
});

test("weights of leading bits that add up to a power of two stay below their bound", () => {
  for (const weight of [1, 2 ** 20, 2 ** 51, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
    const low = [weight, 0, 0, 0, 0, 0, 0];
    const got = bound("leading", share([1], 8), { width: 8, signed: false, rows: 1, low, high: [weight] });
    assert.ok(2n * BigInt(weight) < 1n << BigInt(got), `${weight}: ${got}`);
  }
});
