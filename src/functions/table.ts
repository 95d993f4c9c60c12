/**
 * Every function with its domain, its float64 reference and the largest error that it has shown: what sweeps, gradient checks and
 * docs/functions.md are made from. Not needed to compute.
 */
import type { Builder, Ref } from "../ops/index.js";
import { exp, expNonPositive } from "./exp.js";
import { abs, clamp, hardsigmoid, minimum, pow, sign } from "./piecewise.js";
import { divide, log, reciprocal, rsqrt, sqrt } from "./powers.js";
import { reciprocalFromOne } from "./reciprocal.js";
import * as reference from "./reference.js";
import { erf, gelu, sigmoid, silu, softplus, tanh } from "./saturating.js";
import { cos, sin } from "./trigonometry.js";

/** Points from one end to the other: evenly, or with even ratios, where both ends are positive. */
export interface Interval {
  readonly from: number;
  readonly to: number;
  readonly ratio?: true;
}

export interface FunctionEntry {
  readonly name: string;
  readonly record: (b: Builder, ...inputs: Ref[]) => Ref;
  readonly reference: (...inputs: number[]) => number;
  /** Where it is right, of each argument in turn, for a session with so many fraction bits. */
  readonly domain: (fraction: number) => readonly (readonly Interval[])[];
  /** Arguments from points of the domain, where it is one of something else: x = q y for x / y. */
  readonly inputs?: (...points: number[]) => number[];
  readonly domainText: string;
  readonly method: string;
  /** Values at which something begins or ends; their neighbours are swept, too. */
  readonly edges?: readonly number[];
  /** The largest error of a sweep over the domain, the smaller one of absolute and relative: at 16 and at 20 fraction bits. */
  readonly error: readonly [at16: number, at20: number];
  /** False where the gradient is zero or not defined by the reference. */
  readonly gradient?: false;
}

const one =
  (f: (b: Builder, x: Ref) => Ref): FunctionEntry["record"] =>
  (b, ...[x]) =>
    f(b, x!);
const two =
  (f: (b: Builder, x: Ref, y: Ref) => Ref): FunctionEntry["record"] =>
  (b, ...[x, y]) =>
    f(b, x!, y!);

/** All numbers below 2^15. */
const most = 32767.5;
const everywhere: readonly Interval[] = [
  { from: -most, to: most },
  { from: -16, to: 16 },
];
const anyNumber = () => [everywhere];
const positive = (fraction: number): readonly Interval[] => [
  { from: 2 ** -fraction, to: most, ratio: true },
  { from: 2 ** -fraction, to: 4 },
];
const fromSmallest: readonly Interval[] = [{ from: 2 ** -14.99, to: most, ratio: true }];
const bothSigns = (intervals: readonly Interval[]): readonly Interval[] => [
  ...intervals,
  ...intervals.map(({ from, to, ratio }) => ({ from: -from, to: -to, ...(ratio && { ratio }) })),
];
/** Exponents and errors. */
function powers(errors: Readonly<Record<string, FunctionEntry["error"]>>): [number, FunctionEntry["error"]][] {
  return Object.entries(errors).map(([n, error]) => [Number(n), error]);
}
/** Where the error of other libraries is worst (CrypTen 0.4: 17 % and more). */
const notorious = [-625, -512, -9.9, -3, -2, -1, 0.001, 0.01, 0.02, 0.1, 5, 10, 14, 20, 100, 120, 200, 250, 256, 390];
const trigonometric = [-10, -Math.PI, -Math.PI / 2, Math.PI / 2, Math.PI, 10, 1000, 1024];

export const functions: readonly FunctionEntry[] = [
  {
    name: "exp",
    record: one(exp),
    reference: Math.exp,
    domain: () => [
      [
        { from: -most, to: -20 },
        { from: -20, to: 10.39 },
      ],
    ],
    domainText: "x < 10.39",
    method: "addition theorem of 2^x for x / 2, squared; 0 below -20",
    edges: [...notorious, -20, 10.39],
    error: [1.7e-5, 1.4e-6],
  },
  {
    name: "expNonPositive",
    record: one(expNonPositive),
    reference: Math.exp,
    domain: () => [
      [
        { from: -most, to: -18 },
        { from: -18, to: 1.38 },
      ],
    ],
    domainText: "x ≤ 1.38",
    method: "addition theorem of 2^x; 0 below -18",
    edges: [...notorious, -18],
    error: [1.6e-5, 1.1e-6],
  },
  {
    name: "log",
    record: one(log),
    reference: Math.log,
    domain: (fraction) => [positive(fraction)],
    domainText: "0 < x < 2^15",
    method: "normalised, 4 waves",
    edges: notorious,
    error: [1.8e-5, 2e-6],
  },
  {
    name: "reciprocal",
    record: one(reciprocal),
    reference: (x) => 1 / x,
    domain: () => [bothSigns(fromSmallest)],
    domainText: "2^-15 < |x| < 2^15",
    method: "normalised, 4 waves",
    edges: notorious,
    error: [2e-5, 3.8e-6],
  },
  {
    name: "reciprocalFromOne (to 16)",
    record: one((b, x) => reciprocalFromOne(b, x, 16)),
    reference: (x) => 1 / x,
    domain: () => [[{ from: 1, to: 16 }]],
    domainText: "1 ≤ x ≤ 16",
    method: "16 waves",
    error: [3.7e-5, 2.1e-5],
  },
  {
    name: "reciprocalFromOne (to 128)",
    record: one((b, x) => reciprocalFromOne(b, x, 128)),
    reference: (x) => 1 / x,
    domain: () => [[{ from: 1, to: 128, ratio: true }]],
    domainText: "1 ≤ x ≤ 128",
    method: "12 waves, 2 steps of Goldschmidt",
    error: [5e-5, 3.5e-5],
  },
  {
    name: "div",
    record: two(divide),
    reference: (x, y) => x / y,
    domain: () => [bothSigns([{ from: 2 ** -15, to: 32700, ratio: true }]), fromSmallest],
    inputs: (quotient, y) => [Math.max(-most, Math.min(most, quotient * y)), y],
    domainText: "2^-15 < |y| < 2^15, |x / y| < 2^15",
    method: "normalised divisor, 4 waves",
    edges: notorious,
    error: [6.8e-5, 1.4e-4],
  },
  {
    name: "sqrt",
    record: one(sqrt),
    reference: Math.sqrt,
    domain: (fraction) => [[...positive(fraction), { from: 0, to: 1 }]],
    domainText: "0 ≤ x < 2^15",
    method: "normalised, 4 waves",
    edges: notorious,
    error: [1.8e-5, 2.5e-6],
  },
  {
    name: "rsqrt",
    record: one(rsqrt),
    reference: (x) => 1 / Math.sqrt(x),
    domain: (fraction) => [positive(fraction)],
    domainText: "0 < x < 2^15",
    method: "normalised, 4 waves",
    edges: notorious,
    error: [1.8e-5, 2.5e-6],
  },
  {
    name: "sigmoid",
    record: one(sigmoid),
    reference: reference.sigmoid,
    domain: anyNumber,
    domainText: "all",
    method: "11 waves to ±11, then a line",
    edges: [...notorious, 500, 512, -11, 11],
    error: [3.4e-5, 1.8e-5],
  },
  {
    name: "hardsigmoid",
    record: one(hardsigmoid),
    reference: reference.hardsigmoid,
    domain: anyNumber,
    domainText: "all",
    method: "three lines",
    edges: [...notorious, -3, 3],
    error: [1.7e-5, 1.9e-6],
  },
  {
    name: "tanh",
    record: one(tanh),
    reference: Math.tanh,
    domain: anyNumber,
    domainText: "all",
    method: "11 waves to ±5.5, then a line",
    edges: [...notorious, 500, 512, -5.5, 5.5],
    error: [5e-5, 3.5e-5],
  },
  {
    name: "erf",
    record: one(erf),
    reference: reference.erf,
    domain: anyNumber,
    domainText: "all",
    method: "6 waves to ±3.1, then a line",
    edges: [...notorious, 3, -3.1, 3.1],
    error: [2e-5, 1.3e-5],
  },
  {
    name: "gelu",
    record: one((b, x) => gelu(b, x)),
    reference: reference.gelu,
    domain: anyNumber,
    domainText: "all",
    method: "8 waves to ±4.6, then a line",
    edges: [...notorious, -4.6, 4.6],
    error: [2.4e-5, 1.1e-5],
  },
  {
    name: "gelu (tanh)",
    record: one((b, x) => gelu(b, x, "tanh")),
    reference: reference.geluTanh,
    domain: anyNumber,
    domainText: "all",
    method: "8 waves to ±4.6, then a line",
    edges: [...notorious, -4.6, 4.6],
    error: [2.8e-5, 1.2e-5],
  },
  {
    name: "silu",
    record: one(silu),
    reference: reference.silu,
    domain: anyNumber,
    domainText: "all",
    method: "16 waves to ±13, then a line",
    edges: [...notorious, -13, 13],
    error: [4.7e-5, 3.2e-5],
  },
  {
    name: "softplus",
    record: one(softplus),
    reference: reference.softplus,
    domain: anyNumber,
    domainText: "all",
    method: "11 waves to ±11, then a line",
    edges: [...notorious, -11, 11],
    error: [3.8e-5, 2.2e-5],
  },
  {
    name: "sin",
    record: one(sin),
    reference: Math.sin,
    domain: anyNumber,
    domainText: "all",
    method: "addition theorem",
    edges: [...notorious, ...trigonometric],
    error: [1.6e-5, 1.1e-6],
  },
  {
    name: "cos",
    record: one(cos),
    reference: Math.cos,
    domain: anyNumber,
    domainText: "all",
    method: "addition theorem",
    edges: [...notorious, ...trigonometric],
    error: [1.6e-5, 1.1e-6],
  },
  ...powers({ 2: [1.6e-5, 1.1e-6], 3: [2.9e-5, 1.8e-6], 7: [7.5e-5, 4.8e-6], 15: [1.9e-4, 1.1e-5] }).map(
    ([n, error]): FunctionEntry => ({
      name: `pow (${n})`,
      record: one((b, x) => pow(b, x, n)),
      reference: (x) => x ** n,
      domain: () => [[{ from: -(32700 ** (1 / n)), to: 32700 ** (1 / n) }]],
      domainText: "|x|^n < 2^15",
      method: "squarings",
      edges: notorious,
      error,
    }),
  ),
  ...powers({ "-1": [2e-5, 3.8e-6], "-2": [4.7e-5, 8e-6], "-3": [7.5e-5, 1.2e-5] }).map(
    ([n, error]): FunctionEntry => ({
      name: `pow (${n})`,
      record: one((b, x) => pow(b, x, n)),
      reference: (x) => x ** n,
      domain: () => [bothSigns([{ from: 32700 ** (1 / n), to: most, ratio: true }])],
      domainText: "|x|^n < 2^15, |x| < 2^15",
      method: "reciprocal, squarings",
      edges: notorious,
      error,
    }),
  ),
  {
    name: "abs",
    record: one(abs),
    reference: Math.abs,
    domain: anyNumber,
    domainText: "all",
    method: "sign and selection",
    error: [0, 0],
  },
  {
    name: "sign",
    record: one(sign),
    reference: Math.sign,
    domain: anyNumber,
    domainText: "all",
    method: "two signs",
    error: [0, 0],
    gradient: false,
  },
  {
    name: "clamp",
    record: one((b, x) => clamp(b, x, -1.25, 3)),
    reference: (x) => Math.max(-1.25, Math.min(3, x)),
    domain: anyNumber,
    domainText: "all",
    method: "two signs and selections",
    edges: [-1.25, 3],
    error: [0, 0],
  },
  {
    name: "minimum",
    record: two(minimum),
    reference: Math.min,
    domain: () => [everywhere, everywhere],
    domainText: "all",
    method: "sign and selection",
    error: [0, 0],
  },
];
