/**
 * The largest of a few values, element by element: a tournament whose comparisons are kept for the gradient. Along an axis of many
 * elements `max` of extremes.ts takes fewer nodes and rounds.
 */
import { size } from "../ring/index.js";
import { constant, isNegative, not, reshape, share, slice, sub, sum } from "./build.js";
import { masked } from "./compare.js";
import { knowRelu } from "./known-relus.js";
import type { Builder, Ref } from "./op.js";
import { stack } from "./rearrange.js";

/** One that takes part: a value, or who won a match. */
interface Side {
  readonly value: Ref;
  readonly match?: Match;
}
interface Match {
  readonly sides: readonly Side[];
  /** Whether side i won, for all but the first. */
  readonly won: (b: Builder, i: number) => Ref;
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
  if (match?.sides.length !== entrants.length) {
    const negative = isNegative(b, stack(b, entrants));
    const all = entrants.map((_, i) => layer(b, negative, i));
    return b.node("select", [not(b, everyBit(b, all)), value]);
  }
  const { shape, scale, bound } = value.type;
  const zero = b.node("secret", [constant(b, 0, shape, scale)]);
  const { largest, bits } = largestAtOnce(b, [...entrants, zero]);
  return b.define(b.node("narrow", [largest], { bound }), [source], (builder, gradient) => {
    const whole = gradient.type.kind === "public" ? gradient : share(builder, gradient);
    const gradients = entrants.map((_, i) => masked(builder, layer(builder, bits, i), whole));
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
  const bound = Math.max(...values.map(({ type }) => type.bound));
  const narrow = (value: Ref) => b.node("narrow", [value], { bound });
  if (values.length > 2) {
    const { largest, bits } = largestAtOnce(b, values);
    return { value: narrow(largest), match: { sides, won: (builder, i) => layer(builder, bits, i) } };
  }
  const [first, second] = values as [Ref, Ref];
  const difference = sub(b, first, second);
  const less = isNegative(b, difference);
  return {
    value: narrow(sub(b, first, b.node("select", [less, difference]))),
    match: { sides, won: () => less },
  };
}

/**
 * Each compared with each, as one value with an axis in front: one node, where a node for each pair would have costs of its own in
 * every round. `bits`: 1 at the winner, along that axis. What was compared is what is selected: protocols that open masks have opened
 * it already.
 */
function largestAtOnce(b: Builder, values: readonly Ref[]): { largest: Ref; bits: Ref } {
  const count = values.length;
  const differences = b.node("pairDifferences", [stack(b, values)]);
  const bits = b.node("winners", [isNegative(b, differences)]);
  // The first pairs are those of the first value, in order.
  const losses = slice(b, differences, 0, 0, count - 1);
  const gain = b.node("select", [slice(b, bits, 0, 1, count), losses]);
  return { largest: sub(b, values[0]!, sum(b, gain, [0])), bits };
}
const layer = (b: Builder, stacked: Ref, i: number): Ref =>
  reshape(b, slice(b, stacked, 0, i, i + 1), stacked.type.shape.slice(1));

/** Where all bits are set, in as few rounds as can be. */
function everyBit(b: Builder, bits: readonly Ref[]): Ref {
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
  const others = match.sides.slice(1).map((_, i) => {
    const won = match.won(b, i + 1);
    return bit ? b.node("and", [bit, won]) : won;
  });
  // One of them won.
  const any = others.reduce((left, won) => b.node("xor", [left, won]));
  const first = bit ? b.node("xor", [bit, any]) : not(b, any);
  return match.sides.flatMap((side, i) => winnersOf(b, side, i === 0 ? first : others[i - 1]));
}
