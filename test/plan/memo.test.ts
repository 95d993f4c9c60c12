/** Steps that are recorded again: the same bytes and the same types, under each setting its own, and mistakes throw every time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ShapeError } from "../../src/errors.js";
import { decodePlan, Recorder } from "../../src/plan/index.js";
import { everything, trainStep } from "./sample.js";

test("a plan that is recorded again is the same, and typed as a party types it", () => {
  for (const record of [everything, trainStep]) {
    const [first, second] = [record().close(), record().close()];
    assert.equal(second.digest, first.digest);
    const types = (plan: typeof first) => plan.nodes.map(({ type }) => type);
    assert.ok(types(second).every((type, id) => type === first.nodes[id]!.type));
    assert.deepEqual(types(decodePlan(second.bytes)), types(second));
  }
});

test("another fraction is another setting, and so are other integer bits", () => {
  for (const [fraction, integerBits] of [
    [16, 15],
    [20, 15],
    [16, 12],
    [16, 15],
  ] as const) {
    const plan = trainStep({ fraction, integerBits }).close();
    assert.deepEqual(
      plan.nodes.map(({ type }) => type),
      decodePlan(plan.bytes).nodes.map(({ type }) => type),
    );
  }
});

test("another word size is another setting, and what is typed anew for wider words is remembered, too", () => {
  const record = () => {
    const b = trainStep({ fraction: 10, integerBits: 8 });
    assert.equal(b.env.wordBits, 64);
    return b.close();
  };
  const [first, second] = [record(), record()];
  const types = (plan: typeof first) => plan.nodes.map(({ type }) => type);
  assert.ok(types(second).every((type, id) => type === first.nodes[id]!.type));
  assert.deepEqual(types(second), types(decodePlan(second.bytes)));
  const b = new Recorder({ fraction: 10, integerBits: 8 });
  const [x, y] = ["x", "y"].map((slot) => b.node("input", [], { slot, shape: [3], scale: 10, bound: 18 }));
  const bounds = () => b.nodes.map(({ type }) => type.bound);
  b.node("mul", [x!, y!]);
  assert.deepEqual([b.env.wordBits, ...bounds()], [32, 18, 18, 30]);
  b.node("assign", [x!], { name: "x" });
  assert.deepEqual([b.env.wordBits, ...bounds()], [64, 18, 18, 36, 18]);
});

test("a mistake throws again, and large attributes are typed all the same", () => {
  const b = () => new Recorder({ fraction: 16 });
  const input = (r: Recorder, shape: number[]) => r.node("input", [], { slot: "x", shape, scale: 16, bound: 31 });
  for (let i = 0; i < 2; i++) {
    const r = b();
    const x = input(r, [2, 3]);
    assert.throws(() => r.node("matmul", [x, x]), ShapeError);
    const words = Buffer.alloc(8 * 500).toString("base64");
    assert.deepEqual(r.node("constant", [], { shape: [500], scale: 0, bound: 1, words }).type.shape, [500]);
    assert.throws(() => r.node("constant", [], { shape: [499], scale: 0, bound: 1, words }));
  }
});
