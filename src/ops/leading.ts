/**
 * Where the highest set bit of a number lies, as numbers that the position decides: the base of floating point on secrets. Not
 * normalised values, which `functions/` composes.
 */
import * as v from "valibot";
import { PlanError } from "../errors.js";
import { type Bits, inSequence, type Protocol, type Rounds, type Share, type Site } from "../protocol/index.js";
import { shareOf } from "./evaluate.js";
import type { Operator } from "./op.js";
import { elements, expectKind } from "./type.js";
import { stacked } from "./waves.js";

/** Positions that one high digit stands for. */
export const radix = 8;
export const highDigits = (width: number): number => Math.ceil(width / radix);

/** Of each low digit but 0, or each high digit, for one row after the other. */
const weights = v.pipe(v.array(v.pipe(v.number(), v.safeInteger())), v.maxLength(64));
const leadingAttrs = v.strictObject({
  /** |x| < 2^width. */
  width: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(62)),
  /** Whether x may be negative. */
  signed: v.boolean(),
  rows: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(8)),
  low: weights,
  high: weights,
});
type Attrs = v.InferOutput<typeof leadingAttrs>;
const planesOf = ({ width, signed }: Attrs) => radix - 1 + highDigits(width) + (signed ? 1 : 0);
const bitsOf = ({ width, signed }: Attrs) => width + (signed ? 1 : 0);
const rowsOf = ({ rows, signed }: Attrs) => rows + (signed ? 1 : 0);

/**
 * Rows of words. Of the position m of the highest bit of x, or of -x - 1 where x < 0: the weight of its low digit (m mod 8, from
 * 1 on) plus that of its high digit (m div 8, from 0 on). If signed, one row more: 1 where x < 0, else 0. No digit counts for
 * x = 0 and x = -1. Scale 0.
 *
 * Cost: the bits; ceil(log2 width) rounds of ANDs of the inverse bits from the top down (Sklansky 1960); one round that weighs
 * the digits, which are XORs of these.
 */
export const leading: Operator<Attrs> = {
  attrs: leadingAttrs,
  arity: 1,
  // Weights have up to 53 bits, and what is normalised becomes an angle of `waves`.
  wide: true,
  infer([a], attrs) {
    expectKind("leading", a!, "share");
    const { rows, low, high, width } = attrs;
    const wanted = [rows * (radix - 1), rows * highDigits(width)];
    if (low.length !== wanted[0] || high.length !== wanted[1])
      throw new PlanError(
        `leading: expected ${wanted.join(" and ")} weights of low and high digits, got ${low.length} and ${high.length}`,
      );
    const most = (list: readonly number[]) => list.reduce((found, weight) => Math.max(found, Math.abs(weight)), 0);
    // Whole numbers, since a logarithm of large ones is rounded.
    const bound = (BigInt(most(low)) + BigInt(most(high)) + 1n).toString(2).length;
    return { ...stacked(a!, rowsOf(attrs)), kind: "product", scale: 0, bound, proved: true };
  },
  looks: (_inputs, attrs) => [{ input: 0, as: { width: bitsOf(attrs) } }],
  cost(costs, [a], attrs, _output, pivot) {
    const n = elements(a!);
    const ands = levels(attrs.width).map((runs) =>
      costs.and(
        n,
        runs.reduce((sum, { count }) => sum + count, 0),
        pivot,
      ),
    );
    const weighed = costs.weigh(n, planesOf(attrs), rowsOf(attrs), pivot);
    return inSequence(costs.toBits(n, bitsOf(attrs), pivot), ...ands, weighed);
  },
  *evaluate({ protocol, site }, [x], attrs) {
    const tools = new Tools(protocol, site);
    const digits = yield* digitsOf(tools, shareOf(x), attrs);
    const product = yield* protocol.weigh(site, digits, weightsOf(attrs));
    tools.free();
    return { kind: "product", product };
  },
};

/** A weight for each plane of `digitsOf`. */
function weightsOf({ width, signed, rows, low, high }: Attrs): bigint[][] {
  const count = highDigits(width);
  const list = Array.from({ length: rows }, (_, row) => [
    ...low.slice(row * (radix - 1), (row + 1) * (radix - 1)),
    ...high.slice(row * count, (row + 1) * count),
    ...(signed ? [0] : []),
  ]);
  if (signed) list.push([...new Array<number>(radix - 1 + count).fill(0), 1]);
  return list.map((row) => row.map(BigInt));
}

/** Low digits 1 to 7, all high digits, and the sign. */
function* digitsOf(tools: Tools, x: Share, attrs: Attrs): Rounds<Bits> {
  const { width, signed } = attrs;
  const all = tools.keep(yield* tools.protocol.toBits(tools.site, x, bitsOf(attrs)));
  const sign = tools.planes(all, width - (signed ? 0 : 1), 1);
  let none = tools.planes(all, 0, width);
  if (signed) none = tools.xor(none, tools.join(new Array<Bits>(width).fill(sign)));
  none = tools.not(none);
  // Plane k: whether no bit from k on is set.
  for (const runs of levels(width)) none = yield* level(tools, none, runs);
  const high = highDigits(width);
  const ones = tools.not(tools.xor(sign, sign));
  const padded = tools.join([none, ...new Array<Bits>(high * radix + 1 - width).fill(ones)]);
  const highest = tools.xor(tools.planes(padded, 1, high * radix), tools.planes(padded, 0, high * radix));
  let low = tools.planes(highest, 1, radix - 1);
  for (let digit = 1; digit < high; digit++) low = tools.xor(low, tools.planes(highest, digit * radix + 1, radix - 1));
  const borders = Array.from({ length: high + 1 }, (_, digit) => tools.planes(padded, digit * radix, 1));
  const upper = tools.xor(tools.join(borders.slice(1)), tools.join(borders.slice(0, -1)));
  return tools.join(signed ? [low, upper, sign] : [low, upper]);
}

/** Planes from … from + count - 1 take up what plane `source` above them has gathered. */
interface Run {
  readonly from: number;
  readonly count: number;
  readonly source: number;
}
/** By level, ascending: Sklansky's tree with its root at the top plane. */
function levels(width: number): Run[][] {
  const list: Run[][] = [];
  for (let step = 1; step < width; step *= 2) {
    const runs: Run[] = [];
    for (let source = width - step; source > 0; source -= 2 * step) {
      const from = Math.max(0, source - step);
      runs.unshift({ from, count: source - from, source });
    }
    list.push(runs);
  }
  return list;
}

function* level(tools: Tools, x: Bits, runs: readonly Run[]): Rounds<Bits> {
  const left = tools.join(runs.map(({ from, count }) => tools.planes(x, from, count)));
  const right = tools.join(
    runs.flatMap(({ count, source }) => new Array<Bits>(count).fill(tools.planes(x, source, 1))),
  );
  const met = tools.keep(yield* tools.protocol.and(tools.site, left, right));
  const parts: Bits[] = [];
  let [at, used] = [0, 0];
  for (const { from, count } of runs) {
    if (from > at) parts.push(tools.planes(x, at, from - at));
    parts.push(tools.planes(met, used, count));
    used += count;
    at = from + count;
  }
  return tools.join([...parts, tools.planes(x, at, x.width - at)]);
}

/** Local operations on planes, whose results are freed together. */
class Tools {
  readonly #kept: Bits[] = [];
  constructor(
    readonly protocol: Protocol,
    readonly site: Site,
  ) {}
  keep(x: Bits): Bits {
    this.#kept.push(x);
    return x;
  }
  planes(x: Bits, from: number, count: number): Bits {
    return this.keep(this.protocol.planes(this.site, x, from, count));
  }
  join(parts: readonly Bits[]): Bits {
    return this.keep(this.protocol.join(this.site, parts));
  }
  xor(x: Bits, y: Bits): Bits {
    return this.keep(this.protocol.xor(this.site, x, y));
  }
  not(x: Bits): Bits {
    return this.keep(this.protocol.not(this.site, x));
  }
  free(): void {
    for (const x of this.#kept) this.protocol.free(this.site.scope, x);
  }
}
