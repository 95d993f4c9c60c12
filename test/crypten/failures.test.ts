/**
 * Every point where CrypTen's functions are wrong is among those that ours are swept over; or it is outside of what can be represented,
 * and then a plan says so. The points are those of a bit-exact simulation of its formulas at 16 fraction bits, and its exponents
 * for which x^n is another power.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FunctionEntry, functions } from "../../src/functions/table.js";
import { share } from "../../src/ops/build.js";
import { Recorder } from "../../src/plan/index.js";
import { argumentsOf } from "../functions/sweep.js";

const failures: Readonly<Record<string, readonly number[]>> = {
  exp: [-9.9, 5, 10, -512, -625, -2, -3],
  log: [0.001, 0.01, 100, 250, 256, 390],
  reciprocal: [0.001, 10, 20, 100, 256, 390, -256, -0.001],
  sqrt: [0.001, 0.01, 0.1, 100, 200, 390],
  rsqrt: [0.001, 0.01, 0.1, 100, 200, 390],
  sigmoid: [0, 500, 512, -500, -512],
  tanh: [0, 500, 512, -500, -512],
  sin: [Math.PI, -Math.PI, 10, -10],
  cos: [Math.PI, -Math.PI, 10, -10],
  erf: [0.5, -0.5, 1, -1, 2, -2, 3, -3],
};
const exponents = [5, 7, 9, 10, 11, 13, 14, 15, 17];
/** Where CrypTen's exp is off by a third, by half, and overflows; here too large for any share. */
const beyond: Readonly<Record<string, readonly number[]>> = { exp: [14, 20, 21] };

const entryOf = (name: string): FunctionEntry => functions.find((entry) => entry.name === name)!;

test("the sweep contains each of them", () => {
  for (const fraction of [16, 20])
    for (const [name, points] of Object.entries(failures)) {
      const swept = new Set(argumentsOf(entryOf(name), fraction, 100)[0]);
      for (const point of points)
        assert.ok(swept.has(Math.round(point * 2 ** fraction) / 2 ** fraction), `${name} of ${point}, f = ${fraction}`);
    }
  for (const n of exponents)
    assert.ok(
      argumentsOf(entryOf(`pow (${n})`), 16, 100)[0]!.some((x) => x < -1.5),
      `pow of ${n}`,
    );
});

test("a plan says what lies beyond", () => {
  for (const [name, points] of Object.entries(beyond))
    for (const point of points) {
      const { domain, record } = entryOf(name);
      assert.ok(
        domain(16)[0]!.every(({ from, to }) => point < from || point > to),
        `${name} of ${point}`,
      );
      const b = new Recorder({ fraction: 16 });
      const bound = 16 + Math.ceil(Math.log2(point));
      const x = b.node("input", [], { slot: "x", shape: [1], scale: 16, bound });
      b.node("reveal", [share(b, record(b, x))], { label: "y", release: "open", recipients: ["d"] });
      assert.ok((b.close().assumed ?? []).length > 0, `${name} of ${point}`);
    }
});
