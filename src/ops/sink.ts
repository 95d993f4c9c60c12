/**
 * Where values go: into a variable, or out of shares by a release. Not the decision whether that is allowed, which is
 * the party's policy; these rules refuse only what no grant can make right.
 */
import * as v from "valibot";
import { PlanError, PolicyError } from "../errors.js";
import { inSequence, parallel, type Rounds, type Share, sideBySide } from "../protocol/index.js";
import { bitsOf, shareOf } from "./evaluate.js";
import type { EvalContext, Flow, Operator, ValueType } from "./op.js";
import { noCost } from "./source.js";
import { comparisonWidth, elements, expectKind } from "./type.js";

const nameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:/-]{1,200}$/));

const assignAttrs = v.strictObject({ name: nameSchema });
/**
 * A new version of a variable. A row of a dataset cannot become one: rows must have been summed (a gradient), so an axis
 * along which rows are still apart is refused.
 */
export const assign: Operator<v.InferOutput<typeof assignAttrs>> = {
  attrs: assignAttrs,
  arity: 1,
  infer([a], { name }) {
    expectKind("assign", a!, "share");
    for (const flow of a!.flows)
      if (flow.source.startsWith("dataset:") && (flow.axis !== undefined || (flow.label === "row" && flow.rows < 2)))
        throw new PolicyError(
          `assign ${name}: expected a value pooled over several rows, got single rows of ${flow.source}; try summing over the batch`,
        );
    return { ...a!, flows: a!.flows.map((flow): Flow => ({ ...flow, label: "model", axis: undefined })) };
  },
  cost: noCost,
  evaluate({ host }, [a], { name }, { output }) {
    host.assign(name, shareOf(a), output);
    return a!;
  },
};

export const releases = ["open", "count", "meanLoss"] as const;
export type Release = (typeof releases)[number];

const revealAttrs = v.strictObject({
  label: nameSchema,
  /**
   * open: the value itself. count: how many of n bits are set, one bit a row. meanLoss: the sum over n rows of a loss,
   * each clamped to [0, limit].
   */
  release: v.picklist(releases),
  recipients: v.pipe(v.array(nameSchema), v.minLength(1), v.maxLength(16)),
  /** meanLoss: the clamp as a word at the value's scale. */
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(Number.MAX_SAFE_INTEGER))),
});
type RevealAttrs = v.InferOutput<typeof revealAttrs>;

/** One number a row, and nothing but whole distinct rows: what count and meanLoss may pool. */
function expectRows(release: string, type: ValueType): void {
  const [n] = type.shape;
  if (type.shape.length !== 1) throw new PolicyError(`${release}: expected one number a row, got shape [${type.shape}]`);
  for (const flow of type.flows)
    if (flow.label === "row" && (flow.axis !== 0 || flow.rows !== n))
      throw new PolicyError(
        `${release}: expected ${n} distinct rows of ${flow.source} along axis 0, got ${flow.rows} ${flow.axis === undefined ? "mixed " : ""}rows; try releasing a whole batch`,
      );
}

export const reveal: Operator<RevealAttrs> = {
  attrs: revealAttrs,
  arity: 1,
  infer([a], { release, limit }) {
    if (release === "open") {
      expectKind("reveal", a!, "share");
      return a!;
    }
    expectRows(release, a!);
    expectKind(release, a!, release === "count" ? "bits" : "share");
    if (release === "meanLoss" && limit === undefined)
      throw new PlanError("meanLoss: expected a limit for each row's loss, got none; try limit: 16");
    return { ...a!, kind: "share", shape: [], scale: release === "count" ? 0 : a!.scale, bound: 62, proved: false };
  },
  cost(costs, [a], { release }, output, pivot) {
    const n = elements(a!);
    if (release === "open") return noCost(costs, [a!], {}, output, pivot);
    if (release === "count") return costs.fromBits(n, pivot);
    const { low, high } = clampWidths(a!);
    return inSequence(
      sideBySide(costs.msb(n, low, pivot), costs.msb(n, high, pivot)),
      costs.and(n, 1, pivot),
      sideBySide(costs.select(n, pivot), costs.fromBits(n, pivot)),
    );
  },
  *evaluate(context, [a], attrs, { inputs }) {
    const { protocol, site, host } = context;
    const share = yield* released(context, a!, inputs[0]!, attrs);
    for (const recipient of attrs.recipients) {
      const part = protocol.outgoing(site, share);
      host.reveal(attrs.label, recipient, part);
      site.scope.free(part);
    }
    return { kind: "share", share };
  },
};

function clampWidths(type: ValueType): { low: number; high: number } {
  return { low: comparisonWidth(type), high: Math.min(64, comparisonWidth(type) + 1) };
}

function* released(
  context: EvalContext,
  value: Parameters<typeof shareOf>[0],
  type: ValueType,
  { release, limit }: RevealAttrs,
): Rounds<Share> {
  const { protocol, site, ring } = context;
  if (release === "open") return shareOf(value);
  const n = elements(type);
  const total = (share: Share) => protocol.linear(site, [share], 1, (dst, [x]) => ring.kernels.sumAxis(dst.ptr, x!.ptr, 1, n, 1));
  if (release === "count") return total(yield* protocol.fromBits(site, bitsOf(value)));

  // clamp(x) = x where 0 <= x <= limit, limit where x > limit, 0 where x < 0
  const x = shareOf(value);
  const words = site.scope.alloc(n);
  ring.kernels.fill(words.ptr, BigInt(limit!), n);
  const ceiling = protocol.fromPublic(site, words);
  const room = protocol.linear(site, [ceiling, x], n, (dst, [c, y]) => ring.kernels.sub(dst.ptr, c!.ptr, y!.ptr, n));
  const { low, high } = clampWidths(type);
  const [below, above] = yield* parallel([protocol.msb(site, x, low), protocol.msb(site, room, high)]);
  const inside = yield* protocol.and(site, protocol.not(site, below!), protocol.not(site, above!));
  const [kept, over] = yield* parallel([protocol.select(site, inside, x), protocol.fromBits(site, above!)]);
  const clamped = protocol.linear(site, [kept!, over!], n, (dst, [k, o]) => {
    ring.kernels.copy(dst.ptr, k!.ptr, n);
    ring.kernels.mulScalarAdd(dst.ptr, o!.ptr, BigInt(limit!), n);
  });
  return total(clamped);
}
