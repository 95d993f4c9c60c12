/** Every primitive of plain is free: there is one party. */
import { bySize, freeOfCharge } from "../cost.js";
import type { Costs } from "../protocol.js";

const free = () => freeOfCharge(1);

export const costs = bySize(
  ({ wordBits }): Costs => ({
    wordBits,
    product: free,
    separable: free,
    reshare: free,
    truncate: free,
    and: free,
    msb: free,
    isZero: free,
    toBits: free,
    fromBits: free,
    weigh: free,
    select: free,
    input: free,
    reveal: free,
    revealTo: free,
  }),
);
