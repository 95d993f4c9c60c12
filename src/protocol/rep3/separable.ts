/**
 * Sums of products of what role 0 knows with what roles 1 and 2 know: functions with an addition theorem, of the addends
 * s = x_0 + x_1 and c = x_2, and bits with weights, of beta = b_0 ^ b_1 and b_2. Not products of shares, see multiply.ts.
 *
 * Role 0 shares its words (g_0 = F(k_0) known to roles 2 and 0, g_1 = g - g_0 sent to role 1), roles 1 and 2 both know the other
 * factors, and nothing else is sent: the product of two such sharings is one of Araki et al. 2016 in which most terms vanish.
 * Exponentials of shares as products of both sides': Kelkar, Le, Raykova and Seth 2022 (https://eprint.iacr.org/2021/208); sums of
 * waves, with a dealer: Boura et al. 2017 (https://eprint.iacr.org/2017/1234).
 *
 * Masked by F(k_0) against role 1, which lacks k_0. 1 round; role 0 sends a word for each element and g_k, or bit.
 */
import type { Block } from "../../ring/index.js";
import { checkWeights } from "../checks.js";
import { CHUNK, planeWords } from "../planes.js";
import type { Bits, Product, Separable, Share, Site } from "../protocol.js";
import { parallel, type Rounds } from "../rounds.js";
import {
  asProduct,
  draw,
  openBits,
  openShare,
  openStreams,
  type Party,
  type Piece,
  pieces,
  roleOf,
  type Streams,
  Summand,
} from "./share.js";

interface Sides {
  /** Rows of words that role 0 shares. */
  readonly terms: number;
  readonly outputs: number;
  /** Role 0's rows for the elements first … first + count - 1. */
  left(dst: number, first: number, count: number): void;
  /** Roles 1 and 2: adds to the result what this role's part of those rows, at `g`, makes; it may use the rows up. */
  right(result: Block, first: number, count: number, g: number, role: 1 | 2): void;
}

export function separable(party: Party, site: Site, x: Share, f: Separable): Rounds<Product> {
  const { wordBytes } = party.kernels;
  const { n, a, b } = openShare(x);
  const sum = site.scope.alloc(Math.min(n, CHUNK));
  return meet(party, site, n, sum, {
    terms: f.terms,
    outputs: f.outputs,
    left(dst, first, count) {
      party.kernels.add(sum.ptr, a.ptr + first * wordBytes, b.ptr + first * wordBytes, count);
      f.left(dst, sum.ptr, count);
    },
    right(result, first, count, g, role) {
      const c = role === 1 ? b : a;
      f.right(result.ptr + first * wordBytes, n, c.ptr + first * wordBytes, g, count);
    },
  });
}

/** bit = b_2 + (1 - 2 b_2) beta; role 2 adds the b_2. */
export function weigh(party: Party, site: Site, x: Bits, weights: readonly (readonly bigint[])[]): Rounds<Product> {
  const { kernels } = party;
  const { wordBytes } = kernels;
  const { n, width, a, b } = openBits(x);
  checkWeights(weights, width);
  const place = (plane: number, first: number) => plane * planeWords(n, kernels) * wordBytes + first / 8;
  const room = site.scope.alloc(Math.min(n, CHUNK));
  return meet(party, site, n, room, {
    terms: width,
    outputs: weights.length,
    left(dst, first, count) {
      for (let plane = 0; plane < width; plane++) {
        const at = place(plane, first);
        kernels.xor(room.ptr, a.ptr + at, b.ptr + at, planeWords(count, kernels));
        kernels.unslice(dst + plane * count * wordBytes, room.ptr, count, 1);
      }
    },
    right(result, first, count, g, role) {
      for (let plane = 0; plane < width; plane++) {
        const t = g + plane * count * wordBytes;
        kernels.unslice(room.ptr, (role === 1 ? b : a).ptr + place(plane, first), count, 1);
        kernels.neg(room.ptr, room.ptr, count);
        kernels.xor(t, t, room.ptr, count);
        // -(-b_2) of (1 - 2 b_2) beta, and the b_2 that role 2 adds.
        kernels.sub(t, t, room.ptr, count);
        if (role === 2) kernels.sub(t, t, room.ptr, count);
        for (const [row, list] of weights.entries())
          if (list[plane] !== 0n)
            kernels.mulScalarAdd(result.ptr + (row * n + first) * wordBytes, t, list[plane]!, count);
      }
    },
  });
}

/** `room` is freed with the rounds over. */
function* meet(party: Party, site: Site, n: number, room: Block, sides: Sides): Rounds<Product> {
  const streams = openStreams(party, site);
  const result = site.scope.alloc(sides.outputs * n);
  party.kernels.fill(result.ptr, 0n, sides.outputs * n);
  yield* parallel(
    pieces(n, site.pivot).map((piece) =>
      [shareLeft, meetRight, drawRight][roleOf(party.self, piece.pivot)]!(party, site, streams, piece, result, sides),
    ),
  );
  site.scope.free(room);
  return asProduct(new Summand(sides.outputs * n, result));
}

/** Walks over the piece in chunks; rows of one chunk lie together, from word `at` on. */
function forChunks({ from, n }: Piece, terms: number, step: (at: number, first: number, count: number) => void): void {
  for (let at = 0; at < n; at += CHUNK) step(at * terms, from + at, Math.min(CHUNK, n - at));
}

/** Role 0. */
function* shareLeft(
  party: Party,
  site: Site,
  streams: Streams,
  piece: Piece,
  _result: Block,
  { terms, left }: Sides,
): Rounds<void> {
  const { kernels } = party;
  const { wordBytes } = kernels;
  const g = site.scope.alloc(terms * piece.n);
  const mask = site.scope.alloc(terms * Math.min(piece.n, CHUNK));
  forChunks(piece, terms, (at, first, count) => {
    left(g.ptr + at * wordBytes, first, count);
    draw(party, streams.lower, mask, terms * count);
    kernels.sub(g.ptr + at * wordBytes, g.ptr + at * wordBytes, mask.ptr, terms * count);
  });
  site.scope.free(mask);
  yield { send: [{ peer: piece.pivot, block: g, bytes: terms * piece.n * wordBytes }], receive: [] };
  site.scope.free(g);
}

/** Role 1. */
function* meetRight(
  party: Party,
  site: Site,
  _streams: Streams,
  piece: Piece,
  result: Block,
  { terms, right }: Sides,
): Rounds<void> {
  const { wordBytes } = party.kernels;
  const g = site.scope.alloc(terms * piece.n);
  yield { send: [], receive: [{ peer: party.previous, block: g, bytes: terms * piece.n * wordBytes }] };
  forChunks(piece, terms, (at, first, count) => right(result, first, count, g.ptr + at * wordBytes, 1));
  site.scope.free(g);
}

/** Role 2, which can do its part at once. */
function* drawRight(
  party: Party,
  site: Site,
  streams: Streams,
  piece: Piece,
  result: Block,
  { terms, right }: Sides,
): Rounds<void> {
  const g = site.scope.alloc(terms * Math.min(piece.n, CHUNK));
  forChunks(piece, terms, (_, first, count) => {
    draw(party, streams.upper, g, terms * count);
    right(result, first, count, g.ptr, 2);
  });
  site.scope.free(g);
  yield { send: [], receive: [] };
}
