/**
 * How words come into rep3 and leave it, and how an outsider shares and adds up. Not the transport, and not the decision
 * whether something may leave (that is the plan's reveal).
 */
import { StorageError } from "../../errors.js";
import type { Block, Scope } from "../../ring/index.js";
import { checkInput } from "../checks.js";
import type { Share, Site, StoredShare } from "../protocol.js";
import type { Rounds } from "../rounds.js";
import { sharingOf } from "../sharing.js";
import { replicated } from "../split.js";
import { loadWords, reader, readRows, reduced } from "../stored.js";
import { asShare, draw, openShare, openStreams, type Party, Replicated } from "./share.js";

/**
 * 1 round; the owner i sends n words to the next party: x_i = F(k_i), which the previous party draws too,
 * x_{i+1} = x - x_i, x_{i+2} = 0.
 */
export function* input(party: Party, site: Site, owner: number, words: Block | undefined, n: number): Rounds<Share> {
  const { kernels } = party;
  const { wordBytes } = kernels;
  const streams = openStreams(party, site);
  const [a, b] = [site.scope.alloc(n), site.scope.alloc(n)];
  if (party.self === owner) {
    checkInput(words, n);
    draw(party, streams.lower, a, n);
    kernels.sub(b.ptr, words.ptr, a.ptr, n);
    yield { send: [{ peer: party.next, block: b, bytes: n * wordBytes }], receive: [] };
  } else if (party.previous === owner) {
    kernels.fill(b.ptr, 0n, n);
    yield { send: [], receive: [{ peer: owner, block: a, bytes: n * wordBytes }] };
  } else {
    kernels.fill(a.ptr, 0n, n);
    draw(party, streams.upper, b, n);
    yield { send: [], receive: [] };
  }
  return asShare(new Replicated(n, a, b));
}

/**
 * 1 round, n words from each party: x_i goes to the next party, which lacks it. Not re-randomised: what arrives is the
 * value minus what the receiver holds, so it tells nothing beyond the value.
 */
export function* reveal(party: Party, site: Site, x: Share): Rounds<Block> {
  const { wordBytes } = party.kernels;
  site.nonce();
  const { n, a, b } = openShare(x);
  const words = site.scope.alloc(n);
  yield {
    send: [{ peer: party.next, block: a, bytes: n * wordBytes }],
    receive: [{ peer: party.previous, block: words, bytes: n * wordBytes }],
  };
  sumUp(party, words, a, b, n);
  return words;
}

/** 1 round; the party before `to` sends the missing n words. As with reveal, they tell nothing beyond the value. */
export function* revealTo(party: Party, site: Site, x: Share, to: number): Rounds<Block | undefined> {
  const { wordBytes } = party.kernels;
  site.nonce();
  const { n, a, b } = openShare(x);
  if (party.self === to) {
    const words = site.scope.alloc(n);
    yield { send: [], receive: [{ peer: party.previous, block: words, bytes: n * wordBytes }] };
    sumUp(party, words, a, b, n);
    return words;
  }
  yield { send: party.next === to ? [{ peer: to, block: a, bytes: n * wordBytes }] : [], receive: [] };
  return undefined;
}

function sumUp({ kernels }: Party, words: Block, a: Block, b: Block, n: number): void {
  kernels.add(words.ptr, words.ptr, a.ptr, n);
  kernels.add(words.ptr, words.ptr, b.ptr, n);
}

/** Local: x_i + F(k_i) - F(k_{i+1}). The three parts add up to x and are otherwise uniform. */
export function outgoing(party: Party, site: Site, x: Share): Block {
  const { kernels } = party;
  const { n, a } = openShare(x);
  const streams = openStreams(party, site);
  const [part, mask] = [site.scope.alloc(n), site.scope.alloc(n)];
  draw(party, streams.lower, part, n);
  draw(party, streams.upper, mask, n);
  kernels.sub(part.ptr, part.ptr, mask.ptr, n);
  kernels.add(part.ptr, part.ptr, a.ptr, n);
  site.scope.free(mask);
  return part;
}

/**
 * Local: x_0 and x_1 are expanded from seeds, x_2 is stored. Party 0 keeps the seeds of x_0 and x_1, party 1 that of x_1
 * and x_2, party 2 x_2 and the seed of x_0.
 */
export function incoming(party: Party, site: Site, stored: StoredShare, rowWords: number, rows: Uint32Array): Share {
  site.nonce();
  const { self, ring } = party;
  const { seeds, correction } = stored;
  const kept = self === 0 ? undefined : correction;
  if (seeds.length !== (self === 0 ? 2 : 1) || (self !== 0 && kept === undefined))
    throw new StorageError(`incoming: expected ${seedsText(self)}, got ${seeds.length} seeds; try sharing it again`);
  const [first, second] = seeds.map(reader);
  const sources = self === 0 ? [first!, second!] : self === 1 ? [first!, kept!] : [kept!, first!];
  const [a, b] = sources.map((read) => readRows(ring, site.scope, rows, rowWords, read));
  return asShare(new Replicated(rows.length * rowWords, a!, b!));
}
const seedsText = (self: number) => (self === 0 ? "two seeds" : "one seed and the correction");

/** x_i, then x_{i+1}. */
export function save(party: Party, x: Share): Uint8Array {
  const { wordBytes } = party.kernels;
  const { n, a, b } = openShare(x);
  const bytes = new Uint8Array(2 * n * wordBytes);
  bytes.set(party.ring.bytes(a, 0, n * wordBytes));
  bytes.set(party.ring.bytes(b, 0, n * wordBytes), n * wordBytes);
  return bytes;
}

export function load(party: Party, scope: Scope, saved: Uint8Array): Share {
  const { wordBytes } = party.kernels;
  if (saved.length % (2 * wordBytes) !== 0)
    throw new StorageError(
      `load: expected a multiple of ${2 * wordBytes} bytes, got ${saved.length}; try an older version`,
    );
  const half = saved.length / 2;
  const [a, b] = [saved.subarray(0, half), saved.subarray(half)].map((part) => loadWords(party.ring, scope, part));
  return asShare(new Replicated(half / wordBytes, a!, b!));
}

export function reduce(party: Party, scope: Scope, wide: Share): Share {
  const { n, a, b } = openShare(wide);
  return asShare(new Replicated(n, reduced(party.ring, scope, a), reduced(party.ring, scope, b)));
}

/** The outsider's side: two seeds, of x_0 and x_1, and the correction x_2 = x - x_0 - x_1. */
export const sharing = sharingOf(replicated);
