/**
 * Reverse-mode differentiation of a recorded value, in plan operators. Knows no operator: each brings its own rule, which
 * is the rule of the mathematical operation, not of the protocol that evaluates it.
 */
import { PlanError } from "../errors.js";
import { add, broadcastTo, constant } from "../ops/build.js";
import { operator, type Ref } from "../ops/index.js";
import { formatShape, size } from "../ring/index.js";
import type { Recorder } from "./record.js";

/**
 * d output / d target for each target, times `seed`, a public value of shape []; `output` has one element. A target that output
 * does not depend on gets undefined. Gradients may be products (not yet truncated), so that an optimizer can truncate its whole
 * update once.
 */
export function differentiate(
  recorder: Recorder,
  output: Ref,
  targets: readonly Ref[],
  seed: Ref = constant(recorder, 1, [], 0),
): (Ref | undefined)[] {
  if (size(output.type.shape) !== 1)
    throw new PlanError(
      `backward: expected a loss of one element, got shape ${formatShape(output.type.shape)}; try mean() or sum()`,
    );
  const wanted = onPath(recorder, output.id, targets);
  const gradients = new Map<number, Ref>();
  gradients.set(output.id, broadcastTo(recorder, seed, output.type.shape));
  for (let id = output.id; id >= 0; id--) {
    const gradient = gradients.get(id);
    const node = recorder.nodes[id]!;
    const defined = recorder.functionOf(id);
    const sources = defined?.inputs ?? node.inputs;
    if (!gradient || !sources.some((input) => wanted[input])) continue;
    const inputs = sources.map((input) => recorder.ref(input));
    const asked = sources.map((input) => wanted[input] === 1);
    const parts = defined
      ? defined.gradient(recorder, gradient, asked)
      : operator(node.op)?.gradient?.(recorder, inputs, node.attrs as never, recorder.ref(id), gradient, asked);
    parts?.forEach((part, i) => {
      if (!part || !asked[i]) return;
      const to = sources[i]!;
      const known = gradients.get(to);
      gradients.set(to, known ? add(recorder, known, part) : part);
    });
  }
  return targets.map((target) => gradients.get(target.id));
}

/** 1 for nodes between a target and the output through which gradients flow: the only ones that need one. */
function onPath(recorder: Recorder, output: number, targets: readonly Ref[]): Uint8Array {
  const wanted = new Uint8Array(output + 1);
  for (const target of targets) if (target.id <= output) wanted[target.id] = 1;
  for (let id = 0; id <= output; id++) {
    const { op, inputs } = recorder.nodes[id]!;
    const defined = recorder.functionOf(id);
    const flows = defined !== undefined || operator(op)?.gradient !== undefined;
    if (flows && (defined?.inputs ?? inputs).some((input) => wanted[input])) wanted[id] = 1;
  }
  return wanted;
}
