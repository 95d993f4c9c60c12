/**
 * A plan's wire form and its strict reading: a plan is input from a stranger, so every node is validated and re-typed.
 * Not a policy: whether a well-formed plan may run is `party/policy.ts`.
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { PlanError, SecretgradError } from "../errors.js";
import type { PlanEnv, ValueType } from "../ops/index.js";
import { size } from "../ring/index.js";
import type { Plan, PlanNode } from "./plan.js";
import { inferNode } from "./infer.js";

export interface PlanLimits {
  readonly maxBytes: number;
  readonly maxNodes: number;
  readonly maxElements: number;
}
export const defaultLimits: PlanLimits = { maxBytes: 4 << 20, maxNodes: 20_000, maxElements: 1 << 26 };

const wireSchema = v.strictObject({
  secretgrad: v.literal(1),
  fraction: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(30)),
  nodes: v.array(
    v.strictTuple([
      v.string(),
      v.array(v.pipe(v.number(), v.integer(), v.minValue(0))),
      v.record(v.string(), v.unknown()),
    ]),
  ),
});

export function encodePlan(env: PlanEnv, nodes: readonly PlanNode[]): Plan {
  const wire = { secretgrad: 1, fraction: env.fraction, nodes: nodes.map(({ op, inputs, attrs }) => [op, inputs, attrs]) };
  const bytes = new TextEncoder().encode(JSON.stringify(wire));
  return { env, nodes, bytes, digest: digestOf(bytes) };
}

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Throws PlanError (or the operator's own named error) on anything that is not a well-typed plan within the limits. */
export function decodePlan(bytes: Uint8Array, limits: PlanLimits = defaultLimits): Plan {
  if (bytes.length > limits.maxBytes) throw new PlanError(`plan: expected at most ${limits.maxBytes} bytes, got ${bytes.length}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new PlanError("plan: expected UTF-8 JSON, got something else", { cause: error });
  }
  const wire = v.safeParse(wireSchema, json);
  if (!wire.success) throw new PlanError(`plan: expected the fields of a plan, got ${wire.issues[0].message.slice(0, 200)}`);
  const { fraction, nodes: list } = wire.output;
  if (list.length > limits.maxNodes) throw new PlanError(`plan: expected at most ${limits.maxNodes} nodes, got ${list.length}`);
  const env: PlanEnv = { fraction };
  const nodes: PlanNode[] = [];
  let elements = 0;
  for (const [op, inputs, attrs] of list) {
    const at = `plan node ${nodes.length} (${op.slice(0, 40)})`;
    const types = inputs.map((id): ValueType => {
      const input = nodes[id];
      if (!input) throw new PlanError(`${at}: expected inputs before it, got node ${id}: plans have no cycles`);
      return input.type;
    });
    const type = infer(at, op, types, attrs, env);
    elements += size(type.shape);
    if (elements > limits.maxElements)
      throw new PlanError(`${at}: expected at most ${limits.maxElements} elements in all values, got more`);
    nodes.push({ op, inputs, attrs, type });
  }
  return { env, nodes, bytes, digest: digestOf(bytes) };
}

function infer(at: string, op: string, types: readonly ValueType[], attrs: Record<string, unknown>, env: PlanEnv): ValueType {
  try {
    return inferNode(op, types, attrs, env);
  } catch (error) {
    if (error instanceof SecretgradError) throw error;
    const reason = error instanceof v.ValiError ? error.message.slice(0, 200) : "attributes of another form";
    throw new PlanError(`${at}: expected valid attributes, got ${reason}`, { cause: error });
  }
}
