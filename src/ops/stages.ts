/**
 * The rules of steps that no plan contains: a truncation in the protocol's two stages, and public words to go along with what the
 * first one leaves. Which steps a plan is given is up to plan/stages.ts.
 */
import { PlanError } from "../errors.js";
import type { Protocol, StageCosts, TruncationStages } from "../protocol/index.js";
import { secret } from "./constant.js";
import { publicOf, shareOf } from "./evaluate.js";
import type { Operator } from "./op.js";
import { truncate } from "./scale.js";
import { elements } from "./type.js";

type Shift = { readonly shift: number };

/** Of a product, as `truncate`. */
export const firstStage: Operator<never> = {
  ...(truncate as unknown as Operator<never>),
  cost: ({ stages }, [x], { shift }: Shift, _output, pivot) => defined(stages).begin(elements(x!), shift, pivot),
  *evaluate({ protocol, site }, [x], { shift }: Shift) {
    if (x!.kind !== "product") throw new PlanError(`truncate: expected a product, got a ${x!.kind}`);
    return { kind: "share", share: yield* stagesOf(protocol).begin(site, x!.product, shift) };
  },
};
/** Of what the step of that number left. */
export const secondStage = (begun: number): Operator<never> => ({
  ...(truncate as unknown as Operator<never>),
  cost: ({ stages }, [x], { shift }: Shift) => defined(stages).end(elements(x!), shift, begun),
  *evaluate({ protocol, site }, [x]) {
    return { kind: "share", share: yield* stagesOf(protocol).end(site, shareOf(x)) };
  },
});
/** `secret`, to be mapped together with what a first stage left, which is the second input. */
export const publicBeside: Operator<never> = {
  ...(secret as unknown as Operator<never>),
  evaluate: ({ protocol, site }, [words, like]) => ({
    kind: "share",
    share: stagesOf(protocol).fromPublic(site, publicOf(words), shareOf(like)),
  }),
};
/** The same rule where the pivot is not that of its own step. */
export const atPivot = (rule: Operator<never>, pivot: number): Operator<never> => ({
  ...rule,
  cost: (costs, inputs, attrs, output) => rule.cost(costs, inputs, attrs, output, pivot),
});

const stagesOf = ({ stages }: Protocol): TruncationStages => defined(stages);
function defined<T extends TruncationStages | StageCosts>(stages: T | undefined): T {
  if (!stages) throw new PlanError("truncate: expected a protocol with two stages, got another");
  return stages;
}
