/**
 * The largest of a few values, element by element: a tournament whose comparisons are kept for the gradient. Along an axis of many
 * elements `max` of extremes.ts takes fewer nodes and rounds.
 */
import { size } from "../ring/index.js";
import { add, isNegative, not, share, sub } from "./build.js";
import { masked } from "./compare.js";
import { knowRelu } from "./known-relus.js";
import type { Builder, Ref } from "./op.js";

/** One that takes part: a value, or who won a match. */
interface Side {
  readonly value: Ref;
  readonly match?: Match;
}
interface Match {
  readonly sides: readonly Side[];
  /** below[i][j - i - 1]: whether side i is less than side j. */
  readonly below: readonly (readonly Ref[])[];
  /** Bits by side, but for the first: whether it won. */
  readonly won: readonly Ref[];
}

/** So many comparisons more are taken for fewer levels: they cost about what the rounds of a level do. */
const fewComparisons = 2 ** 14;
/** Of a match in which each is compared with each. */
const mostSides = 4;

/**
 * The largest of values of one shape; of equal ones the first. Values of few elements are compared in groups of up to four, each
 * with each, in ceil(log4 n) levels of up to 9 rounds (rep3); others two by two, in ceil(log2 n) levels of 7.
 *
 * The gradient goes to `source`, by `back` from the gradients of the values: each is the whole gradient or zero. Which won is known
 * before, by rounds of a bit an element beside what goes on forward; so it takes one selection for each value but the first.
 */
export function largestOf(
  b: Builder,
  values: readonly Ref[],
  source: Ref,
  back: (b: Builder, parts: readonly Ref[]) => Ref,
): Ref {
  const entrants = values.map((value) => share(b, value));
  const n = size(entrants[0]!.type.shape);
  const final = play(b, entrants, n);
  if (entrants.length * n <= fewComparisons) knowRelu(final.value, () => rectified(b, final, entrants, source, back));
  return b.define(final.value, [source], (builder, gradient) => [back(builder, partsOf(builder, final, gradient))]);
}

/**
 * max(x, 0, ...): whether each is negative is known while they are compared with each other. So after one match one selection follows
 * instead of two, one after the other; after several the last one waits for no comparison.
 */
function rectified(
  b: Builder,
  { value, match }: Side,
  entrants: readonly Ref[],
  source: Ref,
  back: (b: Builder, parts: readonly Ref[]) => Ref,
): Ref {
  const negative = entrants.map((x) => isNegative(b, x));
  if (match?.sides.length !== entrants.length) return b.node("select", [not(b, all(b, negative)), value]);
  const chosen = entrants.map((_, i) => all(b, [...beating(b, match.below, i), not(b, negative[i]!)]));
  const parts = entrants.map((x, i) => b.node("select", [chosen[i]!, x]));
  const sum = parts.reduce((left, part) => add(b, left, part));
  return b.define(b.node("narrow", [sum], { bound: value.type.bound }), [source], (builder, gradient) => {
    const whole = gradient.type.kind === "public" ? gradient : share(builder, gradient);
    const gradients = chosen.map((bit) => masked(builder, bit, whole));
    return [back(builder, gradients)];
  });
}

function play(b: Builder, entrants: readonly Ref[], n: number): Side {
  let sides = entrants.map((value): Side => ({ value }));
  while (sides.length > 1) {
    const groups = cut(sides, groupSize(sides.length, n));
    sides = groups.map((group) => (group.length === 1 ? group[0]! : match(b, group)));
  }
  return sides[0]!;
}
/** As even as the fewest levels allow. */
function groupSize(sides: number, n: number): number {
  const levels = Math.ceil(Math.log2(sides) / Math.log2(mostSides));
  const group = Math.ceil(sides ** (1 / levels) - 1e-9);
  const more = (Math.ceil(sides / group) * group * (group - 1)) / 2 - (sides - 1);
  return more * n <= fewComparisons ? group : 2;
}
const cut = <T>(list: readonly T[], length: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / length) }, (_, i) => list.slice(i * length, (i + 1) * length));

function match(b: Builder, sides: readonly Side[]): Side {
  const values = sides.map(({ value }) => value);
  /** Differences to later ones, and whether they are negative. */
  const differences = values.map((x, i) => values.slice(i + 1).map((y) => sub(b, x, y)));
  const below = differences.map((row) => row.map((difference) => isNegative(b, difference)));
  const won = sides.slice(1).map((_, i) => all(b, beating(b, below, i + 1)));
  const taken = won.map((bit, i) => b.node("select", [bit, differences[0]![i]!]));
  const bound = Math.max(...values.map(({ type }) => type.bound));
  const value = sub(
    b,
    values[0]!,
    taken.reduce((sum, part) => add(b, sum, part)),
  );
  return { value: b.node("narrow", [value], { bound }), match: { sides, below, won } };
}
/** The bits that say that side i wins: it is more than all before it, and no less than all behind. */
const beating = (b: Builder, below: Match["below"], i: number): Ref[] => [
  ...below.slice(0, i).map((row, before) => row[i - before - 1]!),
  ...below[i]!.map((bit) => not(b, bit)),
];
/** Where all bits are set, in as few rounds as can be. */
function all(b: Builder, bits: readonly Ref[]): Ref {
  let left = [...bits];
  while (left.length > 1) left = cut(left, 2).map((pair) => (pair[1] ? b.node("and", pair) : pair[0]!));
  return left[0]!;
}

function partsOf(b: Builder, final: Side, gradient: Ref): Ref[] {
  const [, ...winners] = winnersOf(b, final, undefined);
  const whole = gradient.type.kind === "public" ? gradient : share(b, gradient);
  const others = winners.map((bit) => masked(b, bit!, whole));
  const rest = others.reduce((left, part) => sub(b, left, part), whole);
  return [rest, ...others];
}

/** For each value whether it won the tournament, if whoever wins here does (`bit`; undefined: always). */
function winnersOf(b: Builder, { match }: Side, bit: Ref | undefined): (Ref | undefined)[] {
  if (!match) return [bit];
  const others = match.won.map((won) => (bit ? b.node("and", [bit, won]) : won));
  // One of them won.
  const any = others.reduce((sum, won) => b.node("xor", [sum, won]));
  const first = bit ? b.node("xor", [bit, any]) : not(b, any);
  return match.sides.flatMap((side, i) => winnersOf(b, side, i === 0 ? first : others[i - 1]));
}
