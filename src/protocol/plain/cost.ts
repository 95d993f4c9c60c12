/** Every primitive of plain is free: there is one party. */
import { freeOfCharge } from "../cost.js";
import type { Costs } from "../protocol.js";

const free = () => freeOfCharge(1);

const all: Costs = {
  product: free,
  reshare: free,
  truncate: free,
  and: free,
  msb: free,
  isZero: free,
  toBits: free,
  fromBits: free,
  select: free,
  input: free,
  reveal: free,
  revealTo: free,
};

export const costs = (): Costs => all;
