/** A value times a public 1 at some scale is the value itself: costs know it of constants, and do not depend on a run's numbers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../src/engine/index.js";
import { constant } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { protocols } from "../../src/protocol/index.js";
import { assign, fraction, input, plan } from "../party/plans.js";
import { Cluster } from "./run.js";

const N = 70;
const halves: Record<string, (b: Builder) => Ref> = {
  "a constant": (b) => constant(b, 0.5, [], 1),
  "a number that comes with the run": (b) => b.node("scalar", [], { slot: "half", exponent: 1 }),
};
const truncated = (b: Builder, x: Ref, y: Ref) => b.node("truncate", [b.node("mul", [x, y])], { shift: fraction });

for (const [name, half] of Object.entries(halves))
  test(`rounds and bytes are the declared ones where a value is halved by ${name}`, async () => {
    const halved = plan((b) => {
      const [x, y] = [input(b, "x", N), input(b, "y", N)];
      // A factor beside its half; and the half of what a truncation has opened, whose sign selects.
      const product = truncated(b, x, y);
      assign(b, "product", product);
      assign(b, "halfProduct", b.node("truncate", [b.node("mul", [b.node("mul", [x, half(b)]), y])], { shift: 17 }));
      const lower = b.node("mul", [product, half(b)]);
      assign(b, "selected", b.node("select", [b.node("isNegative", [lower]), product]));
    });
    for (const definition of protocols) {
      const cluster = new Cluster(definition);
      const program = compile(halved, definition);
      const values = Float64Array.from({ length: N }, (_, i) => i - 30);
      const ones = new Float64Array(N).fill(1);
      const { stats, assigned } = await cluster.runProgram(program, {
        inputs: { x: values, y: ones },
        scalars: { half: 1 },
      });
      assert.deepEqual(
        stats.map(({ rounds, bytes }) => ({ rounds, bytes })),
        program.cost.bytes.map((bytes) => ({ rounds: program.cost.rounds, bytes })),
        definition.name,
      );
      values.forEach((value, i) => {
        for (const [label, wanted] of [
          ["halfProduct", value / 2],
          ["selected", Math.min(value, 0)],
        ] as const)
          assert.ok(Math.abs(assigned[label]![i]! - wanted) < 2 ** -14, `${definition.name}: ${label}`);
      });
      cluster.close();
    }
  });
