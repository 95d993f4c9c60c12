/** Operators of functions as a stranger would write them: attributes out of range are refused, extreme ones run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SecretgradError } from "../../src/errors.js";
import { share } from "../../src/ops/build.js";
import { decodePlan, Recorder } from "../../src/plan/index.js";
import { plain, rep3 } from "../../src/protocol/index.js";
import { runOnce } from "../engine/run.js";

const recorded = () => {
  const b = new Recorder({ fraction: 16 });
  return { b, x: b.node("input", [], { slot: "x", shape: [3], scale: 16, bound: 31 }) };
};
const waves = { factor: 1, by: 1, bits: 20, cos: [1], sin: [1] };
const leading = { width: 31, signed: false, rows: 1, low: [1, 2, 3, 4, 5, 6, 7], high: [0, 8, 16, 24] };
const zeros = (count: number) => new Array<number>(count).fill(0);

const refused: [string, string, Record<string, unknown>][] = [
  ["a factor that is no whole number", "waves", { ...waves, factor: 0.5 }],
  ["a factor beyond 2^53", "waves", { ...waves, factor: 2 ** 53 }],
  ["a factor of 0", "octaves", { factor: 0, top: 2 }],
  ["waves in another step", "waves", { ...waves, by: 3 }],
  ["no waves", "waves", { ...waves, cos: [], sin: [] }],
  ["too many waves", "waves", { ...waves, cos: zeros(49), sin: zeros(49) }],
  ["fewer sines than cosines", "waves", { ...waves, cos: [1, 2] }],
  ["coefficients that overflow", "waves", { ...waves, bits: 30, cos: [2 ** 40] }],
  ["a coefficient that is no number", "waves", { ...waves, cos: ["1"] }],
  ["too many bits", "waves", { ...waves, bits: 31 }],
  ["an odd top", "octaves", { factor: 1, top: 3 }],
  ["a top beyond the range", "octaves", { factor: 1, top: 32 }],
  ["too wide", "leading", { ...leading, width: 63, high: zeros(8) }],
  ["too few weights", "leading", { ...leading, low: [1] }],
  ["too many weights", "leading", { ...leading, rows: 2 }],
  ["too many rows", "leading", { ...leading, rows: 9, low: zeros(63), high: zeros(36) }],
  ["weights beyond 2^53", "leading", { ...leading, high: [0, 8, 16, 2 ** 53] }],
  ["a negative bound", "narrow", { bound: -1 }],
];
for (const [name, op, attrs] of refused)
  test(`refused: ${op} with ${name}`, () => {
    const { b, x } = recorded();
    assert.throws(() => b.node(op, [x], attrs), SecretgradError);
  });

test("refused: functions of bits and products", () => {
  const { b, x } = recorded();
  for (const value of [b.node("isNegative", [x]), b.node("mul", [x, x])])
    for (const [op, attrs] of [
      ["waves", waves],
      ["octaves", { factor: 1, top: 2 }],
      ["leading", leading],
    ] as const)
      assert.throws(() => b.node(op, [value], attrs), SecretgradError);
});

test("extreme attributes run, and give the same under every protocol", async () => {
  const record = () => {
    const { b, x } = recorded();
    const show = (label: string, op: string, attrs: Record<string, unknown>) => {
      const value = b.node("reshare", [b.node(op, [x], attrs)]);
      b.node("reveal", [value], { label, release: "open", recipients: ["d"] });
    };
    show("one", "leading", { width: 1, signed: true, rows: 1, low: zeros(7), high: [5] });
    const low = [1, -2, 2 ** 52, 4, 5, 6, 7];
    show("wide", "leading", { width: 62, signed: true, rows: 1, low, high: [0, 8, 16, 24, 32, 40, 48, -(2 ** 52)] });
    const attrs = { factor: 2 ** 53 - 1, by: 2, bits: 1, cos: zeros(48), sin: zeros(48) };
    b.node("reveal", [share(b, b.node("waves", [x], attrs))], { label: "waves", release: "open", recipients: ["d"] });
    return decodePlan(b.close().bytes);
  };
  const given = { inputs: { x: [2 ** -16, -3.5, 1000] } };
  const [clear, secret] = [await runOnce(plain, record(), given), await runOnce(rep3, record(), given)];
  for (const label of ["one", "wide", "waves"])
    assert.deepEqual([...secret.revealed[label]!], [...clear.revealed[label]!], label);
  // 1, -229376 and 65536000 units: positions 0, 17 and 25; a last row tells the sign.
  assert.deepEqual([...clear.revealed.wide!], [0, 1 + 16, 1 + 24, 0, 1, 0]);
  assert.deepEqual([...clear.revealed.waves!], [0, 0, 0]);
});
