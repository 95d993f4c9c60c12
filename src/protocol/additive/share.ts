/**
 * Additive sharing among n parties with a dealer: how a share lies in memory, and which keys there are. No arithmetic.
 *
 * x = x_0 + … + x_{n-1} modulo 2^64, or 2^32; party i holds x_i. Bits are the same with XOR. The dealer is party n: it holds nothing of
 * any value, knows every mask, and is sent nothing. The last of the n, party n-1, gets from the dealer what cannot be
 * drawn from keys.
 */
import type { Prg } from "../../random/index.js";
import type { Block, Kernels, Ring, Scope } from "../../ring/index.js";
import { opened } from "../checks.js";
import type { Bits, Linear, Product, Share } from "../protocol.js";
import type { Masked } from "./masks.js";
import type { Rounding } from "./rounding.js";

/** One member of a session: a compute party or the dealer. */
export interface Party {
  readonly self: number;
  /** How many parties compute. The dealer's index is this number. */
  readonly count: number;
  readonly deals: boolean;
  /** Signs are found by comparison keys instead of an adder. */
  readonly keys: boolean;
  readonly ring: Ring;
  readonly kernels: Kernels;
  /** Keys between compute parties and the dealer: a party has its own one only, the dealer all, by party. */
  readonly dealt: readonly Prg[];
  /** At a compute party, by peer: keys that the two have in common, which the dealer lacks. */
  readonly pairs: readonly (Prg | undefined)[];
  /** At a compute party: a key that nobody else has. */
  readonly own: Prg | undefined;
}

/** A Share. At party i the words x_i; at the dealer no words. `masked` comes when a primitive first opens x - a. */
export class Additive {
  masked: Masked | undefined;
  /** What its truncation has opened already: enough to compare and to select by. */
  rounding: Rounding | undefined;
  /** Nobody else needs it; its words and its mask stay until the last view has gone. */
  freed = false;
  /** Views and signs of it, by the scope in which they live: those of a closed one have gone with it. */
  views: Map<Scope, number> | undefined;
  constructor(
    readonly n: number,
    readonly words: Block | undefined,
    /** Whose memory it lies in: its mask belongs there, too. */
    readonly scope: Scope,
    /** This value is map(of), element for element: opening one opens both. */
    readonly view?: { readonly of: Additive; readonly map: Linear },
  ) {}
}
/** A Product: already a sharing, since products are made with fresh words of the dealer. */
export class Summand {
  constructor(
    readonly n: number,
    readonly words: Block | undefined,
  ) {}
}
/** Bits: `width` planes of ceil(n/64) words; what lies beyond bit n of a plane is arbitrary. */
export class Planes {
  /** Of a sign that was found by keys (sign-by-keys.ts). */
  sign: Sign | undefined;
  constructor(
    readonly n: number,
    readonly width: number,
    readonly words: Block | undefined,
  ) {}
}

/** What keys tell of a sign besides the bit: this party's part of it as a number, and of the bit times the value. */
export class Sign {
  constructor(
    /** The value, kept until the sign goes. */
    readonly of: Additive,
    readonly number: Block | undefined,
    readonly times: Block | undefined,
  ) {}
}

export const asShare = (value: Additive): Share => value as unknown as Share;
export const asProduct = (value: Summand): Product => value as unknown as Product;
export const asBits = (value: Planes): Bits => value as unknown as Bits;

export const openShare = (value: Share): Additive => opened("additive", "share", value, Additive);
export const openProduct = (value: Product): Summand => opened("additive", "product", value, Summand);
export const openBits = (value: Bits): Planes => opened("additive", "bits", value, Planes);

/** Memory for words at a compute party, none at the dealer. */
export const place = (party: Party, scope: Scope, words: number): Block | undefined =>
  party.deals ? undefined : scope.alloc(words);
