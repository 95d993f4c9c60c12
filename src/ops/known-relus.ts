/** Values whose relu can be had sooner than from them, while a plan is recorded. Not the relu. */
import type { Ref } from "./op.js";

const relus = new WeakMap<Ref, () => Ref>();

/** Says how max(x, 0) is recorded without waiting for x. */
export function knowRelu(x: Ref, relu: () => Ref): void {
  relus.set(x, relu);
}
export const knownRelu = (x: Ref): Ref | undefined => relus.get(x)?.();
