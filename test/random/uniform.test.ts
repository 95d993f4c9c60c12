// Uniform numbers: in the range, all different, with the right mean.
import assert from "node:assert/strict";
import { test } from "node:test";
import { uniform } from "../../src/random/index.js";

test("uniform numbers lie in the range and spread over it", () => {
  const numbers = uniform(20_000, -2, 6);
  assert.ok(numbers.every((x) => x >= -2 && x < 6));
  assert.equal(new Set(numbers).size, numbers.length);
  const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  assert.ok(Math.abs(mean - 2) < 0.15, `${mean}`);
  assert.equal(uniform(0, 0, 1).length, 0);
});
