/**
 * Bits to words: fromBits and select, which multiply a shared bit into a word (bit injection). Not the other direction,
 * see convert.ts.
 *
 * In the setting of ABY3 (Mohassel and Rindal 2018,
 * https://eprint.iacr.org/2018/403, section 5.4): b = beta ^ b_2 where beta = b_0 ^ b_1 is known to role 0 and b_2 to
 * roles 1 and 2, so b = b_2 + k beta with k = 1 - 2 b_2. Every message is masked by words of a key that its receiver
 * lacks: mu, r1 and y_0 (from k_0) against role 1, y_2 (from k_2) against role 0.
 */
import type { Block, Kernels } from "../../ring/index.js";
import { checkSame } from "../checks.js";
import { CHUNK, planeWords } from "../planes.js";
import type { Bits, Share, Site } from "../protocol.js";
import { parallel, type Rounds } from "../rounds.js";
import {
  asShare,
  draw,
  openBits,
  openShare,
  openStreams,
  type Party,
  type Piece,
  type Planes,
  pieces,
  Replicated,
  roleOf,
  type Streams,
} from "./share.js";

interface Job {
  readonly party: Party;
  readonly site: Site;
  readonly streams: Streams;
  readonly bits: Planes;
  readonly a: Block;
  readonly b: Block;
}

/** 2 rounds; role 0 and role 2 send n words each to role 1, role 1 n words to role 0: 3 words an element in total. */
export function* fromBits(party: Party, site: Site, x: Bits): Rounds<Share> {
  const bits = openBits(x);
  checkSame("fromBits (planes)", bits.width, 1);
  const job = begin(party, site, bits, bits.n);
  yield* parallel(
    pieces(bits.n, site.pivot).map((piece) =>
      [injectFirst, injectLast, injectMiddle][roleOf(party.self, piece.pivot)]!(job, piece),
    ),
  );
  return asShare(new Replicated(bits.n, job.a, job.b));
}

function begin(party: Party, site: Site, bits: Planes, n: number): Job {
  const streams = openStreams(party, site);
  return { party, site, streams, bits, a: site.scope.alloc(n), b: site.scope.alloc(n) };
}

/** Calls `step` for each part of the piece that fits the cache; `first` counts from the tensor's start, `at` from the piece's. */
function forChunks(piece: Piece, step: (at: number, first: number, count: number) => void): void {
  for (let at = 0; at < piece.n; at += CHUNK) step(at, piece.from + at, Math.min(CHUNK, piece.n - at));
}

/** t = (1 - 2 b) t by the mask -b. */
function applySign(kernels: Kernels, t: number, mask: number, count: number): void {
  kernels.xor(t, t, mask, count);
  kernels.sub(t, t, mask, count);
}

/** Words -b_2 of a plane. */
function maskWords(job: Job, target: Block, plane: Block, first: number, count: number): void {
  const { kernels } = job.party;
  kernels.unslice(target.ptr, plane.ptr + first / 8, count, 1);
  kernels.neg(target.ptr, target.ptr, count);
}

/** Words beta = b_0 ^ b_1 at role 0. */
function betaWords(job: Job, target: Block, plane: Block, first: number, count: number): void {
  const { kernels } = job.party;
  const at = first / 8;
  kernels.xor(plane.ptr, job.bits.a.ptr + at, job.bits.b.ptr + at, planeWords(count, kernels));
  kernels.unslice(target.ptr, plane.ptr, count, 1);
}

/** Role 0: m_1 = beta - mu goes to role 1; y_0 is drawn, y_1 comes back. */
function* injectFirst(job: Job, piece: Piece): Rounds<void> {
  const { party, site, streams, a: y0, b: y1 } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const m1 = site.scope.alloc(piece.n);
  const most = Math.min(piece.n, CHUNK);
  const [beta, plane] = [site.scope.alloc(most), site.scope.alloc(planeWords(most, kernels))];
  forChunks(piece, (at, first, count) => {
    draw(party, streams.lower, m1, count, at);
    draw(party, streams.lower, y0, count, first);
    betaWords(job, beta, plane, first, count);
    kernels.sub(m1.ptr + at * wordBytes, beta.ptr, m1.ptr + at * wordBytes, count);
  });
  yield { send: [{ peer: piece.pivot, block: m1, bytes: piece.n * wordBytes }], receive: [] };
  yield {
    send: [],
    receive: [{ peer: piece.pivot, block: y1, bytes: piece.n * wordBytes, offset: piece.from * wordBytes }],
  };
  for (const block of [m1, beta, plane]) site.scope.free(block);
}

/** Role 2: m_4 = b_2 + k mu - y_0 goes to role 1; y_0 and y_2 are drawn. */
function* injectMiddle(job: Job, piece: Piece): Rounds<void> {
  const { party, site, streams, bits, a: y2, b: y0 } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const m4 = site.scope.alloc(piece.n);
  const mask = site.scope.alloc(Math.min(piece.n, CHUNK));
  forChunks(piece, (at, first, count) => {
    const t = m4.ptr + at * wordBytes;
    draw(party, streams.upper, m4, count, at);
    draw(party, streams.upper, y0, count, first);
    draw(party, streams.lower, y2, count, first);
    maskWords(job, mask, bits.a, first, count);
    applySign(kernels, t, mask.ptr, count);
    kernels.sub(t, t, mask.ptr, count);
    kernels.sub(t, t, y0.ptr + first * wordBytes, count);
  });
  yield { send: [{ peer: piece.pivot, block: m4, bytes: piece.n * wordBytes }], receive: [] };
  yield { send: [], receive: [] };
  for (const block of [m4, mask]) site.scope.free(block);
}

/** Role 1: y_1 = k m_1 + m_4 - y_2. */
function* injectLast(job: Job, piece: Piece): Rounds<void> {
  const { party, site, streams, bits, a: y1, b: y2 } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { from, n } = piece;
  const m4 = site.scope.alloc(n);
  forChunks(piece, (_, first, count) => draw(party, streams.upper, y2, count, first));
  yield {
    send: [],
    receive: [
      { peer: party.previous, block: y1, bytes: n * wordBytes, offset: from * wordBytes },
      { peer: party.next, block: m4, bytes: n * wordBytes },
    ],
  };
  const mask = site.scope.alloc(Math.min(n, CHUNK));
  forChunks(piece, (at, first, count) => {
    const t = y1.ptr + first * wordBytes;
    maskWords(job, mask, bits.b, first, count);
    applySign(kernels, t, mask.ptr, count);
    kernels.add(t, t, m4.ptr + at * wordBytes, count);
    kernels.sub(t, t, y2.ptr + first * wordBytes, count);
  });
  yield { send: [{ peer: party.previous, block: y1, bytes: n * wordBytes, offset: from * wordBytes }], receive: [] };
  for (const block of [m4, mask]) site.scope.free(block);
}

interface SelectJob extends Job {
  readonly x: Replicated;
}

/** 2 rounds; role 0 sends 2n words to role 1, role 2 n words to role 1, role 1 n words to role 0: 4 words an element. */
export function* select(party: Party, site: Site, b: Bits, x: Share): Rounds<Share> {
  const [bits, open] = [openBits(b), openShare(x)];
  checkSame("select (planes)", bits.width, 1);
  checkSame("select", bits.n, open.n);
  const job = { ...begin(party, site, bits, open.n), x: open };
  yield* parallel(
    pieces(open.n, site.pivot).map((piece) =>
      [selectFirst, selectLast, selectMiddle][roleOf(party.self, piece.pivot)]!(job, piece),
    ),
  );
  return asShare(new Replicated(open.n, job.a, job.b));
}

/** Role 0: m_1 = beta - mu and m_3 = beta (x_0 + x_1) - r1 go to role 1; y_0 is drawn, y_1 comes back. */
function* selectFirst(job: SelectJob, piece: Piece): Rounds<void> {
  const { party, site, streams, x, a: y0, b: y1 } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { from, n } = piece;
  const [m1, m3] = [site.scope.alloc(n), site.scope.alloc(n)];
  const most = Math.min(n, CHUNK);
  const [beta, sum, plane] = [
    site.scope.alloc(most),
    site.scope.alloc(most),
    site.scope.alloc(planeWords(most, kernels)),
  ];
  forChunks(piece, (at, first, count) => {
    const [m1At, m3At] = [m1.ptr + at * wordBytes, m3.ptr + at * wordBytes];
    draw(party, streams.lower, m1, count, at);
    draw(party, streams.lower, m3, count, at);
    draw(party, streams.lower, y0, count, first);
    betaWords(job, beta, plane, first, count);
    kernels.sub(m1At, beta.ptr, m1At, count);
    kernels.neg(beta.ptr, beta.ptr, count);
    kernels.add(sum.ptr, x.a.ptr + first * wordBytes, x.b.ptr + first * wordBytes, count);
    kernels.and(sum.ptr, sum.ptr, beta.ptr, count);
    kernels.sub(m3At, sum.ptr, m3At, count);
  });
  const to = piece.pivot;
  yield {
    send: [
      { peer: to, block: m1, bytes: n * wordBytes },
      { peer: to, block: m3, bytes: n * wordBytes },
    ],
    receive: [],
  };
  yield { send: [], receive: [{ peer: to, block: y1, bytes: n * wordBytes, offset: from * wordBytes }] };
  for (const block of [m1, m3, beta, sum, plane]) site.scope.free(block);
}

/** Role 2: m_4 = b_2 (x_0 + x_2) + k (r1 + x_2 mu) - y_0 goes to role 1; y_0 and y_2 are drawn. */
function* selectMiddle(job: SelectJob, piece: Piece): Rounds<void> {
  const { party, site, streams, bits, x, a: y2, b: y0 } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const m4 = site.scope.alloc(piece.n);
  const most = Math.min(piece.n, CHUNK);
  const [mask, mu] = [site.scope.alloc(most), site.scope.alloc(most)];
  forChunks(piece, (at, first, count) => {
    const [t, x2] = [m4.ptr + at * wordBytes, x.a.ptr + first * wordBytes];
    draw(party, streams.upper, mu, count);
    draw(party, streams.upper, m4, count, at);
    draw(party, streams.upper, y0, count, first);
    draw(party, streams.lower, y2, count, first);
    kernels.mulAdd(t, x2, mu.ptr, count);
    maskWords(job, mask, bits.a, first, count);
    applySign(kernels, t, mask.ptr, count);
    kernels.add(mu.ptr, x2, x.b.ptr + first * wordBytes, count);
    kernels.and(mu.ptr, mu.ptr, mask.ptr, count);
    kernels.add(t, t, mu.ptr, count);
    kernels.sub(t, t, y0.ptr + first * wordBytes, count);
  });
  yield { send: [{ peer: piece.pivot, block: m4, bytes: piece.n * wordBytes }], receive: [] };
  yield { send: [], receive: [] };
  for (const block of [m4, mask, mu]) site.scope.free(block);
}

/** Role 1: y_1 = b_2 x_1 + k (m_3 + x_2 m_1) + m_4 - y_2. */
function* selectLast(job: SelectJob, piece: Piece): Rounds<void> {
  const { party, site, streams, bits, x, a: y1, b: y2 } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { from, n } = piece;
  const [m1, m4] = [site.scope.alloc(n), site.scope.alloc(n)];
  forChunks(piece, (_, first, count) => draw(party, streams.upper, y2, count, first));
  yield {
    send: [],
    receive: [
      { peer: party.previous, block: m1, bytes: n * wordBytes },
      { peer: party.previous, block: y1, bytes: n * wordBytes, offset: from * wordBytes },
      { peer: party.next, block: m4, bytes: n * wordBytes },
    ],
  };
  const mask = site.scope.alloc(Math.min(n, CHUNK));
  forChunks(piece, (at, first, count) => {
    const [t, m1At] = [y1.ptr + first * wordBytes, m1.ptr + at * wordBytes];
    kernels.mulAdd(t, x.b.ptr + first * wordBytes, m1At, count);
    maskWords(job, mask, bits.b, first, count);
    applySign(kernels, t, mask.ptr, count);
    kernels.and(m1At, x.a.ptr + first * wordBytes, mask.ptr, count);
    kernels.add(t, t, m1At, count);
    kernels.add(t, t, m4.ptr + at * wordBytes, count);
    kernels.sub(t, t, y2.ptr + first * wordBytes, count);
  });
  yield { send: [{ peer: party.previous, block: y1, bytes: n * wordBytes, offset: from * wordBytes }], receive: [] };
  for (const block of [m1, m4, mask]) site.scope.free(block);
}
