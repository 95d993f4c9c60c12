/** What an outsider's sharing or a party's own storage keeps as bytes, brought into the party's memory. Not the storage. */
import { StorageError } from "../errors.js";
import { type Expander, expander } from "../random/index.js";
import type { Block, Ring, Scope } from "../ring/index.js";

/** How the words of a seed are read; a reader stays one. */
export const reader = (seed: Uint8Array | Expander): Expander => (typeof seed === "function" ? seed : expander(seed));

/** The words of `rows`, in order, `rowWords` each, as `read` gives those of the whole dataset. */
export function readRows(ring: Ring, scope: Scope, rows: Uint32Array, rowWords: number, read: Expander): Block {
  const block = scope.alloc(rows.length * rowWords);
  // Consecutive rows are read at once.
  for (let from = 0; from < rows.length; ) {
    let to = from + 1;
    while (to < rows.length && rows[to] === rows[to - 1]! + 1) to++;
    read(rows[from]! * rowWords, ring.bytes(block, from * rowWords * 8, (to - from) * rowWords * 8));
    from = to;
  }
  return block;
}

/** Throws StorageError unless the bytes are whole words. */
export function loadWords(ring: Ring, scope: Scope, saved: Uint8Array): Block {
  if (saved.length % 8 !== 0)
    throw new StorageError(`load: expected a multiple of 8 bytes, got ${saved.length}; try an older version`);
  const words = scope.alloc(saved.length / 8);
  ring.bytes(words).set(saved);
  return words;
}
