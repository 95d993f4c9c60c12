/** Gradients that are public numbers of many fraction bits, as means over many rows give. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as build from "../../src/ops/build.js";
import { differentiate, Recorder } from "../../src/plan/index.js";

test("a public gradient of many fraction bits meets a share without running out of scale", () => {
  const b = new Recorder({ fraction: 20 });
  const leaf = (slot: string, shape: number[]) => b.node("input", [], { slot, shape, scale: 20, bound: 35 });
  const [x, w] = [leaf("x", [60, 1000]), leaf("w", [1000, 1000])];
  const weights = build.constant(
    b,
    Array.from({ length: 1000 }, (_, i) => 1 / (i + 3)),
    [1000],
    24,
  );
  const loss = build.mean(b, build.mul(b, build.matmul(b, x, w), weights));
  const [gx, gw] = differentiate(b, loss, [x, w]);
  assert.deepEqual([gx?.type.shape, gw?.type.shape], [x.type.shape, w.type.shape]);
  for (const gradient of [gx!, gw!]) assert.ok(gradient.type.scale <= 61);
});
