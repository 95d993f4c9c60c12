/** One-hot rows of whole numbers, and equality at narrow widths. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, oneHot } from "../../src/ops/build.js";
import { rep3 } from "../../src/protocol/index.js";
import { definitions, evaluate } from "../functions/evaluate.js";

const labels = [3, 0, 9, 9, 1, 7];
const rows = (classes: number) => labels.flatMap((label) => Array.from({ length: classes }, (_, i) => +(i === label)));

for (const definition of definitions)
  test(`one-hot rows: ${definition.name}`, async () => {
    const { values, shapes } = await evaluate(definition, [{ dims: [2, 3], data: labels }], (b, x) => ({
      ten: oneHot(b, x, 10),
      many: oneHot(b, x, 33),
    }));
    assert.deepEqual(values.ten, rows(10));
    assert.deepEqual(values.many, rows(33));
    assert.deepEqual(shapes.ten, [2, 3, 10]);
  });

test("one block of bits and their conversion take two rounds each, and a truncation before them one", async () => {
  const x = { dims: [128], data: Array.from({ length: 128 }, (_, i) => i % 10) };
  const { rounds } = await evaluate(rep3, [x], (b, ref) => ({ y: b.node("fromBits", [oneHot(b, ref, 10)]) }));
  assert.equal(rounds, 5);
});

test("equality looks at as many bits as the bound has", async () => {
  const { values, rounds } = await evaluate(
    rep3,
    [
      { dims: [4], data: [7, -7, 0, 7] },
      { dims: [4], data: [-7, -7, 7, 7] },
    ],
    (b, x, y) => ({ y: equal(b, x, y) }),
    { fraction: 1, bound: 4 },
  );
  assert.deepEqual(values.y, [0, 1, 0, 1]);
  // One block of 5 bits, and the conversion.
  assert.equal(rounds, 4);
});
