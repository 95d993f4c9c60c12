/**
 * The interface between secret sharing and everything above it: about twenty primitives, each with a declared cost.
 * Not an implementation: each folder beside this file is one, and nothing above may look inside a Share.
 *
 * Shapes do not exist here: a share is n words, and layout is given by the linear and bilinear maps that callers pass.
 * Numbers are words of w bits, of Z_2^64 or Z_2^32 by the ring of the end, read as two's complement; a comparison of width k needs
 * |x| < 2^(k-1).
 */

import type { Expander, StreamId } from "../random/index.js";
import type { Block, Ring, Scope, WordBytes } from "../ring/index.js";
import type { Cost } from "./cost.js";
import type { Rounds } from "./rounds.js";

declare const opaque: unique symbol;
/** n secret words, shared so that the protocol can compute on them. Immutable. */
export interface Share {
  readonly [opaque]: "share";
  readonly n: number;
}
/**
 * n secret words as the bilinear product leaves them: each party has one summand, unmasked. Linear maps are free on it;
 * `reshare` or `truncate` makes it a Share again. It never leaves a party in this form.
 */
export interface Product {
  readonly [opaque]: "product";
  readonly n: number;
}
/** `width` secret bits for each of n elements, bit-sliced: `width` planes of ceil(n/64) times 64 bits. Immutable. */
export interface Bits {
  readonly [opaque]: "bits";
  readonly n: number;
  readonly width: number;
}

/** A linear map, over the ring or of bits over Z_2, applied to each component: writes dst from the sources' words. */
export type Linear = (dst: Block, sources: readonly Block[]) => void;
/** A bilinear map: dst = f(x, y), or dst += f(x, y) if `accumulate`. */
export type Bilinear = (dst: Block, x: Block, y: Block, accumulate: boolean) => void;

/**
 * Functions with an addition theorem: f(s + c) = g_0(s) h_0(c) + g_1(s) h_1(c) + … modulo 2^w, as 2^(s + c) and cos(s + c)
 * have one. Whoever knows one addend computes its side alone. Called any number of times until the rounds are over.
 */
export interface Separable {
  /** How many g_k. */
  readonly terms: number;
  /** How many such functions of the same g_k. */
  readonly outputs: number;
  /** Of n words at `s`: `terms` rows of n words g_k(s). */
  left(dst: number, s: number, n: number): void;
  /** Adds the sum of g_k h_k(c) to `outputs` rows of n words that lie `stride` words apart; `g` as `left` lays it out. */
  right(dst: number, stride: number, c: number, g: number, n: number): void;
}

/**
 * Where in which run a primitive is evaluated: gives each primitive its own nonce, a place in memory, and a pivot by
 * which protocols rotate roles. Parties make the same calls in the same order.
 */
export interface Site {
  readonly scope: Scope;
  /** The node's number in the plan; roles of small tensors rotate by it. */
  readonly pivot: number;
  /** A fresh nonce, never given twice in a session. Every primitive takes exactly one, at every party, whether it draws or not. */
  nonce(): StreamId;
}

/** One party's end of a protocol in one session. Methods that return Rounds communicate; all others are local. */
export interface Protocol {
  readonly definition: ProtocolDefinition;
  readonly self: number;

  // -- arithmetic, local --
  /** The sharing of words that everyone knows. */
  fromPublic(site: Site, words: Block): Share;
  /** `layout`: the map moves elements and looks at nothing else, so it may be applied again as long as the scope is open. */
  linear(site: Site, inputs: readonly Share[], n: number, map: Linear, layout?: boolean): Share;
  lift(site: Site, x: Share): Product;
  linearProduct(site: Site, inputs: readonly Product[], n: number, map: Linear): Product;
  /** Uniform words that nobody knows. */
  random(site: Site, n: number): Share;

  // -- arithmetic, with rounds --
  /** map(x, y). One share given twice is a square. `map` may be called any number of times until the rounds are over. */
  product(site: Site, x: Share, y: Share, n: number, map: Bilinear): Rounds<Product>;
  reshare(site: Site, x: Product): Rounds<Share>;
  /** f(x), `outputs` rows of n words. */
  separable(site: Site, x: Share, f: Separable): Rounds<Product>;
  /** floor(x / 2^shift) + Bernoulli(fraction): unbiased, no huge error. Needs |x| < 2^(w-2) and 1 <= shift <= w - 3. */
  truncate(site: Site, x: Product, shift: number): Rounds<Share>;
  /** The same in two stages, of protocols whose costs have them: signs may be looked for in between. */
  readonly stages?: TruncationStages;

  // -- bits --
  xor(site: Site, x: Bits, y: Bits): Bits;
  not(site: Site, x: Bits): Bits;
  /** `width` planes of n bits from those of the inputs, by a map that is linear over Z_2: bits that move or are XORed. */
  linearBits(site: Site, inputs: readonly Bits[], n: number, width: number, map: Linear): Bits;
  /** Planes from … from + count - 1. */
  planes(site: Site, x: Bits, from: number, count: number): Bits;
  /** The planes of all parts, one after the other. */
  join(site: Site, parts: readonly Bits[]): Bits;
  and(site: Site, x: Bits, y: Bits): Rounds<Bits>;
  /** Plane x < 0. Exact for |x| < 2^(width-1), 2 <= width <= w. */
  msb(site: Site, x: Share, width: number): Rounds<Bits>;
  /** Plane x = 0, looking at the low `width` bits. */
  isZero(site: Site, x: Share, width: number): Rounds<Bits>;
  /** The low `width` bits of x. */
  toBits(site: Site, x: Share, width: number): Rounds<Bits>;
  /** The words 0 or 1. `bits` has one plane. */
  fromBits(site: Site, bits: Bits): Rounds<Share>;
  /** For each row of weights, one a plane, the sum of the weights whose bit is 1: weights.length rows of n words. */
  weigh(site: Site, bits: Bits, weights: readonly (readonly bigint[])[]): Rounds<Product>;
  /** bit * x, element by element. `bits` has one plane. */
  select(site: Site, bits: Bits, x: Share): Rounds<Share>;

  // -- in and out --
  /** The words of party `owner` (given there, undefined elsewhere). */
  input(site: Site, owner: number, words: Block | undefined, n: number): Rounds<Share>;
  /** Words in the clear, at every party. */
  reveal(site: Site, x: Share): Rounds<Block>;
  /** Words in the clear at party `to`; undefined elsewhere. */
  revealTo(site: Site, x: Share, to: number): Rounds<Block | undefined>;
  /** This party's part for somebody outside, re-randomised; `definition.sharing.combine` adds the parts up. */
  outgoing(site: Site, x: Share): Block;
  /**
   * The sharing that an outsider made with `definition.sharing.split`: elements of `rows` in order, rowWords words each. It is one
   * over Z_2^64; an end over Z_2^32 takes it modulo 2^32.
   */
  incoming(site: Site, stored: StoredShare, rowWords: number, rows: Uint32Array): Share;

  // -- lifetimes and storage --
  free(scope: Scope, value: Share | Product | Bits): void;
  /** The same share, its memory handed to another scope. */
  move(value: Share, from: Scope, to: Scope): Share;
  /** What this party holds of x, for encrypted storage. */
  save(x: Share): Uint8Array;
  load(scope: Scope, saved: Uint8Array): Share;
  /** A copy of a share that this party's end over Z_2^64 made, taken modulo 2^w. Local: parts add up modulo any divisor. */
  reduced(scope: Scope, wide: Share): Share;
}

/**
 * A truncation in two stages. What the first leaves is a share for linear maps and for comparisons whose width and `shift` together
 * are within a word; everything else waits for the second.
 */
export interface TruncationStages {
  begin(site: Site, x: Product, shift: number): Rounds<Share>;
  /** Words that everyone knows, to go through linear maps with what `begin` left. */
  fromPublic(site: Site, words: Block, like: Share): Share;
  end(site: Site, x: Share): Rounds<Share>;
}

/** What an outsider's sharing leaves at one party: 16-byte seeds, and the correction if this party keeps it. */
export interface SeededShare {
  readonly seeds: readonly Uint8Array[];
  /** Reads words of the correction into `target`, from word `offset`; absent if this party keeps seeds only. */
  readonly correction?: (offset: number, target: Uint8Array) => void;
}
/** The same, or several sharings one after the other: then a reader has a seed's place, and gives the words of all of them. */
export interface StoredShare {
  readonly seeds: readonly (Uint8Array | Expander)[];
  /** Reads words of the correction into `target`, from word `offset`; absent if this party keeps seeds only. */
  readonly correction?: (offset: number, target: Uint8Array) => void;
}

/** How somebody who is no party shares words and adds revealed parts up. Pure functions. */
export interface Sharing {
  /** Fresh seeds for one dataset or input, by party. Party i's seeds are `seedsOf(fresh)[i]`. */
  freshSeeds(): Seeds;
  /** The correction for words [offset, offset + n): n words that the parties `keepsCorrection` store. */
  correction(seeds: Seeds, offset: number, words: Uint8Array): Uint8Array;
  readonly keepsCorrection: readonly boolean[];
  /** Adds the parts of `outgoing`, one per party in order, of words of that size. */
  combine(parts: readonly Uint8Array[], wordBytes: WordBytes): Uint8Array;
}
/** byParty[i] lists the seeds that party i gets. */
export interface Seeds {
  readonly byParty: readonly (readonly Uint8Array[])[];
}

/** Closed formulas for what each primitive costs; n elements, `pivot` as in Site. */
export interface Costs {
  /** Of the words that these are the costs for. */
  readonly wordBits: 64 | 32;
  /**
   * Of protocols that open a mask of a value, once, whatever looks at it first. Then the costs of product, msb, isZero, toBits and
   * select are those for values whose masks are open.
   */
  readonly masks?: MaskCosts;
  product(n: number, pivot: number): Cost;
  separable(n: number, terms: number, outputs: number, pivot: number): Cost;
  reshare(n: number, pivot: number): Cost;
  truncate(n: number, shift: number, pivot: number): Cost;
  /** Of protocols that truncate in two stages. */
  readonly stages?: StageCosts;
  and(n: number, width: number, pivot: number): Cost;
  msb(n: number, width: number, pivot: number): Cost;
  isZero(n: number, width: number, pivot: number): Cost;
  toBits(n: number, width: number, pivot: number): Cost;
  fromBits(n: number, pivot: number): Cost;
  weigh(n: number, width: number, outputs: number, pivot: number): Cost;
  select(n: number, pivot: number): Cost;
  input(n: number, owner: number): Cost;
  reveal(n: number): Cost;
  revealTo(n: number, to: number): Cost;
}

export interface StageCosts {
  begin(n: number, shift: number, pivot: number): Cost;
  end(n: number, shift: number, pivot: number): Cost;
  /** The pivot of comparisons of what `begin` left, at a pivot. */
  readonly pivotBetween: (pivot: number) => number;
  /** Of the largest value that lies between the stages: with more elements they are not worth it, or not possible. */
  readonly mostElements: number;
}

export type CostsBySize = (wordBytes: WordBytes) => Costs;

export interface MaskCosts {
  /** On top of what looks first at a value of n elements, in its first exchange (see `opening`). */
  open(n: number): Cost;
  /** Whether msb, isZero and toBits of this width find what they need where a truncation by `shift` has been. */
  readonly rounded: (shift: number, width: number) => boolean;
  /** msb there, where it differs; undefined: as elsewhere. */
  readonly msbRounded?: (n: number, width: number) => Cost | undefined;
  /** Whether n values are selected by their own signs, or the opposite, without a message. */
  readonly selectsSigns?: (n: number) => boolean;
  /** select where a truncation by `shift` has been and no mask was opened since. */
  selectRounded(n: number, shift: number, pivot: number): Cost;
}

/** How a protocol with a dealer compares: by an adder, few bytes; by function secret sharing, few rounds. */
export type Comparison = "adder" | "fss";

/** A protocol as a constant: what is known of it without running it. */
export interface ProtocolDefinition {
  readonly name: string;
  readonly parties: number;
  /** The index of a party that holds no shares and learns no value: it helps with randomness only. */
  readonly dealer?: number;
  /**
   * Of a protocol whose dealer deals ahead and is no member: the same one with the dealer as a member. A run that needs what was
   * dealt takes an end of that, made for this run alone.
   */
  readonly live?: ProtocolDefinition;
  /** Who may collude without learning anything, in one sentence. */
  readonly protects: string;
  /** Of its ends over words of that size. */
  readonly costs: CostsBySize;
  /** Where comparisons can be made in several ways: what the same plans would cost with each. */
  readonly comparisons?: Readonly<Record<Comparison, CostsBySize>>;
  readonly sharing: Sharing;
  create(host: ProtocolHost): Protocol;
}

/** What a protocol needs from its party. */
export interface ProtocolHost {
  /** Decides over which ring the end computes. */
  readonly ring: Ring;
  readonly self: number;
  /** 16 bytes known to this party and `peer` alone, fresh per session, separated by label; two ends of a session need other labels. */
  pairKey(peer: number, label: string): Uint8Array;
}
