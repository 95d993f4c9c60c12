/** Comparisons between the stages of a truncation: where they are, what they save, and that they see the sign of what comes out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { add, concat, constant, isNegative, mul, reshape, share, slice, sub } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { Recorder, stepsOf } from "../../src/plan/index.js";
import { additive, plain, rep3 } from "../../src/protocol/index.js";
import { evaluate, numbers } from "../functions/evaluate.js";

type Make = (b: Builder, ...products: Ref[]) => Ref;

/** The value that is compared and whether it is negative, where `make` gets two truncated products of n elements. */
function compared(n: number, make: Make, integerBits = 15) {
  const data = numbers(n, 0.01);
  // Products around zero, so that the coin of the rounding decides about many signs.
  const tensors = [1, 2, 3].map((seed) => ({ dims: [n], data: numbers(n, 2 ** -9, seed) }));
  return evaluate(
    rep3,
    [...tensors, { dims: [n], data }],
    (b, x, y, z) => {
      const value = share(b, make(b, share(b, mul(b, x!, y!)), share(b, mul(b, y!, z!))));
      return { value, negative: b.node("fromBits", [isNegative(b, value)]) };
    },
    { fraction: 20, integerBits },
  );
}

/** With blocks of five bits: a truncation, five rounds and a conversion. */
const inSequence = 2 + 5 + 2;

const early: readonly [string, number, Make][] = [
  ["the value itself", 200, (_b, x) => x],
  ["in another shape", 200, (b, x) => reshape(b, x, [10, 20])],
  ["a part", 200, (b, x) => slice(b, x, 0, 3, 90)],
  ["parts in another order", 200, (b, x) => concat(b, [slice(b, x, 0, 100, 200), slice(b, x, 0, 0, 100)], 0)],
  ["the difference of parts", 200, (b, x) => sub(b, slice(b, x, 0, 0, 100), slice(b, x, 0, 100, 200))],
  ["beside public numbers", 200, (b, x) => sub(b, constant(b, 1e-6, [200], x.type.scale), x)],
  [
    "differences of pairs, zero among them",
    90,
    (b, x) => {
      const zero = b.node("secret", [constant(b, 0, [30], x.type.scale)]);
      return b.node("pairDifferences", [reshape(b, concat(b, [x, zero], 0), [4, 30])]);
    },
  ],
];
for (const [name, n, make] of early)
  test(`a sign comes a round earlier: ${name}`, async () => {
    const { values, rounds } = await compared(n, make);
    assert.equal(rounds, inSequence - 1);
    assert.deepEqual(
      values.negative,
      values.value!.map((value) => (value < 0 ? 1 : 0)),
    );
    assert.ok(values.negative!.includes(0) && values.negative!.includes(1));
  });

const late: readonly [string, number, number, Make, number?][] = [
  ["of two truncations", inSequence, 200, (b, x, y) => add(b, x!, y!)],
  ["of many elements", inSequence, 8200, (_b, x) => x!],
  // Of a difference 45 are looked at, and 20 are dropped.
  [
    "of more bits than the stages know",
    inSequence + 1,
    200,
    (b, x) => sub(b, slice(b, x!, 0, 0, 100), slice(b, x!, 0, 100, 200)),
    24,
  ],
];
for (const [name, expected, n, make, integerBits] of late)
  test(`a sign waits: ${name}`, async () => {
    const { values, rounds } = await compared(n, make, integerBits);
    assert.equal(rounds, expected);
    assert.deepEqual(
      values.negative,
      values.value!.map((value) => (value < 0 ? 1 : 0)),
    );
  });

test("a long way from a truncation is not copied, however long", () => {
  for (const [length, added] of [
    [15, 61],
    [5000, 0],
  ] as const) {
    const b = new Recorder({ fraction: 20 });
    const x = b.node("input", [], { slot: "x", shape: [8], scale: 20, bound: 35 });
    let y = share(b, mul(b, x, x));
    for (let i = 0; i < length; i++)
      y = b.node("flip", [concat(b, [slice(b, y, 0, 1, 8), slice(b, y, 0, 0, 1)], 0)], { axes: [0] });
    b.node("reveal", [b.node("fromBits", [isNegative(b, y)])], { label: "y", release: "open", recipients: ["driver"] });
    const plan = b.close();
    assert.equal(stepsOf(plan, rep3.costs(8)).length, plan.nodes.length + added);
  }
});

test("the plan stays as it is; steps are added behind it, and only where the protocol has stages", () => {
  const b = new Recorder({ fraction: 20 });
  const x = b.node("input", [], { slot: "x", shape: [8], scale: 20, bound: 35 });
  const y = share(b, mul(b, x, x));
  const difference = sub(b, slice(b, y, 0, 0, 4), slice(b, y, 0, 4, 8));
  for (const [at, value] of [y, difference, difference].entries())
    b.node("reveal", [b.node("fromBits", [isNegative(b, value)])], {
      label: `y${at}`,
      release: "open",
      recipients: ["driver"],
    });
  const plan = b.close();
  const steps = stepsOf(plan, rep3.costs(8));
  // The first stage, two slices and their difference, each once.
  assert.equal(steps.length, plan.nodes.length + 4);
  assert.deepEqual(
    steps.slice(plan.nodes.length).map(({ op }) => op),
    ["truncate", "slice", "slice", "sub"],
  );
  plan.nodes.forEach(({ op, type }, id) => {
    assert.equal(steps[id]!.op, op);
    assert.equal(steps[id]!.type, type);
  });
  for (const definition of [plain, additive(2), additive(2, "fss")])
    assert.deepEqual(
      stepsOf(plan, definition.costs(8)).map(({ inputs }) => inputs),
      plan.nodes.map(({ inputs }) => inputs),
    );
});
