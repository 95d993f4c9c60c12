/** Random shapes and numbers for tests of operators. */
import fc from "fast-check";
import type { Leaf } from "./algebra.js";
import { count, type Dims } from "./oracle.js";

/** Up to `rank` axes of 0 or 1 to 4 elements. */
export const shape = (rank: number, smallest = 1): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: smallest, max: 4 }), { maxLength: rank });

/** Numbers that fixed point holds exactly, of magnitude below `limit`. */
export const number = (limit = 4): fc.Arbitrary<number> =>
  fc.integer({ min: -limit * 4096, max: limit * 4096 }).map((value) => value / 4096);

export const leaf = (dims: Dims, limit?: number): fc.Arbitrary<Leaf> =>
  fc.array(number(limit), { minLength: count(dims), maxLength: count(dims) }).map((data) => ({ dims, data }));

/** A shape and one that broadcasts against it: axes dropped in front or set to 1, on either side. */
export const broadcastable = (smallest = 1): fc.Arbitrary<readonly [number[], number[]]> =>
  shape(4, smallest).chain((dims) => {
    const side = fc
      .tuple(
        fc.integer({ min: 0, max: dims.length }),
        fc.array(fc.boolean(), { minLength: dims.length, maxLength: dims.length }),
      )
      .map(([skip, ones]) => dims.map((dim, axis) => (ones[axis] ? 1 : dim)).slice(skip));
    return fc.tuple(side, side);
  });
