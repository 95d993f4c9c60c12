/**
 * Boolean operations on bit-sliced planes, shared by XOR. Not comparisons, see compare.ts. The product of two planes is the
 * one of multiply.ts over Z_2, 64 elements a word.
 */
import type { Block } from "../../ring/index.js";
import { checkRange, checkSame } from "../checks.js";
import { planeWords } from "../planes.js";
import type { Bits, Linear, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { Deal } from "./deal.js";
import { hold } from "./masks.js";
import { asBits, openBits, type Party, Planes, place, Sign } from "./share.js";

/** Local: parts XOR. */
export function xor(party: Party, site: Site, x: Bits, y: Bits): Bits {
  site.nonce();
  const [left, right] = openPair("xor", x, y);
  const { n, width } = left;
  const words = width * planeWords(n, party.kernels);
  const block = place(party, site.scope, words);
  if (block) party.kernels.xor(block.ptr, left.words!.ptr, right.words!.ptr, words);
  return asBits(new Planes(n, width, block));
}

/** Local: party 0 inverts. */
export function not(party: Party, site: Site, x: Bits): Bits {
  site.nonce();
  const { n, width, words, sign } = openBits(x);
  const count = width * planeWords(n, party.kernels);
  const block = place(party, site.scope, count);
  if (block) party.kernels[party.self === 0 ? "not" : "copy"](block.ptr, words!.ptr, count);
  const result = new Planes(n, width, block);
  if (sign) result.sign = complement(party, site, sign);
  return asBits(result);
}

/** 1 - bit, and x - bit x. */
function complement({ kernels, self }: Party, { scope }: Site, { of, number, times }: Sign): Sign {
  hold(of, scope);
  if (!number || !times) return new Sign(of, number, times);
  const [one, rest] = [scope.alloc(of.n), scope.alloc(of.n)];
  kernels.neg(one.ptr, number.ptr, of.n);
  if (self === 0) kernels.addScalar(one.ptr, one.ptr, 1n, of.n);
  kernels.sub(rest.ptr, of.words!.ptr, times.ptr, of.n);
  return new Sign(of, one, rest);
}

/** Local: the map on each part. */
export function linearBits(
  party: Party,
  site: Site,
  inputs: readonly Bits[],
  n: number,
  width: number,
  map: Linear,
): Bits {
  site.nonce();
  const open = inputs.map(openBits);
  const block = place(party, site.scope, width * planeWords(n, party.kernels));
  if (block)
    map(
      block,
      open.map(({ words }) => words!),
    );
  return asBits(new Planes(n, width, block));
}

/** Local: planes [from, from + count). */
export function planes(party: Party, site: Site, x: Bits, from: number, count: number): Bits {
  const { wordBytes } = party.kernels;
  site.nonce();
  const { n, width, words } = openBits(x);
  checkRange("planes", from, count, width);
  const size = planeWords(n, party.kernels);
  const block = place(party, site.scope, count * size);
  if (block) party.kernels.copy(block.ptr, words!.ptr + from * size * wordBytes, count * size);
  return asBits(new Planes(n, count, block));
}

/** Local: one behind the other. */
export function join(party: Party, site: Site, parts: readonly Bits[]): Bits {
  const { wordBytes } = party.kernels;
  site.nonce();
  const open = parts.map(openBits);
  const { n } = open[0]!;
  for (const part of open) checkSame("join", part.n, n);
  const width = open.reduce((sum, part) => sum + part.width, 0);
  const size = planeWords(n, party.kernels);
  const block = place(party, site.scope, width * size);
  let at = 0;
  for (const part of open) {
    if (block) party.kernels.copy(block.ptr + at * wordBytes, part.words!.ptr, part.width * size);
    at += part.width * size;
  }
  return asBits(new Planes(n, width, block));
}

/** 1 round, 2 bits an AND to each other party; the dealer sends 1 bit to the last one. */
export function* and(party: Party, site: Site, x: Bits, y: Bits): Rounds<Bits> {
  const [left, right] = openPair("and", x, y);
  const { n, width } = left;
  const words = width * planeWords(n, party.kernels);
  const deal = new Deal(party, site);
  const gate = new Gate(party, deal, words);
  if (!party.deals) gate.open(left.words!.ptr, right.words!.ptr);
  yield* deal.exchange();
  const block = gate.result();
  gate.free();
  return asBits(new Planes(n, width, block));
}

/** ANDs of `words` words that wait for their inputs: what they take from the dealer is asked for when they are made. */
export class Gate {
  readonly #party: Party;
  readonly #deal: Deal;
  readonly #a: Block;
  readonly #b: Block;
  readonly #c: Block;
  constructor(
    party: Party,
    deal: Deal,
    readonly words: number,
    /** The left factor's mask, when it is another gate's left factor, too; that gate opens it. */
    private readonly other?: Gate,
    /** Where in the other's words this one's begin. */
    private readonly skip = 0,
  ) {
    this.#party = party;
    this.#deal = deal;
    this.#a = other ? other.#a : deal.random(words, "xor");
    this.#b = deal.random(words, "xor");
    const { kernels } = party;
    const { wordBytes } = kernels;
    this.#c = deal.given(
      words,
      (dst) => kernels.and(dst.ptr, this.#a.ptr + skip * wordBytes, this.#b.ptr, words),
      "xor",
    );
  }
  /** At a party: opens what the masks leave of x and y with the deal's next round. x is not read where a gate opens it already. */
  open(x: number, y: number): void {
    this.#x = this.other ? this.other.#x : this.#mask(x, this.#a);
    this.#y = this.#mask(y, this.#b);
  }
  #x: Block | undefined;
  #y: Block | undefined;
  #mask(from: number, mask: Block): Block {
    const block = this.#deal.block(this.words);
    this.#party.kernels.xor(block.ptr, from, mask.ptr, this.words);
    this.#deal.open(block, this.words, "xor");
    return block;
  }
  /** After that round, at a party: its part of x and y. */
  result(): Block | undefined {
    if (this.#party.deals) return undefined;
    const { kernels, self } = this.#party;
    const { wordBytes } = kernels;
    const { words, skip } = this;
    const [d, e, a] = [this.#x!.ptr + skip * wordBytes, this.#y!, this.#a.ptr + skip * wordBytes];
    const block = this.#deal.block(words);
    // c ^ e a ^ d b, and at party 0 d e: d (b ^ e).
    if (self === 0) kernels.xor(this.#b.ptr, this.#b.ptr, e.ptr, words);
    kernels.and(block.ptr, e.ptr, a, words);
    kernels.xor(block.ptr, block.ptr, this.#c.ptr, words);
    kernels.and(this.#b.ptr, this.#b.ptr, d, words);
    kernels.xor(block.ptr, block.ptr, this.#b.ptr, words);
    return block;
  }
  free(): void {
    if (!this.other) this.#deal.free(this.#a, this.#x);
    this.#deal.free(this.#b, this.#c, this.#y);
  }
}

function openPair(what: string, x: Bits, y: Bits): [Planes, Planes] {
  const [left, right] = [openBits(x), openBits(y)];
  checkSame(what, left.n, right.n);
  checkSame(what, left.width, right.width);
  return [left, right];
}
