/**
 * The largest value along axis 0, by a tournament: windows of values in which all pairs are compared at once, then windows of
 * their winners. Not max and argmax as people call them, which are in `extremes.ts`.
 *
 * All pairs take one comparison's rounds, however many values meet, but many comparisons; so windows grow from level to level as
 * values become fewer. Along an axis of 128 with 128 rows: windows of 3, 5 and 9 values.
 */

import { size } from "../ring/index.js";
import { broadcastTo, concat, constant, isNegative, reshape, slice, sub } from "./build.js";
import type { Builder, Ref } from "./op.js";

/** What a round takes, in comparisons: 150 µs with three processes on one machine, beside some 70 ns. */
const roundInComparisons = 2000;
/** Of one level without the ANDs: a comparison and a selection (rep3, up to 41 bits). */
const levelRounds = 7;
const mostInWindow = 17;

/** The windows of a tournament among `count` values in each of `columns` columns, from the first level to the last. */
export function windowsFor(count: number, columns: number): number[] {
  const known = new Map<number, { cost: number; windows: number[] }>([[1, { cost: 0, windows: [] }]]);
  const best = (left: number): { cost: number; windows: number[] } => {
    let found = known.get(left);
    if (found) return found;
    for (let window = 2; window <= Math.min(left, mostInWindow); window++) {
      const rest = best(Math.ceil(left / window));
      const rounds = levelRounds + Math.ceil(Math.log2(window - 1));
      const work = Math.ceil(left / window) * columns * ((window * (window - 1)) / 2 + window - 1);
      const cost = rounds * roundInComparisons + work + rest.cost;
      if (!found || cost < found.cost) found = { cost, windows: [window, ...rest.windows] };
    }
    known.set(left, found!);
    return found!;
  };
  return best(count).windows;
}

interface Level {
  /** How many values entered. */
  readonly count: number;
  /** [window, number of windows, ...columns]: bits of the winners. */
  readonly bits: Ref;
}
/** A tournament, with the bits of all its levels. */
export interface Tournament {
  /** [...columns] */
  readonly largest: Ref;
  readonly levels: readonly Level[];
}

/** x: a share [count, ...columns], count >= 1; axes of columns stay apart, as rows of data may. Rounds with rep3: 7 a level for windows of 2, 8 of 3, 9 of 4 or 5, 10 up to 9. */
export function tournament(b: Builder, x: Ref): Tournament {
  const [length, ...columns] = x.type.shape as [number, ...number[]];
  const levels: Level[] = [];
  let left = x;
  for (const window of windowsFor(length, size(columns))) {
    const count = left.type.shape[0]!;
    const windows = Math.ceil(count / window);
    const rivals = inWindows(b, filled(b, left, windows * window), window);
    const differences = b.node("pairDifferences", [rivals]);
    const less = isNegative(b, differences);
    const bits = b.node("winners", [less]);
    levels.push({ count, bits });
    left = window === 2 ? largerOf(b, rivals, less, differences) : b.node("pickOne", [bits, rivals]);
  }
  return { largest: reshape(b, left, columns), levels };
}

/** Of two. What was compared is what is selected: protocols that open masks have opened it already. */
function largerOf(b: Builder, rivals: Ref, less: Ref, differences: Ref): Ref {
  const shape = rivals.type.shape.slice(1);
  const gain = b.node("select", [less, differences]);
  const larger = sub(b, slice(b, rivals, 0, 0, 1), gain);
  return reshape(b, b.node("narrow", [larger], { bound: rivals.type.bound }), shape);
}

/** Up to `count` values with repetitions of the first one, which ties with itself and is the first among equals. */
function filled(b: Builder, x: Ref, count: number): Ref {
  const [length, ...columns] = x.type.shape as [number, ...number[]];
  if (length === count) return x;
  return concat(b, [x, broadcastTo(b, slice(b, x, 0, 0, 1), [count - length, ...columns])], 0);
}

/** [count, ...columns] as [window, windows, ...columns]: neighbours meet, so that the first among equals stays the first. */
function inWindows(b: Builder, x: Ref, window: number): Ref {
  const [count, ...columns] = x.type.shape as [number, ...number[]];
  const windows = count / window;
  if (windows === 1) return reshape(b, x, [window, 1, ...columns]);
  return firstTwoSwapped(b, reshape(b, x, [windows, window, ...columns]));
}

function firstTwoSwapped(b: Builder, x: Ref): Ref {
  const [, , ...columns] = x.type.shape;
  return b.node("transpose", [x], { axes: [1, 0, ...columns.map((_, axis) => axis + 2)] });
}

/**
 * Bits [count, ...columns]: 1 at the winner, from the last level back to the first. No comparison; a round and some `count` ANDs a
 * column for each level but the last.
 */
export function winnerBits(b: Builder, { largest, levels }: Tournament): Ref {
  // Among one value that one wins.
  if (levels.length === 0) return b.node("isZero", [b.node("secret", [constant(b, 0, [1, ...largest.type.shape], 0)])]);
  let winner: Ref | undefined;
  for (const { count, bits } of [...levels].reverse()) {
    const [window, windows, ...columns] = bits.type.shape as [number, number, ...number[]];
    const won = winner ? b.node("and", [bits, broadcastTo(b, winner, bits.type.shape)]) : bits;
    const ordered = windows === 1 ? won : firstTwoSwapped(b, won);
    winner = slice(b, reshape(b, ordered, [windows * window, ...columns]), 0, 0, count);
  }
  return winner!;
}
