/** Plans over Z_2^32, by the rule that chooses the ring: with all protocols, costs as declared, and beside plans over Z_2^64. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compile, execute, type Program } from "../../src/engine/index.js";
import { SecretgradError } from "../../src/errors.js";
import * as build from "../../src/ops/build.js";
import type { EvalHost } from "../../src/ops/index.js";
import { operator, operators } from "../../src/ops/table.js";
import { Recorder } from "../../src/plan/index.js";
import { type ProtocolDefinition, plain, protocols, rep3 } from "../../src/protocol/index.js";
import { assertNear, byOracle, recorded } from "../ops/algebra.js";
import { leaf } from "../ops/arbitraries.js";
import { comparing, comparingGiven, inference, inferenceGiven, layers, layersGiven, narrow } from "./plans32.js";
import { Cluster, runOnce } from "./run.js";

/** Operators that have been evaluated over words of 32 bits. */
const evaluated = new Set<string>();
/** A plan that is recorded for words of 32 bits. */
function compileNarrow(recorder: Recorder, definition: ProtocolDefinition): Program {
  const program = compile(recorder.close(), definition);
  assert.equal(program.plan.env.wordBits, 32);
  for (const { op } of program.plan.nodes) evaluated.add(op);
  return program;
}

for (const definition of protocols)
  test(`inference over words of 32 bits, ${definition.name}`, async () => {
    const fine = compile(inference({ fraction: 20 }).close(), definition);
    assert.equal(fine.plan.env.wordBits, 64);
    const coarse = compileNarrow(inference(narrow), definition);
    const expected = await runOnce(plain, fine.plan, inferenceGiven);
    const cluster = new Cluster(definition);
    try {
      // Plans of both sorts in one session.
      for (const program of [coarse, fine, coarse]) {
        const { revealed, stats, live } = await cluster.runProgram(program, inferenceGiven);
        const tolerance = program === fine ? 1e-4 : 0.02;
        for (const label of ["logits", "loss"])
          assertNear(revealed[label]!, expected.revealed[label]!, tolerance, `${label} at ${tolerance}`);
        for (const label of ["classes", "right"]) assert.deepEqual(revealed[label], expected.revealed[label]);
        assert.deepEqual(
          stats.map(({ rounds }) => rounds),
          stats.map(() => program.cost.rounds),
        );
        assert.deepEqual(
          stats.map(({ bytes }) => bytes),
          program.cost.bytes,
        );
        assert.ok(live.every((blocks) => blocks === 0));
      }
      const used = cluster.ends.map(({ ring }) => ring.usedBytes);
      await cluster.runProgram(coarse, inferenceGiven);
      assert.deepEqual(
        cluster.ends.map(({ ring }) => ring.usedBytes),
        used,
      );
    } finally {
      cluster.close();
    }
    const most = (program: Program) => Math.max(...program.cost.bytes);
    assert.ok(definition === plain || most(coarse) < 0.75 * most(fine), `${most(coarse)} of ${most(fine)} bytes`);
  });

for (const definition of protocols)
  test(`layers of convolutional networks over words of 32 bits, ${definition.name}`, async () => {
    const expected = await runOnce(plain, layers({ fraction: 20 }), layersGiven);
    const cluster = new Cluster(definition);
    try {
      const program = compileNarrow(layers(narrow), definition);
      const { revealed, stats } = await cluster.runProgram(program, layersGiven);
      for (const [label, values] of Object.entries(expected.revealed))
        assertNear(revealed[label]!, values, 0.03, `${definition.name} ${label}`);
      assert.deepEqual(
        stats.map(({ bytes }) => bytes),
        program.cost.bytes,
      );
    } finally {
      cluster.close();
    }
  });

for (const definition of protocols)
  test(`comparisons of many kinds over words of 32 bits, ${definition.name}`, async () => {
    const { revealed: expected } = await runOnce(plain, comparing({ fraction: 20 }), comparingGiven);
    const program = compileNarrow(comparing(narrow), definition);
    const cluster = new Cluster(definition);
    try {
      const { revealed, stats, live } = await cluster.runProgram(program, comparingGiven);
      const { coin, kept, ...exact } = revealed;
      for (const [label, values] of Object.entries(exact)) assert.deepEqual(values, expected[label], label);
      assert.deepEqual(
        kept,
        coin!.map((bit) => 1.5 * bit),
      );
      for (const part of [coin!.slice(0, 32_768), coin!.slice(32_768)]) {
        assert.ok(part.every((bit) => bit === 0 || bit === 1));
        const ones = part.reduce((sum, bit) => sum + bit, 0) / part.length;
        assert.ok(Math.abs(ones - 40_000 / 65_536) < 3 / Math.sqrt(part.length), `${ones}`);
      }
      for (const { rounds } of stats) assert.equal(rounds, program.cost.rounds);
      assert.deepEqual(
        stats.map(({ bytes }) => bytes),
        program.cost.bytes,
      );
      assert.ok(live.every((blocks) => blocks === 0));
    } finally {
      cluster.close();
    }
  });

test("random programs of small numbers are the same in both rings", async () => {
  const given = fc.tuple(leaf([2, 3], 2), leaf([2, 3], 2), leaf([3], 2));
  const cluster = new Cluster(rep3);
  const words = new Set<number>();
  try {
    await fc.assert(
      fc.asyncProperty(given, fc.nat(3), async (leaves, choice) => {
        const program: Parameters<typeof byOracle>[0] = (a, [x, y, z]) => {
          const product = a.matmul(x!, a.transpose(y!, [1, 0]));
          if (choice === 0) return a.relu(a.add(a.mul(x!, y!), z!));
          if (choice === 1) return a.mean(product, [1], true);
          if (choice === 2)
            return a.whereLess(
              a.scale(x!, 0.3),
              y!,
              a.concat([a.slice(x!, 1, 0, 1), a.slice(y!, 1, 1, 3)], 1),
              a.neg(y!),
            );
          return a.max(a.scale(product, -0.7), 0).max;
        };
        const expected = byOracle(program, leaves, 0.02);
        if (!expected) return;
        const b = new Recorder(narrow);
        const { fraction, integerBits } = b.env;
        const inputs = leaves.map(({ dims }, i) =>
          b.node("input", [], { slot: `x${i}`, shape: dims, scale: fraction, bound: fraction + integerBits }),
        );
        const value = build.share(b, program(recorded(b), inputs));
        b.node("reveal", [value], { label: "value", release: "open", recipients: ["test"] });
        const plan = b.close();
        words.add(plan.env.wordBits);
        for (const { op } of plan.nodes) evaluated.add(op);
        const { revealed } = await cluster.run(plan, {
          inputs: Object.fromEntries(leaves.map(({ data }, i) => [`x${i}`, data])),
        });
        assertNear(revealed.value!, expected.value, 0.02, `program ${choice}`);
      }),
      { numRuns: 60 },
    );
  } finally {
    cluster.close();
  }
  assert.deepEqual([...words], [32]);
});

test("a plan is not evaluated in the other ring", async () => {
  const cluster = new Cluster(plain);
  const program = compile(inference(narrow).close(), plain);
  const { ring, ends, mesh } = cluster.ends[0]!;
  const scope = ring.scope();
  const options = { ring, protocol: ends(8), mesh, run: 1, host: {} as EvalHost, scope };
  await assert.rejects(execute(program, options), SecretgradError);
  scope.close();
  cluster.close();
});

test("every operator has been evaluated over words of 32 bits here, or needs those of 64", () => {
  const missing = Object.keys(operators).filter((name) => !evaluated.has(name) && !operator(name)!.wide);
  // Variables hold words of 64 bits.
  assert.deepEqual(missing, ["assign"]);
});
