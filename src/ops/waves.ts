/**
 * Operators with an addition theorem, of which each side of a sharing computes its part alone in double precision: sums of
 * waves, and powers of two. Not functions with a domain and an error: those are in `functions/`, made of these.
 */
import * as v from "valibot";
import { PlanError } from "../errors.js";
import type { Separable } from "../protocol/index.js";
import { shareOf } from "./evaluate.js";
import { moved } from "./flow.js";
import type { EvalContext, Operator, ValueType } from "./op.js";
import { elements, expectKind, widestBound } from "./type.js";

const wholeSchema = v.pipe(v.number(), v.safeInteger());
/** What multiplies the words before they are read as parts of a turn, or as powers; modulo 2^64. */
const factorSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const coefficientSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(-(2 ** 48)), v.maxValue(2 ** 48));
const coefficients = v.pipe(v.array(coefficientSchema), v.minLength(1), v.maxLength(48));

const wavesAttrs = v.strictObject({
  factor: factorSchema,
  /** Waves 1, 2, 3, … or 1, 3, 5, … */
  by: v.picklist([1, 2]),
  /** Fraction bits of coefficients, and of cosines and sines. */
  bits: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(30)),
  cos: coefficients,
  sin: coefficients,
});
type WavesAttrs = v.InferOutput<typeof wavesAttrs>;

/**
 * The sum of cos[k] cos(w a) + sin[k] sin(w a) over the waves w, of the angle a = 2 pi (word factor mod 2^64) / 2^64, at twice
 * `bits` fraction bits. rep3: 1 round, two words a wave from one party to one other. An error of a few units.
 */
export const waves: Operator<WavesAttrs> = {
  attrs: wavesAttrs,
  arity: 1,
  wide: true,
  infer([a], { bits, cos, sin }) {
    expectKind("waves", a!, "share");
    if (cos.length !== sin.length)
      throw new PlanError(`waves: expected as many sines as cosines, got ${sin.length} and ${cos.length}; try zeros`);
    const largest = [...cos, ...sin].reduce((sum, value) => sum + Math.abs(value) + 1, 0);
    const bound = Math.ceil(Math.log2(largest)) + bits + 1;
    if (bound > widestBound)
      throw new PlanError(`waves: expected a sum below 2^${widestBound}, got up to 2^${bound}; try fewer bits`);
    return { ...a!, kind: "product", scale: 2 * bits, bound, proved: true };
  },
  looks: () => [{ input: 0, as: "factor" }],
  cost: (costs, [a], { cos }, _output, pivot) => costs.separable(elements(a!), 2 * cos.length, 1, pivot),
  *evaluate(context, [x], attrs) {
    const { protocol, site } = context;
    const { theorem, free } = wavesTheorem(context, attrs);
    const product = yield* protocol.separable(site, shareOf(x), theorem);
    free();
    return { kind: "product", product };
  },
};

function wavesTheorem({ ring, site }: EvalContext, { factor, by, bits, cos, sin }: WavesAttrs) {
  const count = cos.length;
  const list = site.scope.alloc(2 * count);
  new Float64Array(ring.kernels.memory.buffer, list.ptr, 2 * count).set(cos.flatMap((a, k) => [a, sin[k]!]));
  const theorem: Separable = {
    terms: 2 * count,
    outputs: 1,
    left: (dst, s, n) => ring.wide.waves(dst, s, n, BigInt(factor), by, count, bits),
    right: (dst, _stride, c, g, n) => ring.wide.wavesAdd(dst, c, g, n, BigInt(factor), by, count, list.ptr),
  };
  return { theorem, free: () => site.scope.free(list) };
}

const octavesAttrs = v.strictObject({ factor: factorSchema, top: v.pipe(wholeSchema, v.minValue(0), v.maxValue(30)) });

/** Bits by which rows of `octaves` are to be truncated before they are multiplied. */
export const octaveBits = 32;

/**
 * 2^y in two rows, of y = word factor / 2^59: once both are truncated by 32 bits, their product is 2^y at 58 - top fraction bits
 * if top - 29 <= y < top, and for an even top. Elsewhere it is wrong. rep3: 1 round, two words from one party to one other.
 *
 * Row 1 is 2^(what the fractions of both sides make), in [1, 4). Row 0 is 2^(what their whole parts make), a sum modulo 32: the
 * product p of both sides' powers is 2^j or, if the sum has passed 32, 2^(j+32); so 2^32 p + p is 2^(j+32) or little more.
 */
export const octaves: Operator<v.InferOutput<typeof octavesAttrs>> = {
  attrs: octavesAttrs,
  arity: 1,
  wide: true,
  infer([a], { top }) {
    expectKind("octaves", a!, "share");
    if (top % 2 !== 0) throw new PlanError(`octaves: expected an even top, got ${top}; try ${top + 1}`);
    return { ...stacked(a!, 2), kind: "product", scale: octaveBits + 29 - top / 2, bound: widestBound, proved: true };
  },
  looks: () => [{ input: 0, as: "factor" }],
  cost: (costs, [a], _attrs, _output, pivot) => costs.separable(elements(a!), 2, 2, pivot),
  *evaluate({ ring, protocol, site }, [x], { factor, top }) {
    const kernels = ring.wide;
    const offset = BigInt(30 - top) << 59n;
    const theorem: Separable = {
      terms: 2,
      outputs: 2,
      left: (dst, s, n) => kernels.octaves(dst, s, n, BigInt(factor), 0n),
      right(dst, stride, c, g, n) {
        const h = site.scope.alloc(2 * n);
        kernels.octaves(h.ptr, c, n, BigInt(factor), offset);
        kernels.mulScalar(h.ptr, h.ptr, (1n << 32n) + 1n, n);
        kernels.mulAdd(dst, g, h.ptr, n);
        kernels.mulAdd(dst + stride * 8, g + n * 8, h.ptr + n * 8, n);
        site.scope.free(h);
      },
    };
    return { kind: "product", product: yield* protocol.separable(site, shareOf(x), theorem) };
  },
};

/** Several values of every element, one behind the other along a new first axis. */
export function stacked(a: ValueType, rows: number): Pick<ValueType, "shape" | "flows" | "alike"> {
  const shape = [rows, ...a.shape];
  return { ...a, shape, ...moved(a, shape, [rows === 1, ...a.alike], (axis) => axis + 1) };
}
