/** Decoding under fire: plans made to be slow, random changes, random bytes. Nothing but our own errors, within a second. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesOf, decodeSafely, header, parsed, samples } from "./safely.js";

test("large plans made to be slow are decoded or refused within a second", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const head = '{"secretgrad":1,"fraction":16,"nodes":';
  const encode = (text: string) => new TextEncoder().encode(text);
  decodeSafely(encode(nested(2_000_000)));
  decodeSafely(encode(`${head}${nested(1_000_000)}}`));
  decodeSafely(encode(`${head}[["input",[],{"slot":"x","shape":${nested(1_000_000)},"scale":0,"bound":1}]]}`));
  decodeSafely(bytesOf({ ...header, nodes: [["input", [], { slot: "x".repeat(4e6) }]] }));
  decodeSafely(bytesOf({ ...header, nodes: [["x".repeat(4e6), [], {}]] }));
  const shape = new Array(1_500_000).fill(1);
  decodeSafely(bytesOf({ ...header, nodes: [["input", [], { slot: "x", shape, scale: 0, bound: 1 }]] }));
  const keys = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, i]));
  decodeSafely(bytesOf({ ...header, nodes: [["input", [], keys]] }));
  decodeSafely(bytesOf({ ...header, nodes: new Array(400_000).fill(["input", [], {}]) }));
  // Many sources that meet, then many values that depend on all of them.
  const sum = (sources: number, links: number) => {
    const nodes: unknown[] = [];
    for (let i = 0; i < sources; i++) nodes.push(["variable", [], { name: `v${i}`, shape: [2], scale: 0, bound: 1 }]);
    let last = 0;
    for (let i = 1; i < sources; i++) last = nodes.push(["add", [last, i], {}]) - 1;
    for (let i = 0; i < links; i++)
      last = nodes.push([i % 2 ? "neg" : "transpose", [last], i % 2 ? {} : { axes: [0] }]) - 1;
    nodes.push(["reveal", [last], { label: "x", release: "open", recipients: ["d"] }]);
    return bytesOf({ ...header, nodes });
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
    return bytesOf({ ...header, nodes });
  };
  decodeSafely(slices(3000));
  decodeSafely(slices(9000));
  // A constant of the largest size.
  const words = "A".repeat(2_999_999).slice(0, 2_999_988);
  decodeSafely(
    bytesOf({
      ...header,
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
