/**
 * The carries of e + a, where e is public and the dealer knows a: the start of every look at the bits of x = e + a. What is
 * computed is laid out in ../adder/layout.ts; what follows on shared planes is in compare.ts and convert.ts.
 *
 * In a block of bits, each carry is a sum of products of bits of e and products of bits of a (../adder/carries.ts with s = a
 * and c = e). The dealer shares all products of the a_j of a block, 2^bits - 1 planes; the rest is linear. So blocks cost no
 * round and nothing between parties.
 */
import type { Block } from "../../ring/index.js";
import { addCarries, forBits } from "../adder/carries.js";
import { type Adder, planesOf } from "../adder/layout.js";
import { planeWords } from "../planes.js";
import type { Site } from "../protocol.js";
import type { Deal } from "./deal.js";
import { sight } from "./masks.js";
import type { Sight } from "./rounding.js";
import type { Additive, Party } from "./share.js";

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
    this.#shared = deal.given(adder.monomials * planeWords(x.n, party.kernels), (dst) => this.#products(dst), "xor");
  }

  /** This party's part of the gates, then of x's own bits at `singles`; nothing at the dealer. */
  planes(): Block | undefined {
    const { scope } = this.#site;
    const words = planeWords(this.#n, this.#party.kernels);
    const result = this.#party.deals ? undefined : scope.alloc(planesOf(this.#adder) * words);
    if (result) this.#meet(result);
    this.#use.release();
    scope.free(this.#shared);
    return result;
  }

  /** At the dealer: for every set S of positions of a block the AND of the a_j in S. */
  #products(dst: Block): void {
    const { kernels } = this.#party;
    const { wordBytes } = kernels;
    const words = planeWords(this.#n, kernels);
    const { mask } = this.#use;
    const write = (to: number, first: number, count: number) => kernels.copy(to, mask.ptr + first * wordBytes, count);
    forBits(kernels, this.#site.scope, this.#n, this.#adder.width, write, (at, count, planes) => {
      for (const { base, from, bits } of this.#adder.blocks)
        for (let set = 1; set < 2 ** bits; set++) {
          const lowest = set & -set;
          const target = dst.ptr + ((base + set - 1) * words + at) * wordBytes;
          const bit = planes + (from + Math.log2(lowest)) * count * wordBytes;
          if (set === lowest) kernels.copy(target, bit, count);
          else kernels.and(target, dst.ptr + ((base + (set ^ lowest) - 1) * words + at) * wordBytes, bit, count);
        }
    });
  }

  /** Uses the shared products up. */
  #meet(result: Block): void {
    const { kernels, self } = this.#party;
    const { wordBytes } = kernels;
    const adder = this.#adder;
    const words = planeWords(this.#n, kernels);
    kernels.fill(result.ptr, 0n, adder.gates * words);
    for (const [index, { monomial }] of adder.singles.entries())
      kernels.copy(
        result.ptr + (adder.gates + index) * words * wordBytes,
        this.#shared.ptr + monomial * words * wordBytes,
        words,
      );
    const leads = self === 0;
    const holder = { n: this.#n, c: this.#use.difference!, shared: this.#shared, gates: result, leads };
    addCarries(kernels, this.#site.scope, adder, holder, (index, at, count, bit) => {
      const target = result.ptr + ((adder.gates + index) * words + at) * wordBytes;
      if (leads) kernels.xor(target, target, bit, count);
    });
  }
}
