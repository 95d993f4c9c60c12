/**
 * The carries of e + a, where e is public and the dealer knows a: the start of every look at the bits of x = e + a. What is
 * computed is laid out in ../adder/layout.ts; what follows on shared planes is in compare.ts and convert.ts.
 *
 * In a block of bits, each carry is a sum of products of bits of e and products of bits of a. The dealer shares all products
 * of the a_j of a block, 2^bits - 1 planes; the rest is linear. So blocks cost no round and nothing between parties.
 */
import type { Block } from "../../ring/index.js";
import { type Adder, planesOf } from "../adder/layout.js";
import { planeWords } from "../planes.js";
import type { Site } from "../protocol.js";
import type { Deal } from "./deal.js";
import { sight } from "./masks.js";
import type { Sight } from "./rounding.js";
import type { Additive, Party } from "./share.js";

/** Words of a plane that one pass over the cache handles. */
const STEP = 256;

export class PublicSum {
  readonly #party: Party;
  readonly #site: Site;
  readonly #adder: Adder;
  readonly #use: Sight;
  readonly #n: number;
  readonly #shared: Block;

  /** Asks for what it takes; `planes` after the deal's `first` exchange. */
  constructor(party: Party, site: Site, deal: Deal, adder: Adder, x: Additive) {
    this.#party = party;
    this.#site = site;
    this.#adder = adder;
    this.#n = x.n;
    this.#use = sight(party, site, deal, x, adder.width);
    this.#shared = deal.given(adder.monomials * planeWords(x.n), (dst) => this.#products(dst), "xor");
  }

  /** This party's part of the gates, then of x's own bits at `singles`; nothing at the dealer. */
  planes(): Block | undefined {
    const { scope } = this.#site;
    const words = planeWords(this.#n);
    const result = this.#party.deals ? undefined : scope.alloc(planesOf(this.#adder) * words);
    if (result) this.#meet(result);
    this.#use.release();
    scope.free(this.#shared);
    return result;
  }

  /** At the dealer: for every set S of positions of a block the AND of the a_j in S. */
  #products(dst: Block): void {
    const { kernels } = this.#party;
    const words = planeWords(this.#n);
    this.#steps(this.#use.mask, 0n, (at, count, planes) => {
      for (const { base, from, bits } of this.#adder.blocks)
        for (let set = 1; set < 2 ** bits; set++) {
          const lowest = set & -set;
          const target = dst.ptr + ((base + set - 1) * words + at) * 8;
          const bit = planes + (from + Math.log2(lowest)) * count * 8;
          if (set === lowest) kernels.copy(target, bit, count);
          else kernels.and(target, dst.ptr + ((base + (set ^ lowest) - 1) * words + at) * 8, bit, count);
        }
    });
  }

  /** Uses the shared products up: afterwards plane {m..t} of a block holds A_m of the gates at t. */
  #meet(result: Block): void {
    const { kernels, self } = this.#party;
    const adder = this.#adder;
    const words = planeWords(this.#n);
    const { scope } = this.#site;
    const prefix = scope.alloc(STEP);
    kernels.fill(result.ptr, 0n, adder.gates * words);
    for (const [index, { monomial }] of adder.singles.entries())
      kernels.copy(result.ptr + (adder.gates + index) * words * 8, this.#shared.ptr + monomial * words * 8, words);
    this.#steps(this.#use.difference!, adder.offset, (at, count, planes) => {
      const sharedAt = (plane: number) => this.#shared.ptr + (plane * words + at) * 8;
      const addAnd = (target: number, x: number, y: number) => kernels.andXor(target, x, y, count);
      if (self === 0)
        for (const [index, { position }] of adder.singles.entries()) {
          const target = result.ptr + ((adder.gates + index) * words + at) * 8;
          kernels.xor(target, target, planes + position * count * 8, count);
        }
      for (const { base, from, bits, gates } of adder.blocks) {
        const eAt = (position: number) => planes + (from + position) * count * 8;
        const setAt = (set: number) => sharedAt(base + set - 1);
        // In place, from short runs m..j to long ones: each product meets e of its gaps exactly once.
        if (gates.length > 0)
          for (let j = 1; j < bits; j++)
            for (let m = 0; m < j; m++)
              for (let above = 0; above < 2 ** bits; above += 2 ** (j + 1))
                addAnd(setAt(run(m, j) + above), setAt(run(m, j - 1) + above), eAt(j));
        for (const { kind, top, plane } of gates) {
          const target = result.ptr + (plane * words + at) * 8;
          if (kind === "generate") for (let m = 0; m <= top; m++) addAnd(target, setAt(run(m, top)), eAt(m));
          else {
            kernels.xor(target, target, setAt(run(0, top)), count);
            let product = eAt(0);
            for (let m = 1; m <= top; m++) {
              addAnd(target, setAt(run(m, top)), product);
              kernels.and(prefix.ptr, product, eAt(m), count);
              product = prefix.ptr;
            }
            if (self === 0) kernels.xor(target, target, product, count);
          }
        }
      }
    });
    scope.free(prefix);
  }

  /** Walks over the bit planes of words + offset in steps that fit the cache, `at` and `count` in plane words. */
  #steps(words: Block, offset: bigint, step: (at: number, count: number, planes: number) => void): void {
    const { kernels } = this.#party;
    const { scope } = this.#site;
    const all = planeWords(this.#n);
    const planes = scope.alloc(this.#adder.width * Math.min(all, STEP));
    const moved = scope.alloc(Math.min(this.#n, STEP * 64));
    for (let at = 0; at < all; at += STEP) {
      const count = Math.min(STEP, all - at);
      const elements = Math.min(count * 64, this.#n - at * 64);
      kernels.addScalar(moved.ptr, words.ptr + at * 512, offset, elements);
      kernels.slice(planes.ptr, moved.ptr, elements, this.#adder.width);
      step(at, count, planes.ptr);
    }
    scope.free(planes);
    scope.free(moved);
  }
}
/** The set of positions from..to, as a bit mask. */
const run = (from: number, to: number): number => 2 ** (to + 1) - 2 ** from;
