/**
 * Every function of the table: its error over its domain, results and costs under the secret protocols, gradients. SWEEP=1000000
 * sweeps as many points of each as docs/functions.md states errors for.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../src/engine/index.js";
import { functions } from "../../src/functions/table.js";
import { axisFunctions } from "../../src/functions/table-axes.js";
import { add, constant, mul, share, sum } from "../../src/ops/build.js";
import type { Ref } from "../../src/ops/index.js";
import { differentiate, planReveals, Recorder } from "../../src/plan/index.js";
import { plain, protocolNamed } from "../../src/protocol/index.js";
import { inTheClear } from "../clear/run.js";
import { Cluster, runOnce } from "../engine/run.js";
import { argumentsOf, rowsOf, worst, worstRow } from "./sweep.js";

test("in the clear every function has its error without rounding, and none of its steps leaves its bound", () => {
  for (const entry of functions)
    for (const [i, fraction] of [16, 20].entries()) {
      const lists = argumentsOf(entry, fraction, 2000);
      const b = new Recorder({ fraction });
      const refs = lists.map(({ length }, at) =>
        b.node("input", [], { slot: `x${at}`, shape: [length], scale: fraction, bound: fraction + 15 }),
      );
      b.node("reveal", [share(b, entry.record(b, ...refs))], { label: "y", release: "open", recipients: ["d"] });
      const step = 2 ** fraction;
      const given = lists.map((list) => Array.from(list, (value) => Math.round(value * step) / step));
      const inputs = Object.fromEntries(given.map((list, at) => [`x${at}`, list]));
      const { revealed, overflows } = inTheClear(b.close(), { inputs });
      // The domain's ends, rounded to the grid, reach the bound itself.
      const beyond = overflows.filter(({ largest, limit }) => largest > limit * 1.004);
      assert.deepEqual(beyond, [], entry.name);
      revealed.get("y")!.forEach((got, at) => {
        const wanted = entry.reference(...given.map((list) => list[at]!));
        const off = Math.abs(got - wanted) / Math.max(1, Math.abs(wanted));
        assert.ok(off <= entry.error[i]!, `${entry.name} of ${given.map((list) => list[at])}: ${wanted}, got ${got}`);
      });
    }
});

const points = Number(process.env.SWEEP ?? 20_000);

for (const entry of functions)
  test(`${entry.name}: the largest error over its domain is as stated`, async () => {
    for (const [i, fraction] of [16, 20].entries()) {
      const stated = entry.error[i]!;
      assert.ok(stated <= [4e-3, 1e-3][i]!, "the bar");
      const miss = await worst(entry.record, entry.reference, argumentsOf(entry, fraction, points), { fraction });
      assert.ok(miss.error <= stated, `f = ${fraction}: ${JSON.stringify(miss)}`);
    }
  });

for (const entry of axisFunctions)
  test(`${entry.name} along an axis: the largest error is as stated`, async () => {
    for (const [i, fraction] of [16, 20].entries()) {
      const stated = entry.error[i]!;
      assert.ok(stated <= [4e-3, 1e-3][i]!, "the bar");
      const miss = await worstRow(entry, rowsOf(entry, fraction, points), { fraction });
      assert.ok(miss.error <= stated, `f = ${fraction}: ${JSON.stringify(miss)}`);
    }
  });

for (const name of ["rep3", "additive-2", "additive-2-fss"] as const)
  test(`${name}: every function has its error, and costs what its plan says`, async () => {
    const definition = protocolNamed(name);
    const cluster = new Cluster(definition);
    try {
      for (const entry of functions)
        for (const [i, fraction] of [16, 20].entries()) {
          const lists = argumentsOf(entry, fraction, 40).map((list) => list.filter((_, at) => at % 7 === 0));
          const n = lists[0]!.length;
          const step = 2 ** fraction;
          const given = lists.map((list) => list.map((value) => Math.round(value * step) / step));
          const b = new Recorder({ fraction });
          const refs = given.map((_, at) =>
            b.node("input", [], { slot: `x${at}`, shape: [n], scale: fraction, bound: fraction + 15 }),
          );
          b.node("reveal", [share(b, entry.record(b, ...refs))], { label: "y", release: "open", recipients: ["d"] });
          const program = compile(b.close(), definition);
          const inputs = Object.fromEntries(given.map((list, at) => [`x${at}`, list]));
          const { revealed, stats } = await cluster.runProgram(program, { inputs });
          const what = `${entry.name} at f = ${fraction}`;
          for (const { rounds } of stats) assert.equal(rounds, program.cost.rounds, what);
          assert.deepEqual(
            stats.map(({ bytes }) => bytes),
            program.cost.bytes,
            what,
          );
          revealed.y!.forEach((got, at) => {
            const wanted = entry.reference(...given.map((list) => list[at]!));
            const off = Math.abs(got - wanted);
            const limit = entry.error[i]! * Math.max(1, Math.abs(wanted));
            assert.ok(off <= limit, `${what} of ${given.map((list) => list[at])}: expected ${wanted}, got ${got}`);
          });
        }
    } finally {
      cluster.close();
    }
  });

test("gradients are the derivatives", async () => {
  const fraction = 20;
  for (const entry of functions.filter(({ gradient }) => gradient !== false)) {
    const all = argumentsOf({ ...entry, edges: [] }, fraction, 60);
    const derivative = (at: readonly number[], i: number): number | undefined => {
      const moved = (by: number) => entry.reference(...at.map((value, j) => (i === j ? value + by : value)));
      const h = Math.max(1, Math.abs(at[i]!)) * 2 ** -16;
      const [left, right] = [(moved(0) - moved(-h)) / h, (moved(h) - moved(0)) / h];
      const value = (left + right) / 2;
      // Not where the function bends or leaves its domain, nor where the derivative is too large for the session.
      if (!(Math.abs(left - right) <= 1e-3 * Math.max(1, Math.abs(value))) || Math.abs(value) > 3000) return undefined;
      return value;
    };
    const chosen = Array.from(all[0]!, (_, at) => all.map((list) => Math.round(list[at]! * 2 ** 20) / 2 ** 20)).filter(
      (at) => at.every((value, i) => Math.abs(value) < 3000 && derivative(at, i) !== undefined),
    );
    assert.ok(chosen.length > 20, `${entry.name}: ${chosen.length} points`);
    const b = new Recorder({ fraction });
    const refs = all.map((_, i) =>
      b.node("input", [], { slot: `x${i}`, shape: [chosen.length], scale: fraction, bound: fraction + 15 }),
    );
    const weights = chosen.map((_, at) => [1, -0.5, 2, 1.25][at % 4]!);
    const loss = sum(b, mul(b, entry.record(b, ...refs), constant(b, weights, [chosen.length], 2)));
    differentiate(b, loss, refs).forEach((gradient, i) => {
      b.node("reveal", [share(b, gradient!)], { label: `g${i}`, release: "open", recipients: ["d"] });
    });
    const inputs = Object.fromEntries(refs.map((_, i) => [`x${i}`, chosen.map((at) => at[i]!)]));
    const { revealed } = await runOnce(plain, b, { inputs });
    chosen.forEach((at, place) => {
      at.forEach((_, i) => {
        const wanted = derivative(at, i)! * weights[place]!;
        const got = revealed[`g${i}`]![place]!;
        const off = Math.abs(got - wanted);
        assert.ok(
          off <= 3e-3 * Math.max(1, Math.abs(wanted)),
          `${entry.name}' at ${at}: expected ${wanted}, got ${got}`,
        );
      });
    });
  }
});

test("a function of rows keeps them apart and alike: their mean may be released", () => {
  const fraction = 20;
  for (const entry of functions) {
    const b = new Recorder({ fraction });
    const at = { batch: 8, stride: 8, shuffle: false, epoch: "epoch", position: "position" };
    const dataset = (name: string) =>
      b.node("dataset", [], { name, rows: 64, rowShape: [], scale: fraction, bound: fraction + 4, ...at });
    const inputs: Ref[] = [dataset("alice/x"), dataset("alice/y")].slice(0, entry.domain(fraction).length);
    const limit = 4 * 2 ** fraction;
    const loss = add(b, share(b, entry.record(b, ...inputs)), constant(b, 0, [], fraction));
    b.node("reveal", [loss], { label: "loss", release: "meanLoss", recipients: ["d"], limit });
    assert.deepEqual(
      planReveals(b.close()).map(({ rows }) => rows),
      [8],
      entry.name,
    );
  }
});

test("what functions assume is told, unless bounds prove it or the caller knows", () => {
  const told = (bound: number, record: (b: Recorder, x: Ref) => Ref) => {
    const b = new Recorder({ fraction: 16 });
    const x = b.node("input", [], { slot: "x", shape: [3], scale: 16, bound });
    b.node("reveal", [share(b, record(b, x))], { label: "y", release: "open", recipients: ["d"] });
    return (b.close().assumed ?? []).map(({ what }) => what);
  };
  const entryOf = (name: string) => functions.find((entry) => entry.name === name)!.record;
  assert.deepEqual(told(31, entryOf("exp")), ["exp: x < 10.39"]);
  assert.deepEqual(told(19, entryOf("exp")), []);
  assert.deepEqual(told(31, entryOf("log")), ["log: x > 0"]);
  assert.deepEqual(told(31, entryOf("sigmoid")), []);
  assert.deepEqual(told(31, entryOf("pow (-2)")), ["pow: |x|^-2 < 2^15", "reciprocal: |x| > 2^-15"]);
  assert.deepEqual(told(20, entryOf("pow (3)")), []);
  assert.deepEqual(told(24, entryOf("pow (3)")), ["pow: |x|^3 < 2^15"]);
});

test("every function with a domain tells it, and no other one", () => {
  // Whoever calls these two knows the range.
  const untold = (name: string) => name === "expNonPositive" || name.startsWith("reciprocalFromOne");
  const check = (name: string, domain: string, record: (b: Recorder) => Ref) => {
    const b = new Recorder({ fraction: 16 });
    b.node("reveal", [share(b, record(b))], { label: "y", release: "open", recipients: ["d"] });
    const told = (b.close().assumed ?? []).map(({ what }) => what);
    assert.equal(told.length > 0, domain !== "all" && !untold(name), `${name}: ${told}`);
  };
  const input = (b: Recorder, slot: string, shape: number[]) =>
    b.node("input", [], { slot, shape, scale: 16, bound: 31 });
  for (const { name, domain, domainText, record } of functions)
    check(name, domainText, (b) => record(b, ...domain(16).map((_, i) => input(b, `x${i}`, [3]))));
  for (const { name, domainText, record } of axisFunctions)
    check(name, domainText, (b) => record(b, input(b, "x", [2, 3])));
});

test("arguments of every kind, scale and shape", async () => {
  const fraction = 20;
  const kinds: Record<string, (b: Recorder, x: Ref) => Ref> = {
    product: (b, x) => b.node("mul", [x, x]),
    bits: (b, x) => b.node("not", [b.node("isNegative", [x])]),
    whole: (b, x) => b.node("fromBits", [b.node("not", [b.node("isNegative", [x])])]),
    public: (b) => constant(b, [1, 1.5], [2], 1),
    sixAxes: (b, x) => b.node("reshape", [x], { shape: [1, 1, 2, 1, 1, 1] }),
    empty: (b, x) => b.node("slice", [x], { axis: 0, start: 0, end: 0 }),
    single: (b, x) => sum(b, x),
  };
  const inputs: Record<string, number[]> = {
    product: [1.5625, 9],
    bits: [1, 1],
    whole: [1, 1],
    public: [1, 1.5],
    sixAxes: [1.25, 3],
    empty: [],
    single: [4.25],
  };
  for (const name of ["exp", "log", "reciprocal", "sqrt", "gelu", "sin", "clamp", "abs", "pow (-2)"]) {
    const entry = functions.find((each) => each.name === name)!;
    const b = new Recorder({ fraction });
    const x = b.node("input", [], { slot: "x", shape: [2], scale: fraction, bound: fraction + 15 });
    for (const [kind, of] of Object.entries(kinds))
      b.node("reveal", [share(b, entry.record(b, of(b, x)))], { label: kind, release: "open", recipients: ["d"] });
    const { revealed } = await runOnce(plain, b, { inputs: { x: [1.25, 3] } });
    for (const [kind, values] of Object.entries(inputs))
      assert.ok(
        revealed[kind]!.length === values.length &&
          values.every((value, i) => {
            const wanted = entry.reference(value);
            return Math.abs(revealed[kind]![i]! - wanted) <= 1e-4 * Math.max(1, Math.abs(wanted));
          }),
        `${name} of ${kind}: ${revealed[kind]} for ${values.map((value) => entry.reference(value))}`,
      );
  }
});
