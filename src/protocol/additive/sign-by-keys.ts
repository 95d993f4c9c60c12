/**
 * The sign of a value by function secret sharing, for two parties: where the value's mask is open, one delivery of the dealer
 * and no message between the parties. ReLU then needs nothing else, since the keys carry bit times value, too. Not the keys
 * themselves, which are dcf.ts; with an adder instead: compare.ts.
 *
 * x = e + a modulo 2^w, e public, a known to the dealer. With k = w - 1, the carry into bit k of e + a is 1[~e < a] on the k
 * bits below, so the sign is e_k ^ u with u = a_k ^ carry. A comparison key with payload (1 - 2 a_k) y gives shares of
 * carry (1 - 2 a_k) y, and with a share of a_k y that is u y, for each y that the dealer knows: 1, a and, after a truncation,
 * what it may have wrapped around (Boyle et al. 2021, https://eprint.iacr.org/2020/1392, section 4; that a truncation's opening
 * serves the comparison, too, is docs/decisions/0012-dealer.md).
 */
import type { Block } from "../../ring/index.js";
import { planeWords, type Word } from "../planes.js";
import type { Bits, Site } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { correctionBytes, type DcfShape, evaluate, generate, rootBytes } from "./dcf.js";
import { Deal } from "./deal.js";
import { hold, masked, roundingOf, sightOfRounded } from "./masks.js";
import { type Additive, asBits, type Party, Planes, Sign } from "./share.js";

/** Above so many elements an adder is used all the same: a key has about 1 kB an element. */
export const MOST_KEYS = 32768;

/** Only the dealer sends; but for a round with n words to the other party if x's mask has to be opened. */
export function* signByKeys(party: Party, site: Site, x: Additive, width: number): Rounds<Bits> {
  const { kernels, ring } = party;
  const { scope } = site;
  const { n } = x;
  const k = width - 1;
  const deal = new Deal(party, site);
  const rounding = roundingOf(party, x, width);
  const use = rounding ? sightOfRounded(party, site, x, rounding) : masked(party, deal, x);
  // For the sign, which may be all that keeps it when the round is over.
  hold(x, scope);
  const { wordBytes, wordBits } = kernels;
  const { shape, columns: count } = keyShape(n, width, rounding !== undefined, kernels);
  /** As many numbers as the keys' payload has room for. */
  const room = (shape.words * 8) / wordBytes;
  // At the dealer: a_k, then 1, a and the wrap, in columns.
  const [top, columns] = party.deals ? [scope.alloc(n), scope.alloc(n * room)] : [undefined, undefined];
  if (top && columns) {
    kernels.shr(top.ptr, use.mask.ptr, k, n);
    kernels.andScalar(top.ptr, top.ptr, 1n, n);
    kernels.fill(columns.ptr, 1n, n);
    kernels.copy(columns.ptr + n * wordBytes, use.mask.ptr, n);
    if (rounding) {
      const wrap = columns.ptr + 2 * n * wordBytes;
      kernels.shr(wrap, rounding.words.ptr, wordBits - 1, n);
      kernels.shl(wrap, wrap, wordBits - rounding.shift, n);
    }
    kernels.fill(columns.ptr + count * n * wordBytes, 0n, (room - count) * n);
  }
  const products = Array.from({ length: count }, (_, column) =>
    deal.given(n, (dst) => kernels.mul(dst.ptr, top!.ptr, columns!.ptr + column * n * wordBytes, n)),
  );
  if (top && columns) {
    const roots = deal.fills as [(target: Uint8Array) => void, (target: Uint8Array) => void];
    const corrections = deal.toAll(correctionBytes(shape) / wordBytes, () =>
      keysOf(party, site, shape, use.mask, top, columns, roots),
    );
    yield* deal.first();
    use.release();
    deal.free(corrections, top, columns, ...products);
    const bits = new Planes(n, 1, undefined);
    bits.sign = new Sign(x, undefined, undefined);
    return asBits(bits);
  }
  const roots = scope.alloc(rootBytes(shape) / wordBytes);
  deal.fills[0]!(ring.bytes(roots));
  const corrections = deal.toAll(correctionBytes(shape) / wordBytes, () => roots);
  yield* deal.first();
  const e = use.difference!;
  const [point, values, byColumn] = [scope.alloc(n), scope.alloc(n * room), scope.alloc(n * room)];
  kernels.not(point.ptr, e.ptr, n);
  evaluate(ring, party.self as 0 | 1, { shape, roots, corrections }, point, values);
  kernels.transpose(byColumn.ptr, values.ptr, n, room);
  const [number, times, wrap] = products;
  // u, and u x = e u + u a + u wrap where c has no sign.
  kernels.add(number!.ptr, number!.ptr, byColumn.ptr, n);
  kernels.add(times!.ptr, times!.ptr, byColumn.ptr + n * wordBytes, n);
  kernels.mulAdd(times!.ptr, e.ptr, number!.ptr, n);
  if (rounding) {
    kernels.add(wrap!.ptr, wrap!.ptr, byColumn.ptr + 2 * n * wordBytes, n);
    kernels.sar(point.ptr, rounding.words.ptr, wordBits - 1, n);
    kernels.not(point.ptr, point.ptr, n);
    kernels.and(wrap!.ptr, wrap!.ptr, point.ptr, n);
    kernels.add(times!.ptr, times!.ptr, wrap!.ptr, n);
  }
  // The sign is e_k ^ u = e_k + (1 - 2 e_k) u.
  const [bit, minus] = [point, byColumn];
  kernels.shr(bit.ptr, e.ptr, k, n);
  kernels.andScalar(bit.ptr, bit.ptr, 1n, n);
  kernels.neg(minus.ptr, bit.ptr, n);
  for (const block of [number!, times!]) {
    kernels.xor(block.ptr, block.ptr, minus.ptr, n);
    kernels.sub(block.ptr, block.ptr, minus.ptr, n);
  }
  kernels.mulAdd(times!.ptr, bit.ptr, x.words!.ptr, n);
  if (party.self === 0) kernels.add(number!.ptr, number!.ptr, bit.ptr, n);
  const plane = scope.alloc(planeWords(n, kernels));
  kernels.slice(plane.ptr, number!.ptr, n, 1);
  use.release();
  deal.free(roots, corrections, point, values, byColumn, wrap);
  const bits = new Planes(n, 1, plane);
  bits.sign = new Sign(x, number, times);
  return asBits(bits);
}

/** What keys there are for the sign of n values: two columns of numbers in their payload, three after a truncation. */
export function keyShape(
  n: number,
  width: number,
  rounded: boolean,
  { wordBytes }: Word,
): { readonly shape: DcfShape; readonly columns: number } {
  const columns = rounded ? 3 : 2;
  return { shape: { instances: n, bits: width - 1, words: Math.ceil((columns * wordBytes) / 8) }, columns };
}

/** The dealer's keys: payload (1 - 2 a_k) times each column. */
function keysOf(
  { kernels, ring }: Party,
  { scope }: Site,
  shape: DcfShape,
  mask: Block,
  top: Block,
  columns: Block,
  roots: readonly [(target: Uint8Array) => void, (target: Uint8Array) => void],
): Block {
  const { wordBytes } = kernels;
  const { instances: n } = shape;
  const room = (shape.words * 8) / wordBytes;
  const [sign, payload] = [scope.alloc(n), scope.alloc(n * room)];
  kernels.mulScalar(sign.ptr, top.ptr, -2n, n);
  kernels.addScalar(sign.ptr, sign.ptr, 1n, n);
  for (let column = 0; column < room; column++) {
    const at = columns.ptr + column * n * wordBytes;
    kernels.mul(at, at, sign.ptr, n);
  }
  kernels.transpose(payload.ptr, columns.ptr, room, n);
  const keys = generate(ring, scope, shape, mask, payload, roots);
  for (const block of [sign, payload, keys[0].roots, keys[1].roots]) scope.free(block);
  return keys[0].corrections;
}
