/** Values whose sign can be had sooner than by comparing them, while a plan is recorded. Not the comparison. */
import type { Ref } from "./op.js";

const signs = new WeakMap<Ref, () => Ref>();

/** Says how the bits of x < 0 are recorded without waiting for x. */
export function knowSign(x: Ref, negative: () => Ref): void {
  signs.set(x, negative);
}
export const knownSign = (x: Ref): Ref | undefined => signs.get(x)?.();
