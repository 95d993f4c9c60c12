/** What an entry of the table of functions says, and the domains that entries are written in. Not the entries. */
import type { Builder, Ref } from "../ops/index.js";

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
  /** Swept and tested, but too much like its neighbours for a row in docs/functions.md. */
  readonly unlisted?: true;
  /** Values at which something begins or ends; their neighbours are swept, too. */
  readonly edges?: readonly number[];
  /** The largest error of a sweep over the domain, the smaller one of absolute and relative: at 16 and at 20 fraction bits. */
  readonly error: readonly [at16: number, at20: number];
  /** False where the gradient is zero or not defined by the reference. */
  readonly gradient?: false;
}

export const one =
  (f: (b: Builder, x: Ref) => Ref): FunctionEntry["record"] =>
  (b, ...[x]) =>
    f(b, x!);
export const two =
  (f: (b: Builder, x: Ref, y: Ref) => Ref): FunctionEntry["record"] =>
  (b, ...[x, y]) =>
    f(b, x!, y!);

/** All numbers below 2^15. */
export const most = 32767.5;
export const everywhere: readonly Interval[] = [
  { from: -most, to: most },
  { from: -16, to: 16 },
];
export const anyNumber = () => [everywhere];
export const positive = (fraction: number): readonly Interval[] => [
  { from: 2 ** -fraction, to: most, ratio: true },
  { from: 2 ** -fraction, to: 4 },
];
export const fromSmallest: readonly Interval[] = [{ from: 2 ** -14.99, to: most, ratio: true }];
export const bothSigns = (intervals: readonly Interval[]): readonly Interval[] => [
  ...intervals,
  ...intervals.map(({ from, to, ratio }) => ({ from: -from, to: -to, ...(ratio && { ratio }) })),
];
/** Sizes at which other libraries' functions are worst (CrypTen 0.4: 17 % and more); of either sign. */
export const sizes = [
  0.001, 0.01, 0.02, 0.1, 0.5, 1, 2, 3, 5, 9.9, 10, 14, 20, 21, 100, 120, 200, 250, 256, 390, 500, 512, 625,
];
export const notorious: readonly number[] = [...sizes, ...sizes.map((size) => -size)];
