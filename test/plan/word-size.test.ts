/** Which ring a plan is recorded for, what is typed anew when it turns out to be the wide one, and what strangers may claim. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlanError } from "../../src/errors.js";
import { exp } from "../../src/functions/index.js";
import * as build from "../../src/ops/build.js";
import { max } from "../../src/ops/extremes.js";
import type { Ref } from "../../src/ops/index.js";
import { decodePlan, Recorder } from "../../src/plan/index.js";
import { plain } from "../../src/protocol/index.js";
import { runOnce } from "../engine/run.js";
import { bytesOf, header } from "./safely.js";

const narrow = { fraction: 10, integerBits: 8 };
const input = (b: Recorder, slot = "x") =>
  b.node("input", [], { slot, shape: [4, 4], scale: b.env.fraction, bound: b.env.fraction + b.env.integerBits });
const show = (b: Recorder, value: Ref) =>
  b.node("reveal", [build.share(b, value)], { label: "y", release: "open", recipients: ["d"] });

test("words of 32 bits where two fractions and the integer bits are at most 30", () => {
  for (const [fraction, integerBits, wordBits] of [
    [10, 8, 32],
    [10, 10, 32],
    [7, 16, 32],
    [10, 11, 64],
    [11, 9, 64],
    [20, 8, 64],
    [16, 15, 64],
  ] as const)
    assert.equal(new Recorder({ fraction, integerBits }).env.wordBits, wordBits, `${fraction} and ${integerBits}`);
  assert.equal(new Recorder({ fraction: 7 }).env.integerBits, 15);
});

/** What turns a plan of small numbers into one of words of 64 bits. */
const misfits: Record<string, (b: Recorder, x: Ref) => Ref> = {
  "a dataset of large numbers": (b) => {
    const at = { batch: 4, stride: 4, shuffle: false, epoch: "e", position: "p" };
    const rows = b.node("dataset", [], { name: "a/x", rows: 4, rowShape: [4], scale: 20, bound: 35, ...at });
    return build.sum(b, rows);
  },
  "a product of a product": (b, x) => {
    const product = b.node("mul", [x, x]);
    return b.node("mul", [product, build.constant(b, 0.001, [], 20)]);
  },
  "a number of many bits": (b, x) => build.add(b, x, build.constant(b, 3e6, [], 10)),
  "an operator of double precision": (b, x) => exp(b, x),
  "a variable that is stored": (b, x) => {
    b.node("assign", [build.share(b, build.sum(b, x))], { name: "v" });
    return x;
  },
};
for (const [name, make] of Object.entries(misfits))
  test(`words of 64 bits for ${name}`, () => {
    const b = new Recorder(narrow);
    const x = input(b);
    const product = build.matmul(b, x, x);
    const share = build.share(b, product);
    assert.equal(b.env.wordBits, 32);
    assert.equal(product.type.bound, 30);
    show(b, make(b, share));
    assert.equal(b.env.wordBits, 64);
    // Values recorded before have the types that they have in the wide words.
    assert.equal(product.type.bound, 38);
    assert.equal(share.type.bound, 18);
    const plan = b.close();
    assert.equal(plan.env.wordBits, 64);
    const { env, nodes, digest } = decodePlan(plan.bytes);
    assert.deepEqual([env, nodes, digest], [plan.env, plan.nodes, plan.digest]);
  });

test("what is composed of small numbers stays in words of 32 bits", () => {
  const b = new Recorder(narrow);
  const x = input(b);
  const y = build.add(b, build.matmul(b, x, x), build.constant(b, 0.37, [4], 10));
  const z = build.mean(b, build.square(b, build.relu(b, build.divPublic(b, y, 7))), [0]);
  show(b, max(b, build.scaleBy(b, z, 0.0013), -1).value);
  const plan = b.close();
  assert.equal(plan.env.wordBits, 32);
  assert.equal(decodePlan(plan.bytes).digest, plan.digest);
});

test("a function in a session for words of 32 bits is as exact as in one for words of 64", async () => {
  const values = Array.from({ length: 16 }, (_, i) => -6 + i / 2);
  for (const integerBits of [8, 15]) {
    const b = new Recorder({ fraction: 10, integerBits });
    show(b, exp(b, input(b)));
    const { revealed } = await runOnce(plain, b, { inputs: { x: values } });
    values.forEach((value, i) => {
      assert.ok(Math.abs(revealed.y![i]! - Math.exp(value)) < 0.01 * (1 + Math.exp(value)), `exp(${value})`);
    });
  }
});

test("a stranger's claim of words of 32 bits is checked", () => {
  const x = (bound: number, scale = 10) => ["input", [], { slot: "x", shape: [2], scale, bound }];
  const reveal = (id: number) => ["reveal", [id], { label: "y", release: "open", recipients: ["d"] }];
  const plan =
    (env: object, ...nodes: unknown[]) =>
    () =>
      decodePlan(bytesOf({ ...header, ...env, nodes }));
  const claim = { ...narrow, wordBits: 32 };
  assert.equal(plan(claim, x(18), reveal(0))().env.wordBits, 32);
  assert.equal(plan({ ...claim, wordBits: 64 }, x(18), reveal(0))().env.wordBits, 64);
  const refused: [string, () => unknown][] = [
    ["more than products have room for", plan({ ...claim, integerBits: 11 }, x(18), reveal(0))],
    ["no size of words", plan({ ...claim, wordBits: 16 }, x(18), reveal(0))],
    ["no integer bits", plan({ ...claim, integerBits: 0 }, x(18), reveal(0))],
    ["too many integer bits", plan({ ...header, integerBits: 31 }, x(18), reveal(0))],
    ["half an integer bit", plan({ ...claim, integerBits: 7.5 }, x(18), reveal(0))],
    ["a bound beyond the word", plan(claim, x(31), reveal(0))],
    ["a declaration that has no room", plan(claim, x(29, 23), ["mul", [0, 0], {}], ["reshare", [1], {}], reveal(2))],
    ["a shift beyond the word", plan(claim, x(18, 40), ["lift", [0], {}], ["truncate", [1], { shift: 30 }], reveal(2))],
    ["a variable", plan(claim, x(18), ["assign", [0], { name: "v" }])],
    ["waves", plan(claim, x(18), ["octaves", [0], { factor: 4, top: 10 }], ["reshare", [1], {}], reveal(2))],
  ];
  for (const [what, decode] of refused) assert.throws(decode, PlanError, what);
});
