/** The wire form: decoding is the inverse of encoding, and strict. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlanError, SecretgradError } from "../../src/errors.js";
import * as build from "../../src/ops/build.js";
import { operators } from "../../src/ops/index.js";
import { decodePlan, Recorder } from "../../src/plan/index.js";
import { bytesOf, decodeSafely, header, parsed, samples } from "./safely.js";
import { trainStep } from "./sample.js";

test("the sample has every operator", () => {
  const used = new Set(samples[0]!.nodes.map((node) => node.op));
  assert.deepEqual(
    Object.keys(operators).filter((name) => !used.has(name)),
    [],
  );
});

for (const [i, plan] of samples.entries())
  test(`decode(encode(plan)) is the plan: ${i}`, () => {
    const decoded = decodePlan(plan.bytes);
    assert.deepEqual(decoded.nodes, plan.nodes);
    assert.deepEqual(decoded.env, plan.env);
    assert.equal(decoded.digest, plan.digest);
  });

test("the digest is a function of what is recorded, not of the order in which attributes are written", () => {
  assert.equal(trainStep().close().digest, samples[1]!.digest);
  assert.notEqual(trainStep({ batch: 3 }).close().digest, samples[1]!.digest);
  const record = (attrs: Record<string, unknown>) => {
    const b = new Recorder({ fraction: 16 });
    b.node("reveal", [b.node("input", [], attrs)], { label: "x", release: "open", recipients: ["d"] });
    return b.close().digest;
  };
  const one = record({ slot: "x", shape: [2], scale: 16, bound: 31 });
  assert.equal(record({ bound: 31, scale: 16, shape: [2], slot: "x" }), one);
  // If this changes, parties of different versions refuse each other's plans: raise the format number.
  assert.equal(one, "72aad2032cf3470a4699f0f95b6db666c9a1f4e5808e09c04b617f2d11516158");
});

test("changing what was passed to the recorder does not change the plan", () => {
  const shape = [2];
  const b = new Recorder({ fraction: 16 });
  const x = b.node("input", [], { slot: "x", shape, scale: 16, bound: 31 });
  shape[0] = 1_000_000;
  b.node("reveal", [x], { label: "x", release: "open", recipients: ["d"] });
  const plan = b.close();
  assert.deepEqual(plan.nodes[0]!.type.shape, [2]);
  decodePlan(plan.bytes);
});

const wrong: Record<string, (plan: { nodes: [string, number[], Record<string, unknown>][] }) => unknown> = {
  "an unknown operator": ({ nodes }) => nodes.push(["eval", [], {}]),
  "an operator of the prototype": ({ nodes }) => nodes.push(["constructor", [], {}]),
  "an operator of the prototype, again": ({ nodes }) => nodes.push(["__proto__", [], {}]),
  "a cycle": ({ nodes }) => {
    nodes.at(-1)![1] = [nodes.length - 1];
  },
  "a node from the future": ({ nodes }) => {
    nodes[0]![1] = [5];
  },
  "a negative node": ({ nodes }) => {
    nodes.at(-1)![1] = [-1];
  },
  "a fraction of a node": ({ nodes }) => {
    nodes.at(-1)![1] = [0.5];
  },
  "inputs that are named": ({ nodes }) => {
    nodes.at(-1)![1] = ["length"] as never;
  },
  "too many inputs": ({ nodes }) => {
    nodes.at(-1)![1] = new Array(100_000).fill(0);
  },
  "too few inputs": ({ nodes }) => {
    nodes.at(-1)![1] = [];
  },
  "an attribute that nobody knows": ({ nodes }) => {
    nodes[0]![2].extra = 1;
  },
  "an attribute of the prototype": ({ nodes }) => {
    Object.defineProperty(nodes[0]![2], "constructor", { value: 1, enumerable: true });
  },
  "__proto__ as an attribute": ({ nodes }) => {
    Object.defineProperty(nodes[0]![2], "__proto__", { value: { shape: [] }, enumerable: true });
  },
  "a missing attribute": ({ nodes }) => {
    delete nodes[0]![2].scale;
  },
  "attributes in another order": ({ nodes }) => {
    nodes[0]![2] = Object.fromEntries(Object.entries(nodes[0]![2]).reverse());
  },
  "attributes that are a list": ({ nodes }) => {
    nodes[0]![2] = [] as never;
  },
  "a node that nothing uses": ({ nodes }) =>
    nodes.push(["input", [], { slot: "unused", shape: [1], scale: 0, bound: 1 }]),
  "a node with four parts": ({ nodes }) => nodes[0]!.push(1 as never),
  "two reveals of one label": ({ nodes }) => nodes.push(nodes.find(([op]) => op === "reveal")!),
  "two assignments of one variable": ({ nodes }) => nodes.push(nodes.find(([op]) => op === "assign")!),
  "a name with other characters": ({ nodes }) => {
    nodes.find(([op]) => op === "assign")![2].name = "a\u001b[2J";
  },
  "a giant dimension": ({ nodes }) => {
    const constant = nodes.find(([op]) => op === "constant")!;
    Object.assign(constant[2], { shape: [2 ** 31 - 1, 2 ** 31 - 1], words: "AAAAAAAAAAA=" });
  },
  "a dimension below zero": ({ nodes }) => {
    nodes.find(([op]) => op === "constant")![2].shape = [-1];
  },
  "words beyond the bound": ({ nodes }) => {
    nodes.find(([op]) => op === "constant")![2].bound = 1;
  },
  "coins that hardly ever fall on 1": ({ nodes }) => {
    nodes.find(([op]) => op === "bernoulli")![2].keep = 1;
  },
  "coins that always do": ({ nodes }) => {
    nodes.find(([op]) => op === "bernoulli")![2].keep = 65_536;
  },
  "words in another base64": ({ nodes }) => {
    const constant = nodes.find(([op]) => op === "constant")![2];
    constant.words = ` ${constant.words}`;
  },
  "half a word": ({ nodes }) => {
    nodes.find(([op]) => op === "constant")![2].words = "AAAA";
  },
};
for (const [name, spoil] of Object.entries(wrong))
  test(`refused: ${name}`, () => {
    const plan = parsed(0);
    spoil(plan);
    assert.throws(() => decodePlan(bytesOf(plan)), SecretgradError);
    assert.equal(decodeSafely(bytesOf(plan)), false);
  });

test("refused: other spellings of the same plan", () => {
  const text = new TextDecoder().decode(samples[0]!.bytes);
  const spellings = [
    `${text} `,
    ` ${text}`,
    `\ufeff${text}`,
    text.replace('{"secretgrad":1,', '{"secretgrad":1,"secretgrad":1,'),
    text.replace('"secretgrad":1', '"secretgrad":1.0'),
    text.replace('"fraction":16', '"fraction":1.6e1'),
    text.replace('"fraction":16,', '"fraction":16,"extra":0,'),
    text.replace('"scale":16', '"scale":16,"scale":16'),
    text.replace('"slot":"mine"', '"slot":"\\u006dine"'),
  ];
  for (const spelling of spellings) {
    assert.notEqual(spelling, text);
    assert.throws(() => decodePlan(new TextEncoder().encode(spelling)), PlanError);
  }
});

test("limits hold before anything is allocated", () => {
  const limits = { maxBytes: 1000, maxNodes: 10, maxElements: 100 };
  assert.throws(() => decodePlan(samples[1]!.bytes, limits), /at most 1000 bytes/);
  assert.throws(() => decodePlan(samples[1]!.bytes, { ...limits, maxBytes: 1e6 }), /at most 10 nodes/);
  assert.throws(
    () => decodePlan(samples[1]!.bytes, { ...limits, maxBytes: 1e6, maxNodes: 1000 }),
    /at most 100 elements/,
  );
  const chain = (count: number) => {
    const nodes: unknown[] = [["input", [], { slot: "x", shape: [1], scale: 0, bound: 1 }]];
    for (let i = 0; i < count; i++) nodes.push(["broadcast", [i], { shape: [2 ** 20 + i] }]);
    return bytesOf({ ...header, nodes });
  };
  assert.equal(decodeSafely(chain(100)), false);
});

test("shapes and scales that do not fit throw while recording", () => {
  const b = new Recorder({ fraction: 16 });
  const x = b.node("input", [], { slot: "x", shape: [2, 3], scale: 16, bound: 31 });
  assert.throws(() => build.matmul(b, x, x), /matmul: expected \[m, k\] and \[k, n\], got \[2,3\]/);
  assert.throws(() => build.reshape(b, x, [5]), /reshape: expected 6 elements/);
  assert.throws(() => build.slice(b, x, 0, 1, 3), /slice: expected/);
  assert.throws(() => build.slice(b, x, 0, -1, 1), PlanError);
  assert.throws(() => b.node("input", [], { slot: "y", shape: [Number.NaN], scale: 16, bound: 31 }), PlanError);
  assert.throws(() => b.node("nothing", []), PlanError);
});
