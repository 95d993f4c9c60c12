/** Functions with a gradient rule of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { add, constant, mul, share, sum } from "../../src/ops/build.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { plain } from "../../src/protocol/index.js";
import { runOnce } from "../engine/run.js";

const x = (b: Recorder) => b.node("input", [], { slot: "x", shape: [3], scale: 16, bound: 31 });
const given = { inputs: { x: [1, 2, 3] } };
const reveal = (b: Recorder, label: string, ref = share(b, x(b))) =>
  b.node("reveal", [share(b, ref)], { label, release: "open", recipients: ["driver"] });

test("a defined function is differentiated by its own rule, and what is inside it is not looked at", async () => {
  const b = new Recorder({ fraction: 16 });
  const input = x(b);
  const inner = mul(b, input, input);
  // Recorded as a square, defined as something whose derivative is 10.
  const output = b.define(share(b, inner), [input], (_, gradient) => [mul(b, gradient, constant(b, 10, [], 0))]);
  const loss = sum(b, add(b, output, input));
  const [gradient, insideOnly] = differentiate(b, loss, [input, inner]);
  assert.equal(insideOnly, undefined);
  reveal(b, "gradient", gradient!);
  reveal(b, "value", output);
  const { revealed } = await runOnce(plain, b, given);
  assert.deepEqual([...revealed.gradient!], [11, 11, 11]);
  assert.deepEqual([...revealed.value!].map(Math.round), [1, 4, 9]);
});

test("moves of a function do not lead around its rule", async () => {
  const b = new Recorder({ fraction: 16 });
  const input = x(b);
  const column = b.node("reshape", [input], { shape: [3, 1] });
  b.define(column, [input], (_, gradient) => [
    mul(b, b.node("reshape", [gradient], { shape: [3] }), constant(b, 10, [], 0)),
  ]);
  const [gradient] = differentiate(b, sum(b, b.node("reshape", [column], { shape: [1, 3] })), [input]);
  reveal(b, "gradient", gradient!);
  assert.deepEqual([...(await runOnce(plain, b, given)).revealed.gradient!], [10, 10, 10]);
});

test("a function that gives back its input is no function; the first rule of a value counts", async () => {
  const b = new Recorder({ fraction: 16 });
  const input = x(b);
  const rule = (factor: number) => (_: unknown, gradient: typeof input) => [
    mul(b, gradient, constant(b, factor, [], 0)),
  ];
  assert.equal(b.define(input, [input], rule(10)), input);
  const output = share(b, mul(b, input, input));
  b.define(output, [input], rule(2));
  b.define(output, [input], rule(3));
  const [gradient] = differentiate(b, sum(b, add(b, output, input)), [input]);
  reveal(b, "gradient", gradient!);
  assert.deepEqual([...(await runOnce(plain, b, given)).revealed.gradient!], [3, 3, 3]);
});
