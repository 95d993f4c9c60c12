/**
 * The two rounds with which every look at the bits of x = s + c begins, where s (x_0 + x_1 of a share) is known to role 0 and
 * c (x_2) to roles 1 and 2. What they compute is laid out in ../adder/layout.ts; what follows on shared planes is in
 * compare.ts and convert.ts.
 *
 * In a block of bits, each carry is a sum of products s_S of bits of s, each times bits of c (../adder/carries.ts). So role 0
 * shares all s_S (b_0 = F(k_0) known to roles 2 and 0, b_1 = s_S ^ b_0 sent to role 1), and each carry is an inner product
 * of shared bits with bits that roles 1 and 2 both know: one masked bit from each of them, however many terms it has. A
 * ripple or prefix adder would first AND bit by bit (docs/decisions/0005-comparison.md: w + 88 bits and 7 rounds a
 * comparison at w = 32); blocks of four save two rounds and a third of the traffic. That an inner product costs what one
 * product costs is from Araki et al. 2016.
 *
 * Masked by: F(k_0) against role 1, which sees b_1 and role 2's half; F(k_1) against role 2, which sees role 1's half.
 * Round 1: role 0 sends one bit per S, role 2 one per carry. Round 2: role 1 sends one per carry.
 */
import { BoundError } from "../../errors.js";
import type { Block } from "../../ring/index.js";
import { addCarries, forBits, STEP } from "../adder/carries.js";
import { type Adder, planesOf } from "../adder/layout.js";
import { planeWords } from "../planes.js";
import type { Share, Site } from "../protocol.js";
import { parallel, type Rounds } from "../rounds.js";
import { draw, isHalves, openShare, type Party, type Piece, pieces, type Role, roleOf, type Streams } from "./share.js";

/** x = s + c in the low bits that are looked at: how the parties have the addends, by role in each piece. */
export interface Addends {
  readonly n: number;
  /** Whose number decides the roles. */
  readonly pivot: number;
  /** Words [first, first + count) of s, at role 0. */
  readonly s: (dst: number, first: number, count: number) => void;
  /** All words of c, at roles 1 and 2. */
  readonly c: (role: Role) => Block;
}
/** s = x_0 + x_1 and c = x_2; of a share between the rounds of its truncation s = v and c = u. */
export function addendsOf({ kernels }: Party, site: Site, x: Share, width: number): Addends {
  const { wordBytes } = kernels;
  if (isHalves(x)) {
    const { n, bits, pivot, words } = x;
    if (width > bits)
      throw new BoundError(`comparison: expected at most the ${bits} bits known, got ${width}; try a smaller shift`);
    const s = (dst: number, first: number, count: number) => kernels.copy(dst, words.ptr + first * wordBytes, count);
    // Who knows v was in role 1, and is in role 0 here.
    return { n, pivot: pivot + 1, s, c: () => words };
  }
  const { n, a, b } = openShare(x);
  const s = (dst: number, first: number, count: number) =>
    kernels.add(dst, a.ptr + first * wordBytes, b.ptr + first * wordBytes, count);
  return { n, pivot: site.pivot, s, c: (role) => (role === 2 ? a : b) };
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
  readonly x: Addends;
}

/** The planes of `adder` for x, gates.length + singles.length of them. 2 rounds, or 1 without gates. */
export function* addFirst(party: Party, site: Site, streams: Streams, adder: Adder, x: Addends): Rounds<PlanePair> {
  const { wordBytes } = party.kernels;
  const job = { party, site, streams, adder, x };
  const parts = pieces(x.n, x.pivot);
  const results = yield* parallel(
    parts.map((piece) => {
      const role = roleOf(party.self, piece.pivot);
      return role === 0 ? shareSum(job, piece) : role === 1 ? meetLast(job, piece) : meetFirst(job, piece);
    }),
  );
  if (results.length === 1) return results[0]!;
  const planes = planesOf(adder);
  const stride = planeWords(x.n, party.kernels);
  const join = (blocks: Block[]): Block => {
    const whole = site.scope.alloc(planes * stride);
    for (const [index, block] of blocks.entries()) {
      const words = planeWords(parts[index]!.n, party.kernels);
      const at = whole.ptr + parts[index]!.from / 8;
      for (let p = 0; p < planes; p++)
        party.kernels.copy(at + p * stride * wordBytes, block.ptr + p * words * wordBytes, words);
      site.scope.free(block);
    }
    return whole;
  };
  return { a: join(results.map((pair) => pair.a)), b: join(results.map((pair) => pair.b)) };
}

/** Role 0: shares every s_S. */
function* shareSum(job: Job, piece: Piece): Rounds<PlanePair> {
  const { party, site, streams, adder } = job;
  const { wordBytes } = party.kernels;
  const words = planeWords(piece.n, party.kernels);
  const result = allocPlanes(job, words);
  const shared = site.scope.alloc(adder.monomials * words);
  draw(party, streams.lower, shared, adder.monomials * words);
  draw(party, streams.lower, result.a, adder.gates * words);
  draw(party, streams.upper, result.b, adder.gates * words);
  copySingles(job, result.a, shared, words);
  addProducts(job, piece, shared);
  copySingles(job, result.b, shared, words);
  yield { send: [{ peer: piece.pivot, block: shared, bytes: adder.monomials * words * wordBytes }], receive: [] };
  site.scope.free(shared);
  if (adder.gates > 0) yield { send: [], receive: [] };
  return result;
}

/** Role 2, which draws its half of every s_S and so can compute its half of the carries at once. */
function* meetFirst(job: Job, piece: Piece): Rounds<PlanePair> {
  const { party, site, streams, adder, x } = job;
  const { wordBytes } = party.kernels;
  const words = planeWords(piece.n, party.kernels);
  const bytes = adder.gates * words * wordBytes;
  const result = allocPlanes(job, words);
  const shared = site.scope.alloc(adder.monomials * words);
  draw(party, streams.upper, shared, adder.monomials * words);
  draw(party, streams.upper, result.b, adder.gates * words);
  copySingles(job, result.b, shared, words);
  const half = site.scope.alloc(adder.gates * words);
  party.kernels.copy(half.ptr, result.b.ptr, adder.gates * words);
  meet(job, piece, x.c(2), shared, half, result.a, 2);
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
  const { wordBytes } = party.kernels;
  const words = planeWords(piece.n, party.kernels);
  const bytes = adder.gates * words * wordBytes;
  const result = allocPlanes(job, words);
  const shared = site.scope.alloc(adder.monomials * words);
  draw(party, streams.lower, result.a, adder.gates * words);
  const [role0, role2] = [party.previous, party.next];
  const sharing = { peer: role0, block: shared, bytes: adder.monomials * words * wordBytes };
  yield { send: [], receive: adder.gates > 0 ? [sharing, { peer: role2, block: result.b, bytes }] : [sharing] };
  copySingles(job, result.a, shared, words);
  const half = site.scope.alloc(adder.gates * words);
  party.kernels.copy(half.ptr, result.a.ptr, adder.gates * words);
  meet(job, piece, x.c(1), shared, half, result.b, 1);
  site.scope.free(shared);
  if (adder.gates > 0) yield { send: [{ peer: role2, block: half, bytes }], receive: [] };
  party.kernels.xor(result.b.ptr, result.b.ptr, half.ptr, adder.gates * words);
  site.scope.free(half);
  return result;
}

/** half ^= this role's part of every gate; the planes c_j of `singles` go behind the gates of `own`. Uses `shared` up. */
function meet(job: Job, piece: Piece, c: Block, shared: Block, half: Block, own: Block, role: Role): void {
  const { party, site, adder } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const words = planeWords(piece.n, kernels);
  const holder = { n: piece.n, c, from: piece.from, shared, gates: half, leads: role === 2 };
  addCarries(kernels, site.scope, adder, holder, (index, at, count, bit) =>
    kernels.copy(own.ptr + ((adder.gates + index) * words + at) * wordBytes, bit, count),
  );
}

/** shared ^= s_S for every set S of every block. */
function addProducts(job: Job, piece: Piece, shared: Block): void {
  const { party, site, adder, x } = job;
  const { kernels } = party;
  const { wordBytes } = kernels;
  const words = planeWords(piece.n, kernels);
  const products = site.scope.alloc(
    planeWords(Math.min(piece.n, STEP), kernels) * (1 << Math.max(...adder.blocks.map(({ bits }) => bits))),
  );
  const sets: number[] = [];
  const sharedPtr = shared.ptr;
  const write = (dst: number, first: number, count: number) => x.s(dst, piece.from + first, count);
  forBits(kernels, site.scope, piece.n, adder.width, write, (at, count, planes) => {
    for (const { base, from, bits } of adder.blocks)
      for (let set = 1; set < 1 << bits; set++) {
        const lowest = set & -set;
        if (set === lowest) sets[set] = planes + (from + 31 - Math.clz32(set)) * count * wordBytes;
        else {
          sets[set] = products.ptr + set * count * wordBytes;
          kernels.and(sets[set]!, sets[set ^ lowest]!, sets[lowest]!, count);
        }
        const target = sharedPtr + ((base + set - 1) * words + at) * wordBytes;
        kernels.xor(target, target, sets[set]!, count);
      }
  });
  site.scope.free(products);
}

function allocPlanes({ site, adder }: Job, words: number): PlanePair {
  return { a: site.scope.alloc(planesOf(adder) * words), b: site.scope.alloc(planesOf(adder) * words) };
}

/** The shared planes of single bits, from where role 0 shares them to behind the gates. */
function copySingles({ party, adder }: Job, to: Block, shared: Block, words: number): void {
  const { wordBytes } = party.kernels;
  for (const [index, { monomial }] of adder.singles.entries())
    party.kernels.copy(
      to.ptr + (adder.gates + index) * words * wordBytes,
      shared.ptr + monomial * words * wordBytes,
      words,
    );
}
