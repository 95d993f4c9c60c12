/**
 * Boolean operations of rep3 on bit-sliced planes. Not comparisons, see compare.ts.
 * Araki et al. 2016 (https://eprint.iacr.org/2016/768) over Z_2, 64 elements a word.
 */
import type { Block } from "../../ring/index.js";
import { checkRange, checkSame } from "../checks.js";
import { CHUNK, planeWords } from "../planes.js";
import type { Bits, Linear, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { asBits, draw, openBits, openStreams, type Party, Planes, passOn, type Streams } from "./share.js";

/** Local: components XOR. */
export function xor(party: Party, site: Site, x: Bits, y: Bits): Bits {
  site.nonce();
  const [left, right] = openPair("xor", x, y);
  const { n, width } = left;
  const words = width * planeWords(n, party.kernels);
  const [a, b] = [site.scope.alloc(words), site.scope.alloc(words)];
  party.kernels.xor(a.ptr, left.a.ptr, right.a.ptr, words);
  party.kernels.xor(b.ptr, left.b.ptr, right.b.ptr, words);
  return asBits(new Planes(n, width, a, b));
}

/** Local: component 0 is inverted. */
export function not(party: Party, site: Site, x: Bits): Bits {
  site.nonce();
  const { n, width, a, b } = openBits(x);
  const words = width * planeWords(n, party.kernels);
  const place = (component: number, source: Block): Block => {
    const block = site.scope.alloc(words);
    if (component % 3 === 0) party.kernels.not(block.ptr, source.ptr, words);
    else party.kernels.copy(block.ptr, source.ptr, words);
    return block;
  };
  return asBits(new Planes(n, width, place(party.self, a), place(party.self + 1, b)));
}

/** Local: the map on each component. */
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
  const words = width * planeWords(n, party.kernels);
  const [a, b] = [site.scope.alloc(words), site.scope.alloc(words)];
  map(
    a,
    open.map((input) => input.a),
  );
  map(
    b,
    open.map((input) => input.b),
  );
  return asBits(new Planes(n, width, a, b));
}

/** Local: planes [from, from + count). */
export function planes(party: Party, site: Site, x: Bits, from: number, count: number): Bits {
  const { wordBytes } = party.kernels;
  site.nonce();
  const { n, width, a, b } = openBits(x);
  checkRange("planes", from, count, width);
  const words = planeWords(n, party.kernels);
  const copy = (source: Block): Block => {
    const block = site.scope.alloc(count * words);
    party.kernels.copy(block.ptr, source.ptr + from * words * wordBytes, count * words);
    return block;
  };
  return asBits(new Planes(n, count, copy(a), copy(b)));
}

/** Local: one behind the other. */
export function join(party: Party, site: Site, parts: readonly Bits[]): Bits {
  const { wordBytes } = party.kernels;
  site.nonce();
  const open = parts.map(openBits);
  const { n } = open[0]!;
  for (const part of open) checkSame("join", part.n, n);
  const width = open.reduce((sum, part) => sum + part.width, 0);
  const words = planeWords(n, party.kernels);
  const place = (component: (part: Planes) => Block): Block => {
    const block = site.scope.alloc(width * words);
    let at = block.ptr;
    for (const part of open) {
      party.kernels.copy(at, component(part).ptr, part.width * words);
      at += part.width * words * wordBytes;
    }
    return block;
  };
  return asBits(
    new Planes(
      n,
      width,
      place(({ a }) => a),
      place(({ b }) => b),
    ),
  );
}

/** 1 round, 1 bit an AND from each party (planes are whole words). */
export function* and(party: Party, site: Site, x: Bits, y: Bits): Rounds<Bits> {
  const [left, right] = openPair("and", x, y);
  const { n, width } = left;
  const words = width * planeWords(n, party.kernels);
  const a = zeroBits(party, site, openStreams(party, site), words);
  const b = site.scope.alloc(words);
  party.kernels.andLocal(a.ptr, left.a.ptr, left.b.ptr, right.a.ptr, right.b.ptr, a.ptr, words);
  yield passOn(party, a, b, words);
  return asBits(new Planes(n, width, a, b));
}

/** A sharing of zero as masks: words of F(k_i) ^ F(k_{i+1}). */
export function zeroBits(party: Party, site: Site, streams: Streams, words: number): Block {
  const { wordBytes } = party.kernels;
  const block = site.scope.alloc(words);
  const other = site.scope.alloc(Math.min(words, CHUNK));
  for (let at = 0; at < words; at += CHUNK) {
    const count = Math.min(CHUNK, words - at);
    draw(party, streams.lower, block, count, at);
    draw(party, streams.upper, other, count);
    party.kernels.xor(block.ptr + at * wordBytes, block.ptr + at * wordBytes, other.ptr, count);
  }
  site.scope.free(other);
  return block;
}

function openPair(what: string, x: Bits, y: Bits): [Planes, Planes] {
  const [left, right] = [openBits(x), openBits(y)];
  checkSame(what, left.n, right.n);
  checkSame(what, left.width, right.width);
  return [left, right];
}
