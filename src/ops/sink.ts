/**
 * Where values go: into a variable, or out of shares by a release. Not the decision whether that is allowed, which is
 * the party's policy; these rules refuse only what no grant for a release can make right.
 */
import * as v from "valibot";
import { PlanError, PolicyError } from "../errors.js";
import { inSequence, parallel, type Rounds, type Share, sideBySide } from "../protocol/index.js";
import { formatShape } from "../ring/index.js";
import { bitsOf, shareOf } from "./evaluate.js";
import { isDataset, sorted } from "./flow.js";
import { withMask } from "./looks.js";
import type { EvalContext, Flow, Operator, PlanEnv, Value, ValueType } from "./op.js";
import { nameSchema, noCost } from "./source.js";
import { elements, expectKind, sumBits } from "./type.js";

const assignAttrs = v.strictObject({ name: nameSchema });
/**
 * A new version of a variable. A row of a dataset cannot become one: rows must have been summed (a gradient), with equal
 * weights, at least two of them. See `flow.ts` for what this cannot stop.
 */
export const assign: Operator<v.InferOutput<typeof assignAttrs>> = {
  attrs: assignAttrs,
  arity: 1,
  infer([a], { name }) {
    expectKind("assign", a!, "share");
    for (const flow of a!.flows)
      if (isDataset(flow) && flow.label === "row" && (flow.axis !== undefined || flow.rows < 2))
        throw new PolicyError(
          `assign ${name}: expected a value pooled over two rows or more with equal weights, got ${described(flow)}; try summing over a whole batch`,
        );
    const model = (flow: Flow): Flow => ({ source: flow.source, label: "model", axis: undefined, rows: flow.rows });
    return { ...a!, flows: sorted(a!.flows.map(model)) };
  },
  cost: noCost,
  evaluate({ host }, [a], { name }, { output }) {
    host.assign(name, shareOf(a), output);
    return a!;
  },
};

export const releases = ["open", "count", "meanLoss"] as const;
export type Release = (typeof releases)[number];

/** A row's loss counts up to this much at most: a wider range would have room for several numbers in one. */
export const mostLoss = 64;

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

function described({ axis, rows, source }: Flow): string {
  if (axis !== undefined) return `${rows} rows of ${source} that lie apart`;
  return rows < 2
    ? `a mixture of ${source} in which one row may stand out`
    : `${rows} rows of ${source} that are mixed already`;
}

/** One number a row, and nothing but whole distinct rows, all treated alike: what count and meanLoss may pool. */
function expectRows(release: string, type: ValueType): void {
  const [n] = type.shape;
  if (type.shape.length !== 1)
    throw new PolicyError(
      `${release}: expected one number a row, got shape ${formatShape(type.shape)}; try summing over the other axes`,
    );
  const rows = type.flows.filter((flow) => flow.label === "row");
  if (rows.length === 0)
    throw new PolicyError(`${release}: expected rows of a dataset or an input, got none; try the release "open"`);
  for (const flow of rows)
    if (isDataset(flow) && (flow.axis !== 0 || flow.rows !== n))
      throw new PolicyError(
        `${release}: expected ${n} distinct rows, all treated alike, got ${described(flow)}; try a whole batch without masks, weights or slices`,
      );
}

function expectLoss(type: ValueType, limit: number | undefined, { fraction }: PlanEnv): void {
  if (limit === undefined)
    throw new PlanError("meanLoss: expected a limit for each row's loss, got none; try limit: 16");
  if (type.scale > fraction)
    throw new PolicyError(
      `meanLoss: expected at most ${fraction} fraction bits, got ${type.scale}; try truncating first`,
    );
  if (limit > mostLoss * 2 ** type.scale)
    throw new PolicyError(
      `meanLoss: expected a limit of at most ${mostLoss}, got ${limit / 2 ** type.scale}; try limit: 16`,
    );
}

/**
 * Rounds: none for open; fromBits for count; meanLoss compares at full width, because the bound of a value is the
 * driver's word and a clamp that trusted it could be bypassed.
 */
export const reveal: Operator<RevealAttrs> = {
  attrs: revealAttrs,
  arity: 1,
  infer([a], { release, recipients, limit }, env) {
    if (new Set(recipients).size !== recipients.length)
      throw new PlanError(`reveal: expected distinct recipients, got [${recipients}]; try naming each once`);
    if (limit !== undefined && release !== "meanLoss")
      throw new PlanError(`${release}: expected no limit, got ${limit}; try the release "meanLoss"`);
    if (release === "open") {
      expectKind("reveal", a!, "share");
      return a!;
    }
    const kind = release === "count" ? "bits" : "share";
    if (a!.kind !== kind)
      throw new PolicyError(
        `${release}: expected ${kind === "bits" ? "one secret bit" : "a share"} a row, got a ${a!.kind}; try ${kind === "bits" ? "a comparison" : "ops/build"}`,
      );
    expectRows(release, a!);
    if (release === "meanLoss") expectLoss(a!, limit, env);
    const bits = release === "count" ? 1 : Math.ceil(Math.log2(limit! + 1));
    const pooled = (flow: Flow): Flow => (flow.axis === undefined ? flow : { ...flow, axis: undefined });
    return {
      kind: "share",
      shape: [],
      scale: release === "count" ? 0 : a!.scale,
      bound: bits + sumBits(elements(a!)),
      proved: true,
      flows: sorted(a!.flows.map(pooled)),
      alike: [],
    };
  },
  looks: (_, { release }) => (release === "meanLoss" ? [{ input: 0, as: { width: 64 } }] : []),
  cost(costs, [a], { release }, output, pivot) {
    const n = elements(a!);
    const width = costs.wordBits;
    if (release === "open") return noCost(costs, [a!], {}, output, pivot);
    if (release === "count") return costs.fromBits(n, pivot);
    return inSequence(
      sideBySide(costs.msb(n, width, pivot), withMask(costs, n, costs.msb(n, width, pivot))),
      costs.and(n, 1, pivot),
      sideBySide(costs.select(n, pivot), costs.fromBits(n, pivot)),
    );
  },
  *evaluate(context, [a], attrs) {
    const { protocol, site, host } = context;
    const share =
      attrs.release === "open"
        ? shareOf(a)
        : attrs.release === "count"
          ? yield* countSet(context, a!)
          : yield* sumOfLosses(context, a!, attrs.limit!);
    for (const recipient of attrs.recipients) {
      const part = protocol.outgoing(site, share);
      host.reveal(attrs.label, recipient, part);
      site.scope.free(part);
    }
    return { kind: "share", share };
  },
};

/** Sums a share's elements and frees it. */
function total({ protocol, site, ring }: EvalContext, share: Share): Share {
  const { n } = share;
  const sum = protocol.linear(site, [share], 1, (dst, [x]) => ring.kernels.sumAxis(dst.ptr, x!.ptr, 1, n, 1));
  protocol.free(site.scope, share);
  return sum;
}

function* countSet(context: EvalContext, value: Value): Rounds<Share> {
  return total(context, yield* context.protocol.fromBits(context.site, bitsOf(value)));
}

/**
 * Sum of clamp(x): x where 0 <= x <= limit, limit where x > limit, 0 or limit where x < 0. For x < limit - 2^(wordBits - 1) the
 * difference wraps and x counts as above the limit: within the range all the same, which is what the clamp is for.
 */
function* sumOfLosses(context: EvalContext, value: Value, limit: number): Rounds<Share> {
  const { protocol, site, ring } = context;
  const { kernels } = ring;
  const x = shareOf(value);
  const { n } = x;
  const words = site.scope.alloc(n);
  kernels.fill(words.ptr, BigInt(limit), n);
  const ceiling = protocol.fromPublic(site, words);
  site.scope.free(words);
  const room = protocol.linear(site, [ceiling, x], n, (dst, [c, y]) => kernels.sub(dst.ptr, c!.ptr, y!.ptr, n));
  protocol.free(site.scope, ceiling);
  const [below, above] = yield* parallel([
    protocol.msb(site, x, kernels.wordBits),
    protocol.msb(site, room, kernels.wordBits),
  ]);
  protocol.free(site.scope, room);
  const [notBelow, notAbove] = [protocol.not(site, below!), protocol.not(site, above!)];
  protocol.free(site.scope, below!);
  const inside = yield* protocol.and(site, notBelow, notAbove);
  protocol.free(site.scope, notBelow);
  protocol.free(site.scope, notAbove);
  const [kept, over] = yield* parallel([protocol.select(site, inside, x), protocol.fromBits(site, above!)]);
  protocol.free(site.scope, inside);
  protocol.free(site.scope, above!);
  const clamped = protocol.linear(site, [kept!, over!], n, (dst, [k, o]) => {
    kernels.copy(dst.ptr, k!.ptr, n);
    kernels.mulScalarAdd(dst.ptr, o!.ptr, BigInt(limit), n);
  });
  protocol.free(site.scope, kept!);
  protocol.free(site.scope, over!);
  return total(context, clamped);
}
