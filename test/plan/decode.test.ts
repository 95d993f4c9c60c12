/** The wire form: decoding is the inverse of encoding, strict, bounded, and throws nothing but our own errors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compile } from "../../src/engine/index.js";
import { PlanError, SecretgradError } from "../../src/errors.js";
import * as build from "../../src/ops/build.js";
import { operators } from "../../src/ops/index.js";
import {
  decodePlan,
  digestOf,
  type PlanLimits,
  planDatasets,
  planInputs,
  planReveals,
  planScalars,
  planVariables,
  Recorder,
} from "../../src/plan/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { everything, trainStep } from "./sample.js";

const samples = [everything().close(), trainStep().close()];
const bytesOf = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const parsed = (index: number) => JSON.parse(new TextDecoder().decode(samples[index]!.bytes));

/** Decodes within a second, or throws one of our errors. What decodes can be looked at and compiled. */
function decodeSafely(bytes: Uint8Array, limits?: PlanLimits): boolean {
  const before = process.cpuUsage();
  try {
    const plan = decodePlan(bytes, limits);
    assert.equal(plan.digest, digestOf(bytes));
    compile(plan, rep3);
    for (const look of [planReveals, planInputs, planDatasets, planVariables, planScalars]) look(plan);
    return true;
  } catch (error) {
    assert.ok(error instanceof SecretgradError, `threw ${String(error)}`);
    assert.ok(error.message.length < 1000, "a message repeats what a stranger sent");
    return false;
  } finally {
    // Time of the processor, so that a busy machine does not fail the test.
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1e6, `took ${(user + system) / 1e6} seconds`);
  }
}

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
  assert.equal(one, "002721d8c1da728ad1ebf5d57d7e532e890fd8dafdafb2e284fdb6e566d1ec1b");
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
    return bytesOf({ secretgrad: 1, fraction: 16, nodes });
  };
  assert.equal(decodeSafely(chain(100)), false);
});

test("large plans made to be slow are decoded or refused within a second", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const head = '{"secretgrad":1,"fraction":16,"nodes":';
  const encode = (text: string) => new TextEncoder().encode(text);
  decodeSafely(encode(nested(2_000_000)));
  decodeSafely(encode(`${head}${nested(1_000_000)}}`));
  decodeSafely(encode(`${head}[["input",[],{"slot":"x","shape":${nested(1_000_000)},"scale":0,"bound":1}]]}`));
  decodeSafely(bytesOf({ secretgrad: 1, fraction: 16, nodes: [["input", [], { slot: "x".repeat(4e6) }]] }));
  decodeSafely(bytesOf({ secretgrad: 1, fraction: 16, nodes: [["x".repeat(4e6), [], {}]] }));
  const shape = new Array(1_500_000).fill(1);
  decodeSafely(
    bytesOf({ secretgrad: 1, fraction: 16, nodes: [["input", [], { slot: "x", shape, scale: 0, bound: 1 }]] }),
  );
  const keys = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, i]));
  decodeSafely(bytesOf({ secretgrad: 1, fraction: 16, nodes: [["input", [], keys]] }));
  decodeSafely(bytesOf({ secretgrad: 1, fraction: 16, nodes: new Array(400_000).fill(["input", [], {}]) }));
  // Many sources that meet, then many values that depend on all of them.
  const sum = (sources: number, links: number) => {
    const nodes: unknown[] = [];
    for (let i = 0; i < sources; i++) nodes.push(["variable", [], { name: `v${i}`, shape: [2], scale: 0, bound: 1 }]);
    let last = 0;
    for (let i = 1; i < sources; i++) last = nodes.push(["add", [last, i], {}]) - 1;
    for (let i = 0; i < links; i++)
      last = nodes.push([i % 2 ? "neg" : "transpose", [last], i % 2 ? {} : { axes: [0] }]) - 1;
    nodes.push(["reveal", [last], { label: "x", release: "open", recipients: ["d"] }]);
    return bytesOf({ secretgrad: 1, fraction: 16, nodes });
  };
  decodeSafely(sum(2000, 15_000));
  decodeSafely(sum(9000, 0));
  // Every slice of a batch, all joined.
  const slices = (rows: number) => {
    const at = { batch: rows, stride: rows, shuffle: false, epoch: "e", position: "p" };
    const nodes: unknown[] = [["dataset", [], { name: "d", rows, rowShape: [], scale: 0, bound: 1, ...at }]];
    let last = -1;
    for (let i = 0; i < 9000; i++) {
      const start = i % (rows - 2);
      const cut = nodes.push(["slice", [0], { axis: 0, start, end: start + 2 }]) - 1;
      last = last < 0 ? cut : nodes.push(["add", [last, cut], {}]) - 1;
    }
    nodes.push(["reveal", [last], { label: "x", release: "open", recipients: ["d"] }]);
    return bytesOf({ secretgrad: 1, fraction: 16, nodes });
  };
  decodeSafely(slices(3000));
  decodeSafely(slices(9000));
  // A constant of the largest size.
  const words = "A".repeat(2_999_999).slice(0, 2_999_988);
  decodeSafely(
    bytesOf({
      secretgrad: 1,
      fraction: 16,
      nodes: [["constant", [], { shape: [281_248], scale: 0, bound: 1, words }]],
    }),
  );
});

const junk = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    "__proto__",
    "constructor",
    "toString",
    -1,
    0.5,
    1e308,
    2 ** 31,
    2 ** 53,
    -0,
    [],
    {},
    [[]],
    "NaN",
    "A".repeat(300),
  ),
  fc.integer(),
  fc.nat(70),
  fc.double(),
  fc.string(),
  fc.jsonValue(),
  fc.array(fc.nat(2 ** 31)),
);
/** Walks into a JSON value by random turns and changes what is there. */
function mutate(json: unknown, turns: readonly number[], kind: number, value: unknown): void {
  let at = json as Record<string, unknown>;
  for (const turn of turns) {
    const keys = Object.keys(at);
    if (keys.length === 0) break;
    const key = keys[turn % keys.length]!;
    const next = at[key];
    if (typeof next === "object" && next !== null && turn % 7 !== 0) {
      at = next as Record<string, unknown>;
      continue;
    }
    if (kind === 0) delete at[key];
    else if (kind <= 2 && Array.isArray(at)) at.push(value);
    else if (kind === 2)
      Object.defineProperty(at, String(value).slice(0, 20), {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    else at[key] = value;
    return;
  }
}
test("random changes to a plan: decoded or refused, nothing else", () => {
  let decoded = 0;
  fc.assert(
    fc.property(
      fc.nat(1),
      fc.array(fc.tuple(fc.array(fc.nat(1000), { minLength: 2, maxLength: 7 }), fc.nat(5), junk), {
        minLength: 1,
        maxLength: 3,
      }),
      (which, changes) => {
        const plan = parsed(which);
        for (const [turns, kind, value] of changes) mutate(plan, turns, kind, structuredClone(value));
        if (decodeSafely(bytesOf(plan))) decoded++;
      },
    ),
    { numRuns: 1500 },
  );
  assert.ok(decoded < 1500);
});
test("random numbers in a plan: decoded or refused, nothing else", () => {
  fc.assert(
    fc.property(fc.nat(1), fc.nat(400), fc.oneof(fc.nat(8), fc.nat(64), fc.integer()), (which, place, value) => {
      let seen = 0;
      const text = new TextDecoder().decode(samples[which]!.bytes);
      const changed = text.replace(/(?<=[:[,])-?\d+(?=[\],}])/g, (number) =>
        seen++ === place ? String(value) : number,
      );
      decodeSafely(new TextEncoder().encode(changed));
    }),
    { numRuns: 1500 },
  );
});
test("random bytes and flipped bits: refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.equal(decodeSafely(bytes), false)),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.nat(1), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, change) => {
      const bytes = samples[which]!.bytes.slice();
      bytes[at % bytes.length]! ^= change;
      decodeSafely(bytes);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.nat(1), fc.nat(), (which, end) => {
      const { bytes } = samples[which]!;
      assert.equal(decodeSafely(bytes.subarray(0, end % bytes.length)), false);
    }),
    { numRuns: 100 },
  );
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
