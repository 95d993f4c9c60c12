/**
 * Truncation of a product in two rounds, exactly unbiased and without the huge error of local truncation. Not the
 * truncation of ABY3: docs/decisions/0004-truncation.md, a rearrangement of the wrap-bit truncation with a known sign of
 * MP-SPDZ and SPU.
 *
 * Z = Z_0 + Z_1 + Z_2 are the summands; B is the number of bits of a word, 64 or 32. Write X = Z + 2^(B-2) - 1 = u + v - w 2^B with u
 * uniform and known to roles 0 and 2, v to role 1. As 0 <= X < 2^(B-1), the wrap is w = msb(u) or msb(v), that is -w = nu nv - 1 with nu = 1 - msb(u) and
 * nv = 1 - msb(v). It is shared as g + h = -w, and g and h stand above u and v when these are shifted. Only w mod 2^shift
 * matters, so g and h are fields of `shift` bits, bit-sliced into `shift` planes of each chunk: on planes an addition takes
 * a few instructions a bit for 128 elements, and slicing is as tight as packing but for the last 63 elements.
 *
 * The shifted halves give floor(X / 2^shift) + 1 if the low bits of u are at most those of X, which has the probability
 * (X mod 2^shift + 1) / 2^shift: that is why X is one less than Z + 2^(B-2). A multiple of 2^shift comes out exactly.
 *
 * What a party sees is uniform: role 1 gets a and b under u and m, p and q under ra and rb, all from k_0 which it lacks;
 * role 0 gets y_1 under rho and d under s2 (from k_2); role 2 gets d under s1 (from k_1).
 *
 * 2 rounds; role 0 sends n + F words, role 1 n + 2F, role 2 n + F, where F = shift ceil(n / 64).
 *
 * Modulo 2^(B-shift) the result is (u >> shift) + (v >> shift) + 1 - 2^(B-2-shift), whatever the wrap: after the first round it
 * lies in two halves, u's known to two parties and v's to the third, just as an adder takes its addends. So its sign, and that of
 * linear maps of it, can be looked for while the second round is on its way, and comes a round earlier. Nobody sees more for it: the
 * halves are what the parties have anyway.
 */
import { SecretgradError } from "../../errors.js";
import type { Block, Kernels } from "../../ring/index.js";
import { checkShift } from "../checks.js";
import { CHUNK, fieldWords, forFields, planeWords } from "../planes.js";
import type { Product, Share, Site } from "../protocol.js";
import { type Exchange, parallel, type Rounds } from "../rounds.js";
import {
  asShare,
  draw,
  Halves,
  openHalves,
  openProduct,
  openStreams,
  type Party,
  type Piece,
  pieces,
  Replicated,
  roleOf,
  type Streams,
} from "./share.js";

/** X - Z. */
const offsetOf = ({ wordBits }: Kernels): bigint => (1n << BigInt(wordBits - 2)) - 1n;

export function truncate(party: Party, site: Site, x: Product, shift: number): Rounds<Share> {
  return bothRounds(begin(party, site, x, shift));
}

/** The first of the two rounds: role 0 sends n + F words, role 2 n + F. */
export function* beginTruncation(party: Party, site: Site, x: Product, shift: number): Rounds<Share> {
  const { n } = openProduct(x);
  const halves = site.scope.alloc(n);
  const whole = bothRounds(begin(party, site, x, shift, halves));
  yield exchangeOf(whole);
  // What the second round sends is made now; whoever looks at the halves only does not wait for it.
  const second = exchangeOf(whole);
  const rest = (function* (): Rounds<Share> {
    yield second;
    return yield* whole;
  })();
  return asShare(new Halves(n, party.kernels.wordBits - shift, site.pivot, halves, rest));
}
function exchangeOf(rounds: Rounds<Share>): Exchange {
  const { done, value } = rounds.next();
  if (done) throw new SecretgradError("truncate: expected another round, got the end");
  return value;
}
/** The second: role 1 sends n + 2F words. */
export function endTruncation(site: Site, x: Share): Rounds<Share> {
  site.nonce();
  const { rest } = openHalves(x);
  if (!rest) throw new SecretgradError("truncate: expected what a first round left, got a linear map of it");
  return rest;
}

function begin(party: Party, site: Site, x: Product, shift: number, halves?: Block): Job {
  checkShift(party.kernels, shift);
  const { n, words } = openProduct(x);
  const streams = openStreams(party, site);
  return { party, site, streams, shift, n, z: words, a: site.scope.alloc(n), b: site.scope.alloc(n), halves };
}
function* bothRounds(job: Job): Rounds<Share> {
  const { party, site, n, a, b } = job;
  yield* parallel(
    pieces(n, site.pivot).map((piece) => {
      const role = roleOf(party.self, piece.pivot);
      return role === 1 ? joinWrap(job, piece) : maskHalf(job, piece, role);
    }),
  );
  return asShare(new Replicated(n, a, b));
}

interface Job {
  readonly party: Party;
  readonly site: Site;
  readonly streams: Streams;
  readonly shift: number;
  readonly n: number;
  readonly z: Block;
  readonly a: Block;
  readonly b: Block;
  /** Where (v >> shift), or (u >> shift) + 1 - 2^(B-2-shift), is wanted after the first round. */
  readonly halves: Block | undefined;
}
/** What is above the halves' sum, less one: 2^(B-2-shift) - 1. */
const aboveHalves = ({ wordBits }: Kernels, shift: number): bigint => (1n << BigInt(wordBits - 2 - shift)) - 1n;

/**
 * Roles 0 and 2, which know u. Role 0 sends a = Z_0 + m, p = nu s1 + ra; role 2 sends b = Z_2 + 2^(B-2) - 1 - u - m,
 * q = nu s2 + rb. Both end with g = nu d + ra + rb and y_0 = (g 2^B + u) >> shift.
 */
function* maskHalf(job: Job, piece: Piece, role: 0 | 2): Rounds<void> {
  const { party, site, streams, shift, z, halves } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { scope } = site;
  const { from, n } = piece;
  const fields = fieldWords(n, shift, kernels);
  // k_0 is role 0's lower key and role 2's upper one; the other key gives s1 or s2 and, at role 2, rho = y_2.
  const [common, own] = role === 0 ? [streams.lower, streams.upper] : [streams.upper, streams.lower];
  const [y0, other] = role === 0 ? [job.a, job.b] : [job.b, job.a];
  const [words, sliced, masks, nu] = [
    scope.alloc(n),
    scope.alloc(fields),
    scope.alloc(fields),
    scope.alloc(planeWords(n, kernels)),
  ];
  const [r, s] = [0, 1].map(() => scope.alloc(fieldWords(Math.min(n, CHUNK), shift, kernels))) as [Block, Block];
  forFields(n, shift, kernels, (at, count, field) => {
    const planes = planeWords(count, kernels);
    const [wordsAt, zAt, uAt] = [
      words.ptr + at * wordBytes,
      z.ptr + (from + at) * wordBytes,
      y0.ptr + (from + at) * wordBytes,
    ];
    const [slicedAt, masksAt, nuAt] = [sliced.ptr + field * wordBytes, masks.ptr + field * wordBytes, nu.ptr + at / 8];
    // u waits where y_0 will be; of ra and rb, r is the own one.
    draw(party, common, y0, count, from + at);
    draw(party, common, words, count, at);
    if (role === 0) draw(party, common, r, planes * shift);
    draw(party, common, masks, planes * shift, field);
    if (role === 2) draw(party, common, r, planes * shift);
    draw(party, own, s, planes * shift);
    if (role === 0) kernels.add(wordsAt, wordsAt, zAt, count);
    else {
      draw(party, own, other, count, from + at);
      kernels.add(wordsAt, wordsAt, uAt, count);
      kernels.sub(wordsAt, zAt, wordsAt, count);
      kernels.addScalar(wordsAt, wordsAt, offsetOf(kernels), count);
    }
    kernels.nonNegative(nuAt, uAt, count);
    kernels.addFields(slicedAt, s.ptr, nuAt, r.ptr, 0, planes, shift);
    kernels.addFields(masksAt, masksAt, 0, r.ptr, 0, planes, shift);
    if (halves) {
      const halfAt = halves.ptr + (from + at) * wordBytes;
      kernels.shr(halfAt, uAt, shift, count);
      kernels.addScalar(halfAt, halfAt, -aboveHalves(kernels, shift), count);
    }
  });
  const pivot = piece.pivot;
  yield {
    send: [
      { peer: pivot, block: words, bytes: n * wordBytes },
      { peer: pivot, block: sliced, bytes: fields * wordBytes },
    ],
    receive: [],
  };
  const fromPivot = { peer: pivot, block: sliced, bytes: fields * wordBytes };
  yield {
    send: [],
    receive:
      role === 0
        ? [{ peer: pivot, block: other, bytes: n * wordBytes, offset: from * wordBytes }, fromPivot]
        : [fromPivot],
  };
  forFields(n, shift, kernels, (at, count, field) => {
    const [uAt, gAt] = [y0.ptr + (from + at) * wordBytes, sliced.ptr + field * wordBytes];
    kernels.addFields(gAt, gAt, nu.ptr + at / 8, masks.ptr + field * wordBytes, 0, planeWords(count, kernels), shift);
    kernels.funnel(uAt, uAt, gAt, count, shift);
  });
  for (const block of [words, sliced, masks, nu, r, s]) scope.free(block);
}

/**
 * Role 1: v = a + Z_1 + b, d = nv + s1 + s2, y_2 = rho, h = -(p + q) - 1 and
 * y_1 = ((h 2^B + v) >> shift) - rho - 2^(B-2-shift) + 1.
 */
function* joinWrap(job: Job, piece: Piece): Rounds<void> {
  const { party, site, streams, shift, z, a: y1, b: rho, halves } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { scope } = site;
  const { from, n } = piece;
  const fields = fieldWords(n, shift, kernels);
  const [s1, s2, p, q] = [0, 1, 2, 3].map(() => scope.alloc(fields)) as [Block, Block, Block, Block];
  const b = scope.alloc(n);
  forFields(n, shift, kernels, (at, count, field) => {
    const small = fieldWords(count, shift, kernels);
    draw(party, streams.lower, s1, small, field);
    draw(party, streams.upper, s2, small, field);
    draw(party, streams.upper, rho, count, from + at);
  });
  const [role0, role2] = [party.previous, party.next];
  yield {
    send: [],
    receive: [
      { peer: role0, block: y1, bytes: n * wordBytes, offset: from * wordBytes },
      { peer: role0, block: p, bytes: fields * wordBytes },
      { peer: role2, block: b, bytes: n * wordBytes },
      { peer: role2, block: q, bytes: fields * wordBytes },
    ],
  };
  const nv = scope.alloc(planeWords(Math.min(n, CHUNK), kernels));
  const correction = -aboveHalves(kernels, shift);
  forFields(n, shift, kernels, (at, count, field) => {
    const planes = planeWords(count, kernels);
    const [vAt, dAt, hAt] = [y1.ptr + (from + at) * wordBytes, s1.ptr + field * wordBytes, p.ptr + field * wordBytes];
    kernels.add(vAt, vAt, b.ptr + at * wordBytes, count);
    kernels.add(vAt, vAt, z.ptr + (from + at) * wordBytes, count);
    kernels.nonNegative(nv.ptr, vAt, count);
    if (halves) kernels.shr(halves.ptr + (from + at) * wordBytes, vAt, shift, count);
    kernels.addFields(dAt, dAt, 0, s2.ptr + field * wordBytes, nv.ptr, planes, shift);
    kernels.addFields(hAt, hAt, 0, q.ptr + field * wordBytes, 0, planes, shift);
    kernels.not(hAt, hAt, planes * shift);
    kernels.funnel(vAt, vAt, hAt, count, shift);
    kernels.sub(vAt, vAt, rho.ptr + (from + at) * wordBytes, count);
    kernels.addScalar(vAt, vAt, correction, count);
  });
  yield {
    send: [
      { peer: role0, block: y1, bytes: n * wordBytes, offset: from * wordBytes },
      { peer: role0, block: s1, bytes: fields * wordBytes },
      { peer: role2, block: s1, bytes: fields * wordBytes },
    ],
    receive: [],
  };
  for (const block of [s1, s2, p, q, b, nv]) scope.free(block);
}
