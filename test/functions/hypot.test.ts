/** sqrt(a^2 + s^2) and quotients over its whole range, against float64; plain and with the protocols. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hypot, operandBits } from "../../src/functions/index.js";
import { constant, share } from "../../src/ops/build.js";
import { Recorder } from "../../src/plan/index.js";
import { type ProtocolDefinition, plain, protocolNamed } from "../../src/protocol/index.js";
import { runOnce } from "../engine/run.js";

const fraction = 20;
const unit = 2 ** -fraction;
const most = 2 ** (operandBits - fraction);

/** Numbers of all orders of magnitude, and 0, in units. */
function spread(n: number, seed: number): Float64Array {
  const orders = Math.log2(most / unit) - 0.6;
  return Float64Array.from({ length: n }, (_, i) => {
    const turn = Math.abs(Math.sin(seed * 12.9898 + i * 78.233) * 43758.5453) % 1;
    return i % 17 === 0 ? 0 : Math.round(2 ** (orders * turn)) * unit;
  });
}

async function run(definition: ProtocolDefinition, n: number, keep: number, epsilon: number) {
  const [a, s] = [spread(n, 1).map((x, i) => (i % 2 ? -x : x)), spread(n, 2)];
  const quotient = (i: number) => Math.sin(i) * Math.hypot(a[i]!, s[i]!);
  const x = Float64Array.from({ length: n }, (_, i) => Math.round(quotient(i) / unit) * unit);
  const b = new Recorder({ fraction });
  const input = (slot: string) => b.node("input", [], { slot, shape: [n], scale: fraction, bound: operandBits });
  const { root, over } = hypot(b, input("a"), input("s"), { epsilon: constant(b, epsilon, [], fraction), keep });
  const show = (label: string, ref: typeof root) =>
    b.node("reveal", [ref], { label, release: "open", recipients: ["driver"] });
  show("root", root);
  show("over", share(b, over(input("x"), 1, 36)));
  const { revealed } = await runOnce(definition, b, { inputs: { a, s, x } });
  let [rootError, quotientError, bias, counted] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const wanted = Math.hypot(a[i]!, s[i]!);
    const got = revealed.root![i]!;
    // A unit for rounding. Roots that epsilon hides are worth less.
    const worth = wanted >= 30 * epsilon ? 1 : wanted >= 3 * epsilon ? 0.01 : 2e-5;
    rootError = Math.max(rootError, (worth * (Math.abs(got - keep * wanted) - 1.01 * unit)) / (wanted + epsilon));
    if (wanted > 2 ** 30 * unit) {
      bias += got / (keep * wanted) - 1;
      counted++;
    }
    if (wanted >= 3 * epsilon) {
      const ratio = x[i]! / (wanted + epsilon);
      const error = Math.abs(revealed.over![i]! - ratio) - 2 * (unit / (wanted + epsilon));
      quotientError = Math.max(quotientError, (wanted >= 30 * epsilon ? 1 : 0.1) * error);
    }
  }
  return { rootError, quotientError, bias: bias / counted };
}

test("roots and quotients from one unit to 2^38 units", async (context) => {
  for (const [keep, epsilon] of [
    [1, unit],
    [Math.sqrt(0.999), unit],
    [Math.sqrt(0.5), 2 ** -6],
  ] as const) {
    const { rootError, quotientError, bias } = await run(plain, 2 ** 17, keep, epsilon);
    context.diagnostic(
      `root ${rootError.toExponential(1)}, quotient ${quotientError.toExponential(1)}, bias ${bias.toExponential(1)}`,
    );
    assert.ok(rootError < 4e-6, `root ${rootError}`);
    assert.ok(quotientError < 1e-4, `quotient ${quotientError}`);
    assert.ok(Math.abs(bias) < 2e-7, `bias ${bias}`);
  }
});
test("with the protocols, too", async () => {
  for (const name of ["rep3", "additive-2", "additive-2-fss"]) {
    const { rootError, quotientError } = await run(protocolNamed(name), 500, Math.sqrt(0.9), unit);
    assert.ok(rootError < 4e-6 && quotientError < 1e-4, `${name}: ${rootError} ${quotientError}`);
  }
});
