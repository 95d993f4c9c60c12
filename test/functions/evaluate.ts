/**
 * Records functions of a few inputs, runs them with the real engine and holds rounds and bytes against what was planned. For
 * functions along axes; sweep.ts is for those of single elements.
 */
import assert from "node:assert/strict";
import { compile } from "../../src/engine/index.js";
import { share } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { Recorder } from "../../src/plan/index.js";
import { additive, type ProtocolDefinition, plain, rep3 } from "../../src/protocol/index.js";
import { Cluster } from "../engine/run.js";
import type { Dims } from "../ops/oracle.js";

export interface Tensor {
  readonly dims: Dims;
  readonly data: ArrayLike<number>;
}
export interface Evaluated {
  /** By the names under which they were recorded. */
  readonly values: Readonly<Record<string, number[]>>;
  readonly shapes: Readonly<Record<string, Dims>>;
  readonly rounds: number;
  /** Payload of the busiest member. */
  readonly bytes: number;
  /** Of the plan's words. */
  readonly wordBits: number;
}

/** Those on which small cases of every function are tested. */
export const definitions: readonly ProtocolDefinition[] = [plain, rep3, additive(2), additive(2, "fss")];

export async function evaluate(
  definition: ProtocolDefinition,
  inputs: readonly Tensor[],
  record: (b: Recorder, ...inputs: Ref[]) => Readonly<Record<string, Ref>>,
  options: { fraction?: number; integerBits?: number; bound?: number } = {},
): Promise<Evaluated> {
  const { fraction = 20, integerBits = 15, bound = fraction + integerBits } = options;
  const b = new Recorder({ fraction, integerBits });
  const refs = inputs.map(({ dims }, i) => b.node("input", [], { slot: `x${i}`, shape: dims, scale: fraction, bound }));
  const results = Object.entries(record(b, ...refs));
  const shapes = Object.fromEntries(results.map(([label, ref]) => [label, ref.type.shape]));
  for (const [i, [, ref]] of results.entries()) reveal(b, `y${i}`, ref);
  const program = compile(b.close(), definition);
  const used = program.plan.nodes.flatMap(({ op, attrs }) => (op === "input" ? [attrs.slot as string] : []));
  const given = Object.fromEntries(inputs.map(({ data }, i) => [`x${i}`, data]));
  const cluster = new Cluster(definition);
  try {
    const { revealed, stats } = await cluster.runProgram(program, {
      inputs: Object.fromEntries(used.map((slot) => [slot, given[slot]!])),
    });
    for (const [party, { rounds, bytes }] of stats.entries()) {
      assert.equal(rounds, program.cost.rounds, "rounds");
      assert.equal(bytes, program.cost.bytes[party], `bytes of party ${party}`);
    }
    const values = Object.fromEntries(results.map(([label], i) => [label, [...revealed[`y${i}`]!]]));
    const { rounds, bytes } = program.cost;
    return { values, shapes, rounds, bytes: Math.max(...bytes), wordBits: program.plan.env.wordBits };
  } finally {
    cluster.close();
  }
}
function reveal(b: Builder, label: string, ref: Ref): void {
  b.node("reveal", [share(b, ref)], { label, release: "open", recipients: ["driver"] });
}

/** Reproducible numbers in [-limit, limit). */
export function numbers(count: number, limit: number, seed = 1): Float64Array {
  let state = seed * 2654435761;
  return Float64Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) / 2 ** 31 - 1) * limit;
  });
}
