/**
 * The largest of a few values, element by element: a tournament whose comparisons are kept for the gradient. Along an axis of many
 * elements `maxAndArgmax` of build.ts takes fewer nodes.
 */
import { less, not, share, sub } from "./build.js";
import { masked } from "./compare.js";
import type { Builder, Ref } from "./op.js";

/** A match, or one who plays none. */
interface Side {
  readonly value: Ref;
  readonly match?: { readonly left: Side; readonly right: Side; readonly rightWins: Ref };
}

/**
 * The largest of values of one shape, in ceil(log2 n) levels; of equal ones the first. The gradient goes to `source`, by `back`
 * from the gradients of the values: each is the whole gradient or zero. In ceil(log2 n) rounds of a bit an element, beside
 * what goes on forward, it is known which won; then one selection for each value but the first.
 */
export function largestOf(
  b: Builder,
  values: readonly Ref[],
  source: Ref,
  back: (b: Builder, parts: readonly Ref[]) => Ref,
): Ref {
  let sides: Side[] = values.map((value) => ({ value: share(b, value) }));
  while (sides.length > 1) {
    const next: Side[] = [];
    for (let i = 0; i < sides.length; i += 2) {
      const [left, right] = [sides[i]!, sides[i + 1]];
      next.push(right ? play(b, left, right) : left);
    }
    sides = next;
  }
  const [final] = sides as [Side];
  return b.define(final.value, [source], (builder, gradient) => [back(builder, partsOf(builder, final, gradient))]);
}

function play(b: Builder, left: Side, right: Side): Side {
  const rightWins = less(b, left.value, right.value);
  return { value: b.node("choose", [rightWins, right.value, left.value]), match: { left, right, rightWins } };
}

function partsOf(b: Builder, final: Side, gradient: Ref): Ref[] {
  const [, ...winners] = won(b, final, undefined);
  const whole = gradient.type.kind === "public" ? gradient : share(b, gradient);
  const others = winners.map((bit) => masked(b, bit!, whole));
  const rest = others.reduce((left, part) => sub(b, left, part), whole);
  return [rest, ...others];
}

/** For each value whether it won the tournament, if whoever wins here does (`bit`, undefined: always). */
function won(b: Builder, { match }: Side, bit: Ref | undefined): (Ref | undefined)[] {
  if (!match) return [bit];
  const { left, right, rightWins } = match;
  const ofRight = bit ? b.node("and", [bit, rightWins]) : rightWins;
  const ofLeft = bit ? b.node("xor", [bit, ofRight]) : not(b, rightWins);
  return [...won(b, left, ofLeft), ...won(b, right, ofRight)];
}
