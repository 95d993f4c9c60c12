/**
 * The two rounds with which every look at the bits of x = s + c begins, where s = x_0 + x_1 is known to role 0 and
 * c = x_2 to roles 1 and 2. What follows on shared planes is in compare.ts and convert.ts.
 *
 * Bits are taken in blocks of at most five. In a block with bits s_j and c_j, for a set S of positions let s_S be the
 * AND of its s_j, likewise c_S. The carry out of positions 0..i and the AND of all s_j ^ c_j expand, over Z_2, into
 *
 *   generate_i  = XOR over nonempty S within 0..i of  s_S & c_T,  T = {min S} and all of min S+1..i that are not in S,
 *   propagate_i = XOR over all S within 0..i      of  s_S & c_T,  T = 0..i without S.
 *
 * So role 0 shares all s_S (b_0 = F(k_0) known to roles 2 and 0, b_1 = s_S ^ b_0 sent to role 1), and each carry is an
 * inner product of shared bits with bits that roles 1 and 2 both know: one masked bit from each of them, however many
 * terms it has. A ripple or prefix adder would first AND bit by bit (research/protocols.md section 2.5: w + 88 bits and
 * 7 rounds a comparison at w = 32); blocks of four save two rounds and a third of the traffic. The expansion is ours;
 * sharing inputs that one party knows and inner products at the price of one are from Araki et al. 2016.
 *
 * Masked by: F(k_0) against role 1, which sees b_1 and role 2's half; F(k_1) against role 2, which sees role 1's half.
 * Round 1: role 0 sends one bit per S, role 2 one per carry. Round 2: role 1 sends one per carry.
 */
import type { Block } from "../../ring/index.js";
import type { Site } from "../protocol.js";
import { parallel, type Rounds } from "../rounds.js";
import {
  draw,
  type Party,
  type Piece,
  pieces,
  planeWords,
  type Replicated,
  type Role,
  roleOf,
  type Streams,
} from "./share.js";

/** One carry (or propagate) of a block: XOR over terms of b_S & c_T, T = 0 standing for no c at all. */
interface Gate {
  readonly plane: number;
  readonly terms: readonly { readonly s: number; readonly c: number }[];
  /** c_T that role 2 adds: the term of propagate with empty S. */
  readonly constant: number;
}
interface BitBlock {
  readonly from: number;
  readonly bits: number;
  /** s_S of this block is shared as plane base + S - 1; S is a bit mask. */
  readonly base: number;
  readonly gates: readonly Gate[];
}
/** What the two rounds compute: planes of gates first, then s_j ^ c_j for each of `singles`. */
export interface Adder {
  readonly width: number;
  readonly blocks: readonly BitBlock[];
  /** Planes that role 0 shares. */
  readonly monomials: number;
  readonly gates: number;
  readonly singles: readonly number[];
  /** Added to c first: -1 turns "s + c = 0" into "all s_j ^ c_j are 1". */
  readonly offset: bigint;
}

/** Cuts k bit positions evenly into a power of two of blocks of at most `most` bits. */
export function cutBits(k: number, most: number): { from: number; bits: number }[] {
  if (k === 0) return [];
  let count = 1;
  while (Math.ceil(k / count) > most) count *= 2;
  let from = 0;
  return Array.from({ length: count }, (_, index) => {
    const bits = Math.floor(k / count) + (index < k % count ? 1 : 0);
    from += bits;
    return { from: from - bits, bits };
  });
}

export function generate(plane: number, top: number): Gate {
  const all = 2 ** (top + 1) - 1;
  const terms = [];
  for (let s = 1; s <= all; s++) {
    const lowest = s & -s;
    terms.push({ s, c: lowest | (all & ~s & ~(lowest - 1)) });
  }
  return { plane, terms, constant: 0 };
}
export function propagate(plane: number, top: number): Gate {
  const all = 2 ** (top + 1) - 1;
  const terms = [];
  for (let s = 1; s <= all; s++) terms.push({ s, c: all & ~s });
  return { plane, terms, constant: all };
}

/** Lays an adder out: `gatesOf` lists the gates of each block. Positions that no block covers join as blocks of one. */
export function layOut(
  width: number,
  cut: readonly { from: number; bits: number }[],
  gatesOf: (block: number) => Gate[],
  singles: readonly number[],
  offset = 0n,
): Adder {
  let base = 0;
  const place = (block: { from: number; bits: number }, gates: Gate[]): BitBlock => {
    base += 2 ** block.bits - 1;
    return { ...block, gates, base: base - 2 ** block.bits + 1 };
  };
  const blocks = cut.map((block, index) => place(block, gatesOf(index)));
  const covered = (position: number) => cut.some(({ from, bits }) => position >= from && position < from + bits);
  for (const from of singles) if (!covered(from)) blocks.push(place({ from, bits: 1 }, []));
  const gates = blocks.reduce((sum, block) => sum + block.gates.length, 0);
  return { width, blocks, monomials: base, gates, singles, offset };
}

/** Shared planes, both components with the same layout. */
export interface PlanePair {
  readonly a: Block;
  readonly b: Block;
}
interface Job {
  readonly party: Party;
  readonly site: Site;
  readonly streams: Streams;
  readonly adder: Adder;
  readonly x: Replicated;
}

/** The planes of `adder` for x, gates.length + singles.length of them. 2 rounds, or 1 without gates. */
export function* addFirst(party: Party, site: Site, streams: Streams, adder: Adder, x: Replicated): Rounds<PlanePair> {
  const job = { party, site, streams, adder, x };
  const parts = pieces(x.n, site.pivot);
  const results = yield* parallel(
    parts.map((piece) => {
      const role = roleOf(party.self, piece.pivot);
      return role === 0 ? shareSum(job, piece) : role === 1 ? meetLast(job, piece) : meetFirst(job, piece);
    }),
  );
  if (results.length === 1) return results[0]!;
  const planes = adder.gates + adder.singles.length;
  const stride = planeWords(x.n);
  const join = (blocks: Block[]): Block => {
    const whole = site.scope.alloc(planes * stride);
    for (const [index, block] of blocks.entries()) {
      const words = planeWords(parts[index]!.n);
      const at = whole.ptr + (parts[index]!.from / 64) * 8;
      for (let p = 0; p < planes; p++) party.kernels.copy(at + p * stride * 8, block.ptr + p * words * 8, words);
      site.scope.free(block);
    }
    return whole;
  };
  return { a: join(results.map((pair) => pair.a)), b: join(results.map((pair) => pair.b)) };
}

/** Words of a plane that one pass over the cache handles. */
const STEP = 128;

/** Role 0: shares every s_S. */
function* shareSum(job: Job, piece: Piece): Rounds<PlanePair> {
  const { party, site, streams, adder, x } = job;
  const { kernels } = party;
  const words = planeWords(piece.n);
  const result = allocPlanes(job, words);
  const shared = site.scope.alloc(adder.monomials * words);
  draw(party, streams.lower, shared, adder.monomials * words);
  draw(party, streams.lower, result.a, adder.gates * words);
  draw(party, streams.upper, result.b, adder.gates * words);
  copySingles(job, result.a, shared, words);
  const sum = site.scope.alloc(Math.min(piece.n, STEP * 64));
  forSteps(job, piece, sum, (at, count) => {
    const first = (piece.from + at * 64) * 8;
    const elements = Math.min(count * 64, piece.n - at * 64);
    kernels.add(sum.ptr, x.a.ptr + first, x.b.ptr + first, elements);
    return (block, s) => {
      for (let set = 1; set < s.length; set++) {
        const target = shared.ptr + ((block.base + set - 1) * words + at) * 8;
        kernels.xor(target, target, s[set]!, count);
      }
    };
  });
  copySingles(job, result.b, shared, words);
  yield { send: [{ peer: piece.pivot, block: shared, bytes: adder.monomials * words * 8 }], receive: [] };
  site.scope.free(sum);
  site.scope.free(shared);
  if (adder.gates > 0) yield { send: [], receive: [] };
  return result;
}

/** Role 2, which draws its half of every s_S and so can compute its half of the carries at once. */
function* meetFirst(job: Job, piece: Piece): Rounds<PlanePair> {
  const { party, site, streams, adder, x } = job;
  const words = planeWords(piece.n);
  const bytes = adder.gates * words * 8;
  const result = allocPlanes(job, words);
  const shared = site.scope.alloc(adder.monomials * words);
  draw(party, streams.upper, shared, adder.monomials * words);
  draw(party, streams.upper, result.b, adder.gates * words);
  copySingles(job, result.b, shared, words);
  const half = site.scope.alloc(adder.gates * words);
  party.kernels.copy(half.ptr, result.b.ptr, adder.gates * words);
  meet(job, piece, x.a, shared, half, result.a, 2);
  site.scope.free(shared);
  if (adder.gates > 0) {
    yield { send: [{ peer: piece.pivot, block: half, bytes }], receive: [] };
    yield { send: [], receive: [{ peer: piece.pivot, block: result.a, bytes }] };
    party.kernels.xor(result.a.ptr, result.a.ptr, half.ptr, adder.gates * words);
  } else yield { send: [], receive: [] };
  site.scope.free(half);
  return result;
}

/** Role 1, which gets its half of every s_S from role 0. */
function* meetLast(job: Job, piece: Piece): Rounds<PlanePair> {
  const { party, site, streams, adder, x } = job;
  const words = planeWords(piece.n);
  const bytes = adder.gates * words * 8;
  const result = allocPlanes(job, words);
  const shared = site.scope.alloc(adder.monomials * words);
  draw(party, streams.lower, result.a, adder.gates * words);
  const [role0, role2] = [party.previous, party.next];
  const sharing = { peer: role0, block: shared, bytes: adder.monomials * words * 8 };
  yield { send: [], receive: adder.gates > 0 ? [sharing, { peer: role2, block: result.b, bytes }] : [sharing] };
  copySingles(job, result.a, shared, words);
  const half = site.scope.alloc(adder.gates * words);
  party.kernels.copy(half.ptr, result.a.ptr, adder.gates * words);
  meet(job, piece, x.b, shared, half, result.b, 1);
  site.scope.free(shared);
  if (adder.gates > 0) yield { send: [{ peer: role2, block: half, bytes }], receive: [] };
  party.kernels.xor(result.b.ptr, result.b.ptr, half.ptr, adder.gates * words);
  site.scope.free(half);
  return result;
}

/** half ^= this role's part of every gate; the planes c_j of `singles` go behind the gates of `own`. */
function meet(job: Job, piece: Piece, c: Block, shared: Block, half: Block, own: Block, role: Role): void {
  const { party, site, adder } = job;
  const { kernels } = party;
  const words = planeWords(piece.n);
  const moved = site.scope.alloc(Math.min(piece.n, STEP * 64));
  const term = site.scope.alloc(STEP);
  forSteps(job, piece, moved, (at, count, planes) => {
    const elements = Math.min(count * 64, piece.n - at * 64);
    kernels.addScalar(moved.ptr, c.ptr + (piece.from + at * 64) * 8, adder.offset, elements);
    let isFirst = true;
    return (block, cAt) => {
      if (isFirst) {
        isFirst = false;
        for (const [index, position] of adder.singles.entries()) {
          const target = own.ptr + ((adder.gates + index) * words + at) * 8;
          kernels.copy(target, planes + position * count * 8, count);
        }
      }
      for (const gate of block.gates) {
        const target = half.ptr + (gate.plane * words + at) * 8;
        for (const { s, c } of gate.terms) {
          const b = shared.ptr + ((block.base + s - 1) * words + at) * 8;
          if (c === 0) kernels.xor(target, target, b, count);
          else {
            kernels.and(term.ptr, b, cAt[c]!, count);
            kernels.xor(target, target, term.ptr, count);
          }
        }
        if (role === 2 && gate.constant > 0) kernels.xor(target, target, cAt[gate.constant]!, count);
      }
    };
  });
  site.scope.free(moved);
  site.scope.free(term);
}

/** Called with the pointers of the AND over every set of a block's planes, by bit mask. */
type BlockStep = (block: BitBlock, sets: readonly number[]) => void;

/**
 * Walks over a piece in steps that fit the cache: `prepare` fills `source` with the step's words, then its result is
 * called for each block. `at` and `count` are words of a plane.
 */
function forSteps(
  job: Job,
  piece: Piece,
  source: Block,
  prepare: (at: number, count: number, planes: number) => BlockStep,
): void {
  const { party, site, adder } = job;
  const { kernels } = party;
  const words = planeWords(piece.n);
  const most = Math.min(words, STEP);
  const largest = Math.max(...adder.blocks.map((block) => block.bits));
  const planes = site.scope.alloc(adder.width * most);
  const products = site.scope.alloc(2 ** largest * most);
  const sets: number[] = [0];
  for (let at = 0; at < words; at += STEP) {
    const count = Math.min(STEP, words - at);
    const step = prepare(at, count, planes.ptr);
    kernels.slice(planes.ptr, source.ptr, Math.min(count * 64, piece.n - at * 64), adder.width);
    for (const block of adder.blocks) {
      sets.length = 2 ** block.bits;
      for (let j = 0; j < block.bits; j++) sets[2 ** j] = planes.ptr + (block.from + j) * count * 8;
      for (let set = 3; set < sets.length; set++) {
        const lowest = set & -set;
        if (lowest === set) continue;
        const target = products.ptr + set * count * 8;
        kernels.and(target, sets[set ^ lowest]!, sets[lowest]!, count);
        sets[set] = target;
      }
      step(block, sets);
    }
  }
  site.scope.free(planes);
  site.scope.free(products);
}

function allocPlanes({ site, adder }: Job, words: number): PlanePair {
  const planes = adder.gates + adder.singles.length;
  return { a: site.scope.alloc(planes * words), b: site.scope.alloc(planes * words) };
}

/** The shared planes of single bits, from where role 0 shares them to behind the gates. */
function copySingles({ party, adder }: Job, to: Block, shared: Block, words: number): void {
  for (const [index, position] of adder.singles.entries()) {
    const block = adder.blocks.find(({ from, bits }) => position >= from && position < from + bits)!;
    const source = shared.ptr + (block.base + 2 ** (position - block.from) - 1) * words * 8;
    party.kernels.copy(to.ptr + (adder.gates + index) * words * 8, source, words);
  }
}
