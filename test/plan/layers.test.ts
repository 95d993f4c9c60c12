/** Attributes of convolutions, windows and positions from strangers: refused by name or run, within a second, whatever they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PlanError, ShapeError } from "../../src/errors.js";
import { encodeIndex } from "../../src/ops/gather.js";
import { decodePlan } from "../../src/plan/index.js";
import { plain } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import { bytesOf, decodeSafely, header } from "./safely.js";

type Node = readonly [op: string, inputs: readonly number[], attrs: object];
const input = (slot: string, shape: readonly number[]): Node => ["input", [], { slot, shape, scale: 4, bound: 19 }];
const shown = (at: number): Node => ["reveal", [at], { label: "y", release: "open", recipients: ["d"] }];
const planOf = (...nodes: readonly Node[]) => bytesOf({ ...header, nodes });

const conv = { stride: [1, 1], dilation: [1, 1], spread: [1, 1], padding: [0, 0], size: [3, 3] };
const convolution = (change: object, x = [1, 1, 1, 4, 4], w = [1, 1, 1, 2, 2]) =>
  planOf(input("x", x), input("w", w), ["convolve", [0, 1], { ...conv, ...change }], ["reshare", [2], {}], shown(3));
const pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], size: [2, 2] };
const window = (change: object, x = [1, 4, 4], op = "sumWindows") =>
  planOf(input("x", x), [op, [0], { ...pool, ...change }], shown(1));
const rows = (change: object, op = "gather") =>
  planOf(input("x", [3, 2]), [op, [0], { axis: 0, index: encodeIndex([2, 0, 1]), ...change }], shown(1));
const einsum = (axes: string, x = [2, 3], y = [3, 4]) =>
  planOf(input("x", x), input("y", y), ["einsum", [0, 1], { axes }], ["reshare", [2], {}], shown(3));

test("what these tests change decodes", () => {
  for (const bytes of [
    convolution({}),
    window({}),
    window({}, [1, 2, 2], "spreadWindows"),
    rows({}),
    einsum("ij,jk->ki"),
  ])
    decodePlan(bytes);
  decodePlan(rows({ length: 5 }, "scatterAdd"));
});

const wrong: Record<string, [Uint8Array, RegExp]> = {
  "a stride of 0": [convolution({ stride: [0, 1] }), /convolve: expected a valid stride/],
  "a negative dilation": [convolution({ dilation: [1, -1] }), /convolve: expected a valid dilation/],
  "half a spread": [convolution({ spread: [0.5, 1] }), /convolve: expected a valid spread/],
  "one stride": [convolution({ stride: [1] }), /convolve: expected a valid stride/],
  "padding beyond all places": [convolution({ padding: [-(2 ** 31), 0] }), /convolve: expected a valid padding/],
  "a size that is no number": [convolution({ size: ["3", 3] }), /convolve: expected a valid size/],
  "windows over too many places": [convolution({ dilation: [2 ** 24, 1] }), /over less than 2\^24 places/],
  "an image of zeros": [convolution({ dilation: [2 ** 20, 2 ** 20] }), /at most 2\^24 words with padding/],
  "too many outputs": [convolution({ size: [2 ** 20, 2 ** 20] }), /fewer than 2\^31 elements|2\^24/],
  "too many multiply-adds": [
    convolution({ size: [2 ** 12, 2 ** 12] }, [1, 1, 1, 2 ** 12, 2 ** 12], [1, 1, 1, 2 ** 12, 2 ** 12]),
    /at most 2\^40 multiply-adds/,
  ],
  "channels that differ": [convolution({}, [1, 1, 2, 4, 4]), /convolve: expected \[batch, groups, channels/],
  "groups that differ": [convolution({}, [1, 2, 1, 4, 4]), /got \[1, 2, 1, 4, 4\] and \[1, 1, 1, 2, 2\]/],
  "four axes": [convolution({}, [1, 1, 4, 4]), /convolve: expected \[batch, groups, channels/],
  "a window without elements": [window({ kernel: [0, 2] }), /sumWindows: expected a valid kernel/],
  "windows padded from below": [window({ padding: [-1, 0] }), /sumWindows: expected a valid padding/],
  "windows far away": [window({ stride: [2 ** 24, 1] }), /sumWindows: expected windows over less than 2\^24 places/],
  "too many additions": [
    window({ kernel: [2 ** 12, 2 ** 12], size: [2 ** 12, 2 ** 11], stride: [1, 1] }),
    /2\^36 additions/,
  ],
  "windows of a vector": [window({}, [4]), /sumWindows: expected \[\.\.\., height, width\]/],
  "a position outside": [rows({ index: encodeIndex([3]) }), /gather: expected positions below 3, got 3/],
  "positions of three bytes": [rows({ index: "AAAA" }), /gather: expected whole 4-byte positions/],
  "positions in another spelling": [rows({ index: "AAAAAA" }), /canonical base64/],
  "no positions at all": [rows({ index: "?" }), /base64/],
  "an axis that is not there": [rows({ axis: 2 }), /gather: expected an axis of \[3, 2\]/],
  "too few positions": [rows({ index: encodeIndex([0]), length: 3 }, "scatterAdd"), /a position for each of 3/],
  "a place outside": [rows({ length: 2 }, "scatterAdd"), /scatterAdd: expected positions below 2, got 2/],
  "a letter twice": [einsum("ii,ij->j"), /einsum: expected each letter once/],
  "a letter alone": [einsum("ij,kl->il"), /einsum: expected each letter once in a part, and in two/],
  "a letter from nowhere": [einsum("ij,jk->iz"), /einsum: expected/],
  "lengths that differ": [einsum("ij,ik->jk"), /got \[2, 3\] and \[3, 4\]/],
  "no equation": [einsum("ij->ji"), /einsum: expected a valid axes/],
};
for (const [name, [bytes, message]] of Object.entries(wrong))
  test(`refused: ${name}`, () => {
    assert.throws(
      () => decodePlan(bytes),
      (error: Error) => (error instanceof PlanError || error instanceof ShapeError) && message.test(error.message),
    );
    assert.equal(decodeSafely(bytes), false);
  });

test("random attributes are refused or run", async () => {
  const cluster = new Cluster(plain);
  // Most of them small, or hardly anything would run.
  const odd = [-2, -1, 0, 2 ** 10, 2 ** 20, 2 ** 24, 2 ** 31, -(2 ** 24)];
  const number = fc.noBias(fc.nat(999)).map((i) => (i % 25 === 0 ? odd[(i / 25) % odd.length]! : 1 + (i % 5)));
  const two = fc.tuple(number, number);
  const dims = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 5, maxLength: 5 });
  const given = fc.record(
    { stride: two, dilation: two, spread: two, padding: two, size: two, kernel: two },
    { requiredKeys: [] },
  );
  let ran = 0;
  const limits = { maxBytes: 2 ** 20, maxNodes: 100, maxElements: 2 ** 20 };
  await fc.assert(
    fc.asyncProperty(dims, dims, given, fc.nat(2), async (x, w, { kernel, ...change }, kind) => {
      const { stride, padding, size } = change;
      const slid = Object.entries({ kernel, stride, padding, size }).filter(([, value]) => value !== undefined);
      const bytes =
        kind === 0
          ? convolution(change, x, [x[1]!, w[1]!, x[2]!, w[3]!, w[4]!])
          : window(Object.fromEntries(slid), x.slice(0, 4), kind === 1 ? "sumWindows" : "spreadWindows");
      if (!decodeSafely(bytes, limits)) return;
      ran++;
      const zeros = (shape: readonly number[]) => new Array<number>(shape.reduce((n, d) => n * d, 1)).fill(1);
      const inputs = decodePlan(bytes).nodes.filter(({ op }) => op === "input");
      await cluster.run(decodePlan(bytes), {
        inputs: Object.fromEntries(inputs.map(({ attrs, type }) => [attrs.slot, zeros(type.shape)])),
      });
    }),
    { numRuns: 400 },
  );
  cluster.close();
  assert.ok(ran > 40, `only ${ran} ran`);
});
