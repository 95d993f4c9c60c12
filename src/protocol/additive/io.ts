/** In and out: inputs of parties and outsiders, reveals, storage. The dealer takes part with nothing, and learns nothing. */
import { BoundError, StorageError } from "../../errors.js";
import type { Stream } from "../../random/index.js";
import type { Block, Scope } from "../../ring/index.js";
import { checkInput } from "../checks.js";
import { CHUNK } from "../planes.js";
import type { Share, Sharing, Site, StoredShare } from "../protocol.js";
import type { Rounds, Transfer } from "../rounds.js";
import { sharingOf } from "../sharing.js";
import { additiveSplit } from "../split.js";
import { loadWords, reader, readRows, reduced } from "../stored.js";
import { Additive, asShare, openShare, type Party } from "./share.js";

/** 0 rounds: the others draw their parts from the key that they have in common with the owner. */
// biome-ignore lint/correctness/useYield: other protocols need rounds here
export function* input(party: Party, site: Site, owner: number, words: Block | undefined, n: number): Rounds<Share> {
  const { wordBytes } = party.kernels;
  const nonce = site.nonce();
  if (!Number.isInteger(owner) || owner < 0 || owner >= party.count)
    throw new BoundError(
      `input: expected an owner from 0 to ${party.count - 1}, got ${owner}; the dealer has no input`,
    );
  if (party.deals) return asShare(new Additive(n, undefined, site.scope));
  const block = site.scope.alloc(n);
  if (party.self !== owner) party.pairs[owner]!.stream(nonce).fill(party.ring.bytes(block, 0, n * wordBytes));
  else {
    checkInput(words, n);
    party.kernels.copy(block.ptr, words.ptr, n);
    for (const key of party.pairs) if (key) combine(party, site, key.stream(nonce), block, n, "sub");
  }
  return asShare(new Additive(n, block, site.scope));
}

/** 1 round, n words to each other party. The dealer gets zeros. */
export function* reveal(party: Party, site: Site, x: Share): Rounds<Block> {
  const { wordBytes } = party.kernels;
  const part = outgoing(party, site, x);
  const others = party.deals ? [] : peers(party).map((peer) => ({ peer, block: site.scope.alloc(part.words) }));
  yield {
    send: others.map(({ peer }): Transfer => ({ peer, block: part, bytes: part.words * wordBytes })),
    receive: others.map(({ peer, block }) => ({ peer, block, bytes: part.words * wordBytes })),
  };
  for (const { block } of others) {
    party.kernels.add(part.ptr, part.ptr, block.ptr, part.words);
    site.scope.free(block);
  }
  return part;
}

/** 1 round, n words from each other party to `to`. */
export function* revealTo(party: Party, site: Site, x: Share, to: number): Rounds<Block | undefined> {
  const { wordBytes } = party.kernels;
  const part = outgoing(party, site, x);
  const bytes = part.words * wordBytes;
  const others = party.self === to && !party.deals ? peers(party) : [];
  const received = others.map((peer) => ({ peer, block: site.scope.alloc(part.words), bytes }));
  yield {
    send: party.deals || party.self === to || to >= party.count ? [] : [{ peer: to, block: part, bytes }],
    receive: received,
  };
  if (party.self !== to) {
    site.scope.free(part);
    return undefined;
  }
  for (const { block } of received) {
    party.kernels.add(part.ptr, part.ptr, block.ptr, part.words);
    site.scope.free(block);
  }
  return part;
}

/** x_i plus a sharing of zero: the sum over all other parties of F(k_ij), added at the lower index, taken off at the higher. */
export function outgoing(party: Party, site: Site, x: Share): Block {
  const nonce = site.nonce();
  const { n, words } = openShare(x);
  const part = site.scope.alloc(n);
  if (!words) {
    party.kernels.fill(part.ptr, 0n, n);
    return part;
  }
  party.kernels.copy(part.ptr, words.ptr, n);
  for (const [peer, key] of party.pairs.entries())
    if (key) combine(party, site, key.stream(nonce), part, n, party.self < peer ? "add" : "sub");
  return part;
}

/** Local: all parties but the last expand a seed, the last one reads the correction. The dealer has nothing. */
export function incoming(party: Party, site: Site, stored: StoredShare, rowWords: number, rows: Uint32Array): Share {
  site.nonce();
  const n = rows.length * rowWords;
  const { seeds, correction } = stored;
  const seeded = party.self < party.count - 1;
  if (seeds.length !== (seeded ? 1 : 0) || (!party.deals && !seeded && !correction))
    throw new StorageError(
      `incoming: expected ${seeded ? "one seed" : party.deals ? "nothing" : "the correction"}, got ${seeds.length} seeds; try sharing it again`,
    );
  if (party.deals) return asShare(new Additive(n, undefined, site.scope));
  const read = seeded ? reader(seeds[0]!) : correction!;
  return asShare(new Additive(n, readRows(party.ring, site.scope, rows, rowWords, read), site.scope));
}

/** x_i; at the dealer how many words there are. */
export function save(party: Party, x: Share): Uint8Array {
  const { wordBytes } = party.kernels;
  const { n, words } = openShare(x);
  if (words) return party.ring.bytes(words, 0, n * wordBytes).slice();
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(n), true);
  return bytes;
}

export function load(party: Party, scope: Scope, saved: Uint8Array): Share {
  if (party.deals) {
    if (saved.length !== 8)
      throw new StorageError(`load: expected 8 bytes at the dealer, got ${saved.length}; try an older version`);
    const n = Number(new DataView(saved.buffer, saved.byteOffset, 8).getBigUint64(0, true));
    return asShare(new Additive(n, undefined, scope));
  }
  const words = loadWords(party.ring, scope, saved);
  return asShare(new Additive(words.words, words, scope));
}

export function reduce(party: Party, scope: Scope, wide: Share): Share {
  const { n, words } = openShare(wide);
  return asShare(new Additive(n, words && reduced(party.ring, scope, words), scope));
}

/** The outsider's side: seeds of all parts but the last, and the correction x - x_0 - … for the last one. */
export const sharing = (count: number): Sharing => sharingOf(additiveSplit(count));

const peers = ({ count, self }: Party): number[] =>
  Array.from({ length: count }, (_, peer) => peer).filter((peer) => peer !== self);

function combine(party: Party, site: Site, stream: Stream, block: Block, n: number, how: "add" | "sub"): void {
  const { wordBytes } = party.kernels;
  const mask = site.scope.alloc(Math.min(n, CHUNK));
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    stream.fill(party.ring.bytes(mask, 0, count * wordBytes));
    party.kernels[how](block.ptr + at * wordBytes, block.ptr + at * wordBytes, mask.ptr, count);
  }
  site.scope.free(mask);
}
