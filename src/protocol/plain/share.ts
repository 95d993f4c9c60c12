/** How plain holds values: in the clear. The template of a protocol folder; no secrecy whatsoever. */
import { ShapeError } from "../../errors.js";
import { Prg } from "../../random/index.js";
import type { Block, Kernels, Ring } from "../../ring/index.js";
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

export function open(value: Share | Product): Clear {
  if (!((value as unknown) instanceof Clear)) throw foreign("share");
  return value as unknown as Clear;
}
export function openBits(value: Bits): ClearBits {
  if (!((value as unknown) instanceof ClearBits)) throw foreign("bits");
  return value as unknown as ClearBits;
}
const foreign = (kind: string) =>
  new ShapeError(`plain: expected a ${kind} of plain, got one of another protocol; try converting it`);

export function copyOf(party: Party, site: Site, block: Block, n: number): Block {
  const words = site.scope.alloc(n);
  party.kernels.copy(words.ptr, block.ptr, n);
  return words;
}
