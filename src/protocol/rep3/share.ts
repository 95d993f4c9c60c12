/**
 * Replicated sharing among three: how a share lies in memory, and the roles that parties take in turn. No arithmetic.
 *
 * x = x_0 + x_1 + x_2 modulo 2^64, or 2^32; party i holds (x_i, x_{i+1}). Bits are the same with XOR. Keys follow the same pattern:
 * k_i is known to parties i-1 and i, so party i holds (k_i, k_{i+1}) and misses one component and one key, those with
 * index i+2 (Araki et al. 2016, https://eprint.iacr.org/2016/768).
 */
import type { Prg, Stream } from "../../random/index.js";
import type { Block, Kernels, Ring } from "../../ring/index.js";
import { opened } from "../checks.js";
import type { Bits, Product, Share, Site } from "../protocol.js";
import type { Exchange, Rounds } from "../rounds.js";

/** One party's ends: its neighbours, memory and keys. */
export interface Party {
  readonly self: number;
  readonly next: number;
  readonly previous: number;
  readonly ring: Ring;
  readonly kernels: Kernels;
  /** Under k_i, shared with the previous party. */
  readonly lower: Prg;
  /** Under k_{i+1}, shared with the next party. */
  readonly upper: Prg;
}

/** A Share at party i: a = x_i, b = x_{i+1}. */
export class Replicated {
  constructor(
    readonly n: number,
    readonly a: Block,
    readonly b: Block,
  ) {}
}
/** A Product: this party's summand. Unmasked, so it must not leave as it is. */
export class Summand {
  constructor(
    readonly n: number,
    readonly words: Block,
  ) {}
}
/** Bits at party i: `width` planes of ceil(n/64) words each; what lies beyond bit n of a plane is arbitrary. */
export class Planes {
  constructor(
    readonly n: number,
    readonly width: number,
    readonly a: Block,
    readonly b: Block,
  ) {}
}

/**
 * A Share between the two rounds of its truncation, or a linear map of such: x = u + v modulo 2^bits, where in each piece the party
 * in role 1 knows v and the other two know u. Its sign can be found, and linear maps taken; nothing else (truncate.ts).
 */
export class Halves {
  constructor(
    readonly n: number,
    readonly bits: number,
    /** Whose number decides the roles, as in `pieces`. */
    readonly pivot: number,
    /** u or v, by piece. */
    readonly words: Block,
    /** The other round; it returns the whole. */
    readonly rest?: Rounds<Share>,
  ) {}
}

export const asShare = (value: Replicated | Halves): Share => value as unknown as Share;
export const asProduct = (value: Summand): Product => value as unknown as Product;
export const asBits = (value: Planes): Bits => value as unknown as Bits;

export const openShare = (value: Share): Replicated => opened("rep3", "share", value, Replicated);
export const openHalves = (value: Share): Halves => opened("rep3", "share", value, Halves);
export const isHalves = (value: unknown): value is Halves => value instanceof Halves;
export const openProduct = (value: Product): Summand => opened("rep3", "product", value, Summand);
export const openBits = (value: Bits): Planes => opened("rep3", "bits", value, Planes);

/** The two streams of one primitive. Both ends of a key draw the same things from it in the same order. */
export interface Streams {
  readonly lower: Stream;
  readonly upper: Stream;
}
export function openStreams(party: Party, site: Site): Streams {
  const nonce = site.nonce();
  return { lower: party.lower.stream(nonce), upper: party.upper.stream(nonce) };
}

/** The next `words` words of a stream, into `block` from word `at`. */
export function draw(party: Party, stream: Stream, block: Block, words: number, at = 0): void {
  const { wordBytes } = party.kernels;
  stream.fill(party.ring.bytes(block, at * wordBytes, words * wordBytes));
}

/** The round that turns summands into shares: a goes to the previous party, the next party's comes into b. */
export function passOn(party: Party, a: Block, b: Block, words: number): Exchange {
  const { wordBytes } = party.kernels;
  return {
    send: [{ peer: party.previous, block: a, bytes: words * wordBytes }],
    receive: [{ peer: party.next, block: b, bytes: words * wordBytes }],
  };
}

/** Above this many elements a tensor is cut in three, and each party takes each role once, whatever the pivot. */
export const ONE_PIECE = 16384;

/** Elements [from, from + n) of a tensor, in which party `pivot` takes role 1. */
export interface Piece {
  readonly from: number;
  readonly n: number;
  readonly pivot: number;
}
/** How the elements of a tensor are dealt out among the roles: in one piece, or in three cut at multiples of 64. */
export function pieces(n: number, pivot: number): Piece[] {
  if (n <= ONE_PIECE) return [{ from: 0, n, pivot: pivot % 3 }];
  const groups = Math.ceil(n / 64);
  const cut = (j: number) => (j === 3 ? n : 64 * Math.floor((groups * j) / 3));
  return [0, 1, 2].map((j) => ({ from: cut(j), n: cut(j + 1) - cut(j), pivot: (j + pivot) % 3 }));
}
/**
 * Asymmetric primitives are written for roles 0, 1, 2 of the papers; party `pivot` takes role 1 and the others follow
 * around the ring. Role r holds components and keys r and r+1 of the roles' numbering.
 */
export type Role = 0 | 1 | 2;
export const roleOf = (party: number, pivot: number): Role => ((party - pivot + 4) % 3) as Role;
