/** Layers that move elements: no parameters, no cost. */
import { ShapeError } from "../errors.js";
import { described, type Module, module } from "./module.js";

/** Joins axes startDim to endDim; by default all but the first. */
export function flatten(startDim = 1, endDim = -1): Module {
  return described(
    module({}, (x) => x.flatten(startDim, endDim)),
    "flatten",
    { startDim, endDim },
  );
}
/** One axis as several; -1 for one length that follows from the others. */
export function unflatten(dim: number, sizes: readonly number[]): Module {
  return module({}, (x) => x.unflatten(dim, sizes));
}
/** Zeros around images [..., height, width]: so many on all sides, or [left, right, top, bottom]. Less than 0 takes off. */
export function zeroPad2d(padding: number | readonly [number, number, number, number]): Module {
  const widths = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  if (widths.length !== 4 || !widths.every(Number.isInteger))
    throw new ShapeError(`zeroPad2d: expected a whole number or [left, right, top, bottom], got ${padding}; try 1`);
  return module({}, (x) => x.pad(widths));
}
