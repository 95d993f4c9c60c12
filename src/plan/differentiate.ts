/**
 * Reverse-mode differentiation of a recorded value, in plan operators. Knows no operator: each brings its own rule, which
 * is the rule of the mathematical operation, not of the protocol that evaluates it.
 */
import { PlanError } from "../errors.js";
import { add, constant } from "../ops/build.js";
import { operator, type Ref } from "../ops/index.js";
import { size } from "../ring/index.js";
import type { Recorder } from "./record.js";

/**
 * d output / d target for each target; `output` has one element. A target that output does not depend on gets undefined.
 * Gradients may be products (not yet truncated), so that an optimizer can truncate its whole update once.
 */
export function differentiate(recorder: Recorder, output: Ref, targets: readonly Ref[]): (Ref | undefined)[] {
  if (size(output.type.shape) !== 1)
    throw new PlanError(`backward: expected a loss of one element, got shape [${output.type.shape}]; try mean() or sum()`);
  const wanted = reachable(recorder, output.id, new Set(targets.map((target) => target.id)));
  const gradients = new Map<number, Ref>();
  gradients.set(output.id, constant(recorder, 1, output.type.shape, 0));
  for (let id = output.id; id >= 0; id--) {
    const gradient = gradients.get(id);
    if (!gradient || !wanted.has(id)) continue;
    const node = recorder.nodes[id]!;
    const rule = operator(node.op)?.gradient;
    if (!rule) continue;
    const inputs = node.inputs.map((input) => recorder.ref(input));
    const parts = rule(recorder, inputs, node.attrs as never, recorder.ref(id), gradient);
    parts.forEach((part, i) => {
      const to = node.inputs[i]!;
      if (!part || !wanted.has(to)) return;
      const known = gradients.get(to);
      gradients.set(to, known ? add(recorder, known, part) : part);
    });
  }
  return targets.map((target) => gradients.get(target.id));
}

/** Nodes on a path from a target to the output: the only ones that need a gradient. */
function reachable(recorder: Recorder, output: number, targets: ReadonlySet<number>): Set<number> {
  const wanted = new Set<number>();
  for (let id = 0; id <= output; id++)
    if (targets.has(id) || recorder.nodes[id]!.inputs.some((input) => wanted.has(input))) wanted.add(id);
  return wanted;
}
