/**
 * What a truncation leaves open about its result: with words of w bits, c = z + 2^(w-2) + r is public, and y = (c >> shift)
 * - 2^(w-2-shift) - (r >> shift) + wrap 2^(w-shift). Not a mask for products: the wrap depends on c, which the dealer does not know. But the low w - shift
 * bits do not, so comparisons need no other opening; and a selection needs one more field of `shift` bits.
 */
import type { Block, Scope } from "../../ring/index.js";
import { forFields } from "../planes.js";
import type { Deal } from "./deal.js";
import type { Party } from "./share.js";

/** c at a party, r at the dealer. Freed with its value. */
export interface Rounding {
  readonly party: Party;
  readonly shift: number;
  readonly words: Block;
  /** Primitives that are using it. */
  users: number;
}

/** A value seen as e + a: e public, a known to the dealer. The blocks are the reader's until `release`. */
export interface Sight {
  /** At a party, after the round. */
  readonly difference: Block | undefined;
  /** a at the dealer. */
  readonly mask: Block;
  release(): void;
}

/** y modulo 2^(w-shift): e = (c >> shift) - 2^(w-2-shift), a = -(r >> shift). */
export function sightOf({ deals, kernels }: Party, scope: Scope, rounding: Rounding, released = () => {}): Sight {
  const { shift, words } = rounding;
  const n = words.words;
  rounding.users++;
  const block = scope.alloc(n);
  kernels.shr(block.ptr, words.ptr, shift, n);
  if (deals) kernels.neg(block.ptr, block.ptr, n);
  else kernels.addScalar(block.ptr, block.ptr, -(1n << BigInt(kernels.wordBits - 2 - shift)), n);
  return {
    difference: deals ? undefined : block,
    mask: block,
    release() {
      scope.free(block);
      rounding.users--;
      released();
    },
  };
}

/**
 * Shares of bit times the wrap of y, for bits that the dealer knows as words: asked for now, added to `dst` at a party after
 * the round.
 */
export function wrapTimes(party: Party, scope: Scope, deal: Deal, { shift, words }: Rounding, bits: Block) {
  const { kernels } = party;
  const n = words.words;
  const sign = deal.givenFields(n, shift, (dst) => {
    kernels.shr(dst.ptr, words.ptr, kernels.wordBits - 1, n);
    kernels.mul(dst.ptr, dst.ptr, bits.ptr, n);
  });
  return {
    /** dst += bit * wrap * 2^(w-shift). */
    addTo: (dst: Block) => addWrap(party, scope, { shift, words }, sign, dst),
    free: () => scope.free(sign),
  };
}

/** dst += (fields of `sign`) 2^(w-shift) where the public c has no sign: there r's sign tells that c has wrapped around. */
export function addWrap(
  { kernels }: Party,
  scope: Scope,
  { shift, words }: Pick<Rounding, "shift" | "words">,
  sign: Block,
  dst: Block,
): void {
  const { wordBytes, wordBits } = kernels;
  const n = words.words;
  const [m, t] = [scope.alloc(n), scope.alloc(n)];
  forFields(n, shift, kernels, (at, count, plane) => {
    kernels.unslice(m.ptr, sign.ptr + plane * wordBytes, count, shift);
    kernels.shl(m.ptr, m.ptr, wordBits - shift, count);
    kernels.sar(t.ptr, words.ptr + at * wordBytes, wordBits - 1, count);
    kernels.not(t.ptr, t.ptr, count);
    kernels.and(m.ptr, m.ptr, t.ptr, count);
    kernels.add(dst.ptr + at * wordBytes, dst.ptr + at * wordBytes, m.ptr, count);
  });
  scope.free(m);
  scope.free(t);
}
