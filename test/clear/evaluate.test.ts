/** Plans in the clear against the protocol `plain`, operator by operator; what left its bound is named, what was thrown away is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exp, reciprocal } from "../../src/functions/index.js";
import * as build from "../../src/ops/build.js";
import type { Ref } from "../../src/ops/index.js";
import { operators } from "../../src/ops/index.js";
import { Recorder } from "../../src/plan/index.js";
import { plain } from "../../src/protocol/index.js";
import { everythingGiven, stepGiven } from "../engine/given.js";
import { type Given, runOnce } from "../engine/run.js";
import { assertNear } from "../ops/algebra.js";
import { everything, trainStep } from "../plan/sample.js";
import { inTheClear } from "./run.js";

for (const [name, record, given] of [
  ["a training step", trainStep, stepGiven],
  ["every operator", everything, everythingGiven],
] as const)
  test(`${name} in the clear is what the protocol computes, but for rounding`, async () => {
    const plan = record().close();
    const expected = await runOnce(plain, plan, given, {
      host: (host) => ({ ...host, coin: () => (target) => target.fill(0) }),
    });
    const got = inTheClear(plan, given);
    assert.deepEqual([got.overflows, got.missing], [[], []]);
    for (const kind of ["revealed", "assigned"] as const) {
      assert.deepEqual([...got[kind].keys()].sort(), Object.keys(expected[kind]).sort());
      for (const [label, values] of got[kind]) assertNear(values, expected[kind][label]!, 1e-3, label);
    }
  });

test("the sample has every operator", () => {
  const used = new Set([...everything().nodes, ...trainStep().nodes].map(({ op }) => op));
  assert.deepEqual(
    Object.keys(operators).filter((op) => !used.has(op)),
    [],
  );
});

function evaluated(record: (b: Recorder, x: Ref) => Ref, x: number[], given: Given = {}) {
  const b = new Recorder({ fraction: 20 });
  const input = b.node("input", [], { slot: "x", shape: [x.length], scale: 20, bound: 35 });
  b.node("reveal", [build.share(b, record(b, input))], { label: "y", release: "open", recipients: ["d"] });
  return inTheClear(b.close(), { inputs: { x }, ...given });
}
const variable = (b: Recorder, name: string) => b.node("variable", [], { name, shape: [2], scale: 20, bound: 35 });

test("a product that leaves its bound is named with what it was made of", () => {
  const { overflows } = evaluated((b, x) => build.mul(b, x, variable(b, "fc1.weight")), [300, 2], {
    variables: { "fc1.weight": [200, 3] },
  });
  const [found, ...more] = overflows;
  assert.deepEqual(more, []);
  const { op, near, kind, largest, limit, count, into, shape } = found!;
  assert.deepEqual(
    { op, near, kind, largest, limit, count, into, shape },
    {
      ...{ op: "truncate", near: ["variable fc1.weight"], kind: "bound", largest: 60_000, limit: 2 ** 15, count: 1 },
      ...{ into: ["reveal y"], shape: [2] },
    },
  );
});

test("a bound that is reached by less than rounding is kept", () => {
  assert.deepEqual(evaluated((b, x) => build.mul(b, x, x), [2 ** 7.49999, 1]).overflows, []);
  assert.equal(evaluated((b, x) => build.mul(b, x, x), [2 ** 7.6, 1]).overflows.length, 1);
});

test("what a function is not good for is named where it is used, and only there", () => {
  // exp gives 0 below -20 whatever its power is there; above 10.39 nothing helps.
  assert.deepEqual(evaluated(exp, [-400, 1]).overflows, []);
  const [above] = evaluated(exp, [12, 1]).overflows;
  assert.ok(above?.kind === "domain" && above.op === "octaves" && above.into[0] === "reveal y", JSON.stringify(above));
  assert.ok(evaluated(reciprocal, [2 ** -17, 1]).overflows.length > 0);
  // Selected away.
  const guarded = (b: Recorder, x: Ref) =>
    build.where(b, build.less(b, x, build.constant(b, 10, [], 20)), exp(b, x), x);
  assert.deepEqual(evaluated(guarded, [12, 1]).overflows, []);
  assert.deepEqual([...evaluated(guarded, [12, 1]).revealed.get("y")!].map(Math.round), [12, 3]);
});

test("an input above its bound is named", () => {
  const [found] = evaluated((b, x) => build.relu(b, x), [40_000, 1]).overflows;
  assert.deepEqual([found?.op, found?.near, found?.largest], ["input", ["input x"], 40_000]);
});

test("what is not known is missing, with everything made of it", () => {
  const b = new Recorder({ fraction: 20 });
  const known = b.node("input", [], { slot: "x", shape: [2], scale: 20, bound: 35 });
  const mixed = build.add(b, known, variable(b, "w"));
  for (const [label, ref] of Object.entries({ known, mixed }))
    b.node("reveal", [build.share(b, ref)], { label, release: "open", recipients: ["d"] });
  b.node("assign", [build.share(b, mixed)], { name: "w" });
  const result = inTheClear(b.close(), { inputs: { x: [1, 2] } });
  assert.deepEqual(result.missing, ["variable w"]);
  assert.deepEqual([[...result.revealed.keys()], [...result.assigned.keys()]], [["known"], []]);
});
