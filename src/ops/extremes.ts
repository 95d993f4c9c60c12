/**
 * The largest and the smallest value, along an axis or of a whole tensor: what and where. How they are found is in
 * `knockout.ts`.
 *
 * Of equal values the one with the lower position counts, as value, as position and for the gradient. (PyTorch lets max over a
 * whole tensor share the gradient among equals, and leaves open which position argmax gives.)
 *
 * Exact, for values within their bounds. Cost with rep3 along an axis of n values: a tournament of few levels, each of a comparison,
 * 0 to 4 rounds of ANDs and a selection (`windowsFor`). 128 rows of 10 at f = 20: 11 rounds and 152 kB of the busiest party for the
 * value, 143 kB for the position, whatever is asked for together 11 rounds; of 128: 27 rounds. The gradient compares nothing: it
 * selects by the bits that are there.
 */
import { ShapeError } from "../errors.js";
import { normalizeAxis, size } from "../ring/index.js";
import { broadcastTo, neg, reshape, share } from "./build.js";
import { masked } from "./compare.js";
import { tournament, winnerBits } from "./knockout.js";
import type { Builder, Ref } from "./op.js";

export interface Extreme {
  /** The value. */
  readonly value: Ref;
  /** Its position along the axis, or in row-major order, a whole number (a share at scale 0). */
  position(): Ref;
  /** Bits in the shape of the input: 1 at the position. */
  oneHot(): Ref;
}

/**
 * The largest element along an axis, of the whole tensor without one. What is not asked for costs nothing. Throws ShapeError for an
 * empty axis.
 */
export function max(b: Builder, x: Ref, axis?: number, keepDims = false): Extreme {
  const input = share(b, x);
  const { shape } = input.type;
  const at = axis === undefined ? undefined : normalizeAxis(axis, shape.length, "max");
  const count = at === undefined ? size(shape) : shape[at]!;
  if (count === 0) throw new ShapeError("max: expected at least one element, got an empty axis; try a longer one");
  const rest = at === undefined ? [] : shape.filter((_, i) => i !== at);
  const kept = keepDims ? shape.map((length, i) => (at === undefined || i === at ? 1 : length)) : rest;
  const toFront = at === undefined ? undefined : [at, ...shape.map((_, i) => i).filter((i) => i !== at)];
  const found = tournament(b, toFront ? b.node("transpose", [input], { axes: toFront }) : reshape(b, input, [count]));
  const oneHot = () => {
    const bits = winnerBits(b, found);
    if (!toFront) return reshape(b, bits, shape);
    return b.node("transpose", [bits], { axes: shape.map((_, i) => toFront.indexOf(i)) });
  };
  const value = reshape(b, found.largest, kept);
  const ones = shape.map((length, i) => (at === undefined || i === at ? 1 : length));
  if (count > 1)
    b.define(value, [x], (_, gradient) => [masked(b, oneHot(), broadcastTo(b, reshape(b, gradient, ones), shape))]);
  return { value, oneHot, position: () => reshape(b, b.node("position", [winnerBits(b, found)]), kept) };
}

/** The smallest element, as `max`. */
export function min(b: Builder, x: Ref, axis?: number, keepDims = false): Extreme {
  const found = max(b, neg(b, x), axis, keepDims);
  return { ...found, value: neg(b, found.value) };
}
