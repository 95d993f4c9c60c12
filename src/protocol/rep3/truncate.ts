/**
 * Truncation of a product in two rounds, exactly unbiased and without the huge error of local truncation. Not the
 * truncation of ABY3: docs/decisions/0004-truncation.md, a rearrangement of the wrap-bit truncation with a known sign of
 * MP-SPDZ and SPU.
 *
 * Z = Z_0 + Z_1 + Z_2 are the summands. Write X = Z + 2^62 - 1 = u + v - w 2^64 with u uniform and known to roles 0 and
 * 2, v to role 1. As 0 <= X < 2^63, the wrap is w = msb(u) or msb(v) = mu + mv - mu mv, and only w mod 2^shift matters,
 * because it is multiplied by 2^(64-shift). So fields of `shift` bits carry it, bit-sliced into `shift` planes of each
 * chunk (slicing is twice as fast as packing one field after the other, and as tight but for the last 63 elements).
 *
 * The shifted halves give floor(X / 2^shift) + 1 if the low bits of u are at most those of X, which has the probability
 * (X mod 2^shift + 1) / 2^shift: that is why X is one less than Z + 2^62. A multiple of 2^shift comes out exactly.
 *
 * What a party sees is uniform: role 1 gets a and b under u and m, p and q under ra and rb, all from k_0 which it lacks;
 * role 0 gets y_1 under rho and d under s2 (from k_2); role 2 gets d under s1 (from k_1).
 *
 * 2 rounds; role 0 sends n + F words, role 1 n + 2F, role 2 n + F, where F = shift ceil(n / 64).
 */
import { BoundError } from "../../errors.js";
import type { Block } from "../../ring/index.js";
import type { Product, Share, Site } from "../protocol.js";
import { parallel, type Rounds } from "../rounds.js";
import {
  asShare,
  CHUNK,
  draw,
  openProduct,
  openStreams,
  type Party,
  type Piece,
  pieces,
  planeWords,
  Replicated,
  roleOf,
  type Streams,
} from "./share.js";

/** Words that n fields of `bits` bits take. */
export const fieldWords = (n: number, bits: number): number => bits * planeWords(n);

export function* truncate(party: Party, site: Site, x: Product, shift: number): Rounds<Share> {
  if (!Number.isInteger(shift) || shift < 1 || shift > 61)
    throw new BoundError(`truncate: expected a shift of 1 to 61 bits, got ${shift}; try another scale`);
  const { n, words } = openProduct(x);
  const streams = openStreams(party, site);
  const [a, b] = [site.scope.alloc(n), site.scope.alloc(n)];
  const job = { party, site, streams, shift, z: words, a, b };
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
  readonly z: Block;
  readonly a: Block;
  readonly b: Block;
}

/**
 * Roles 0 and 2, which know u. Role 0 sends a = Z_0 + m, p = mu s1 - ra; role 2 sends b = Z_2 + 2^62 - 1 - u - m,
 * q = mu s2 - rb. Both end with y_0 = (u >> shift) - ((mu (1 - d) + ra + rb) << (64 - shift)).
 */
function* maskHalf(job: Job, piece: Piece, role: 0 | 2): Rounds<void> {
  const { party, site, streams, shift, z } = job;
  const { kernels } = party;
  const { scope } = site;
  const { from, n } = piece;
  const fields = fieldWords(n, shift);
  // k_0 is role 0's lower key and role 2's upper one; the other key gives s1 or s2 and, at role 2, rho = y_2.
  const [common, own] = role === 0 ? [streams.lower, streams.upper] : [streams.upper, streams.lower];
  const [y0, other] = role === 0 ? [job.a, job.b] : [job.b, job.a];
  const [u, words, sliced] = [scope.alloc(n), scope.alloc(n), scope.alloc(fields)];
  const most = Math.min(n, CHUNK);
  const [t, r, s] = [scope.alloc(most), scope.alloc(most), scope.alloc(most)];
  const [ra, rb, own1] = [0, 1, 2].map(() => scope.alloc(fieldWords(most, shift))) as [Block, Block, Block];

  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    const small = fieldWords(count, shift);
    const [uAt, wordsAt, zAt] = [u.ptr + at * 8, words.ptr + at * 8, z.ptr + (from + at) * 8];
    const y0At = y0.ptr + (from + at) * 8;
    draw(party, common, u, count, at);
    draw(party, common, words, count, at);
    draw(party, common, ra, small);
    draw(party, common, rb, small);
    draw(party, own, own1, small);
    if (role === 0) kernels.add(wordsAt, wordsAt, zAt, count);
    else {
      draw(party, own, other, count, from + at);
      kernels.add(wordsAt, wordsAt, uAt, count);
      kernels.sub(wordsAt, zAt, wordsAt, count);
      kernels.addScalar(wordsAt, wordsAt, (1n << 62n) - 1n, count);
    }
    // r = the own one of ra and rb; s = mu * s1 or s2, by the mask -mu.
    kernels.unslice(r.ptr, role === 0 ? ra.ptr : rb.ptr, count, shift);
    kernels.unslice(s.ptr, own1.ptr, count, shift);
    kernels.sar(t.ptr, uAt, 63, count);
    kernels.and(s.ptr, s.ptr, t.ptr, count);
    kernels.sub(s.ptr, s.ptr, r.ptr, count);
    kernels.slice(sliced.ptr + ((at * shift) / 64) * 8, s.ptr, count, shift);
    // y0 without the term mu d, which waits for d.
    kernels.unslice(s.ptr, role === 0 ? rb.ptr : ra.ptr, count, shift);
    kernels.add(r.ptr, r.ptr, s.ptr, count);
    kernels.sub(r.ptr, r.ptr, t.ptr, count);
    kernels.shl(r.ptr, r.ptr, 64 - shift, count);
    kernels.shr(y0At, uAt, shift, count);
    kernels.sub(y0At, y0At, r.ptr, count);
  }
  const pivot = piece.pivot;
  yield {
    send: [
      { peer: pivot, block: words, bytes: n * 8 },
      { peer: pivot, block: sliced, bytes: fields * 8 },
    ],
    receive: [],
  };
  const fromPivot = { peer: pivot, block: sliced, bytes: fields * 8 };
  yield {
    send: [],
    receive: role === 0 ? [{ peer: pivot, block: other, bytes: n * 8, offset: from * 8 }, fromPivot] : [fromPivot],
  };
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    const y0At = y0.ptr + (from + at) * 8;
    kernels.unslice(s.ptr, sliced.ptr + ((at * shift) / 64) * 8, count, shift);
    kernels.shl(s.ptr, s.ptr, 64 - shift, count);
    kernels.sar(t.ptr, u.ptr + at * 8, 63, count);
    kernels.and(s.ptr, s.ptr, t.ptr, count);
    kernels.add(y0At, y0At, s.ptr, count);
  }
  for (const block of [u, words, sliced, t, r, s, ra, rb, own1]) scope.free(block);
}

/**
 * Role 1: v = a + Z_1 + b, d = mv + s1 + s2, y_2 = rho and
 * y_1 = (v >> shift) - rho - ((mv + p + q) << (64 - shift)) - 2^(62-shift) + 1.
 */
function* joinWrap(job: Job, piece: Piece): Rounds<void> {
  const { party, site, streams, shift, z, a: y1, b: rho } = job;
  const { kernels } = party;
  const { scope } = site;
  const { from, n } = piece;
  const fields = fieldWords(n, shift);
  const [s1, s2, p, q] = [0, 1, 2, 3].map(() => scope.alloc(fields)) as [Block, Block, Block, Block];
  const [v, b] = [scope.alloc(n), scope.alloc(n)];
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    const small = fieldWords(count, shift);
    draw(party, streams.lower, s1, small, (at * shift) / 64);
    draw(party, streams.upper, s2, small, (at * shift) / 64);
    draw(party, streams.upper, rho, count, from + at);
  }
  const [role0, role2] = [party.previous, party.next];
  yield {
    send: [],
    receive: [
      { peer: role0, block: v, bytes: n * 8 },
      { peer: role0, block: p, bytes: fields * 8 },
      { peer: role2, block: b, bytes: n * 8 },
      { peer: role2, block: q, bytes: fields * 8 },
    ],
  };
  const most = Math.min(n, CHUNK);
  const [mv, t, e] = [scope.alloc(most), scope.alloc(most), scope.alloc(most)];
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    const [vAt, y1At, rhoAt] = [v.ptr + at * 8, y1.ptr + (from + at) * 8, rho.ptr + (from + at) * 8];
    const slicedAt = ((at * shift) / 64) * 8;
    kernels.add(vAt, vAt, b.ptr + at * 8, count);
    kernels.add(vAt, vAt, z.ptr + (from + at) * 8, count);
    kernels.shr(mv.ptr, vAt, 63, count);
    // e = mv + p + q, before d overwrites the fields of p
    kernels.unslice(e.ptr, p.ptr + slicedAt, count, shift);
    kernels.unslice(t.ptr, q.ptr + slicedAt, count, shift);
    kernels.add(e.ptr, e.ptr, t.ptr, count);
    kernels.add(e.ptr, e.ptr, mv.ptr, count);
    kernels.shl(e.ptr, e.ptr, 64 - shift, count);
    kernels.add(e.ptr, e.ptr, rhoAt, count);
    kernels.unslice(t.ptr, s1.ptr + slicedAt, count, shift);
    kernels.add(mv.ptr, mv.ptr, t.ptr, count);
    kernels.unslice(t.ptr, s2.ptr + slicedAt, count, shift);
    kernels.add(mv.ptr, mv.ptr, t.ptr, count);
    kernels.slice(p.ptr + slicedAt, mv.ptr, count, shift);
    kernels.shr(y1At, vAt, shift, count);
    kernels.sub(y1At, y1At, e.ptr, count);
    kernels.addScalar(y1At, y1At, 1n - (1n << BigInt(62 - shift)), count);
  }
  yield {
    send: [
      { peer: role0, block: y1, bytes: n * 8, offset: from * 8 },
      { peer: role0, block: p, bytes: fields * 8 },
      { peer: role2, block: p, bytes: fields * 8 },
    ],
    receive: [],
  };
  for (const block of [s1, s2, p, q, v, b, mv, t, e]) scope.free(block);
}
