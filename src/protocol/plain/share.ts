/** How plain holds values: in the clear. The template of a protocol folder; no secrecy whatsoever. */
import { Prg } from "../../random/index.js";
import type { Block, Kernels, Ring } from "../../ring/index.js";
import { opened } from "../checks.js";
import type { Bits, Product, Share, Site } from "../protocol.js";

export interface Party {
  readonly ring: Ring;
  readonly kernels: Kernels;
  /** Under a key that everyone knows: rounding and `random` are reproducible, and random to nobody. */
  readonly coins: Prg;
}
export const publicCoins = (): Prg => new Prg(new TextEncoder().encode("secretgrad/plain"));

/** A Share and a Product alike: the words themselves. */
export class Clear {
  constructor(
    readonly n: number,
    readonly words: Block,
  ) {}
}
/** Bits: `width` planes of ceil(n/64) words; what lies beyond bit n of a plane is arbitrary. */
export class ClearBits {
  constructor(
    readonly n: number,
    readonly width: number,
    readonly planes: Block,
  ) {}
}

export const asShare = (n: number, words: Block): Share => new Clear(n, words) as unknown as Share;
export const asProduct = (n: number, words: Block): Product => new Clear(n, words) as unknown as Product;
export const asBits = (n: number, width: number, planes: Block): Bits =>
  new ClearBits(n, width, planes) as unknown as Bits;

export const open = (value: Share | Product): Clear => opened("plain", "share", value, Clear);
export const openBits = (value: Bits): ClearBits => opened("plain", "bits", value, ClearBits);

export function copyOf(party: Party, site: Site, block: Block, n: number): Block {
  const words = site.scope.alloc(n);
  party.kernels.copy(words.ptr, block.ptr, n);
  return words;
}
