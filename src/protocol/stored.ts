/** What an outsider's sharing or a party's own storage keeps as bytes, brought into the party's memory. Not the storage. */
import { StorageError } from "../errors.js";
import { type Expander, expander } from "../random/index.js";
import type { Block, Ring, Scope } from "../ring/index.js";

/** How the words of a seed are read; a reader stays one. */
export const reader = (seed: Uint8Array | Expander): Expander => (typeof seed === "function" ? seed : expander(seed));

/** Of a word as outsiders share it. */
const STORED_BYTES = 8;

/**
 * The words of `rows`, in order, `rowWords` each, as `read` gives those of the whole dataset. They are stored as words of Z_2^64; a
 * ring of smaller words takes them modulo its own size, which of any part of a sum of parts may be taken.
 */
export function readRows(ring: Ring, scope: Scope, rows: Uint32Array, rowWords: number, read: Expander): Block {
  const n = rows.length * rowWords;
  const block = scope.alloc(n * (STORED_BYTES / ring.wordBytes));
  // Consecutive rows are read at once.
  for (let from = 0; from < rows.length; ) {
    let to = from + 1;
    while (to < rows.length && rows[to] === rows[to - 1]! + 1) to++;
    const row = rowWords * STORED_BYTES;
    read(rows[from]! * rowWords, ring.bytes(block, from * row, (to - from) * row));
    from = to;
  }
  if (ring.wordBytes === STORED_BYTES) return block;
  const words = scope.alloc(n);
  ring.kernels.reduce(words.ptr, block.ptr, n);
  scope.free(block);
  return words;
}

/** A block of words of Z_2^64, taken modulo the ring's size. */
export function reduced(ring: Ring, scope: Scope, wide: Block): Block {
  const words = scope.alloc(wide.words);
  ring.kernels.reduce(words.ptr, wide.ptr, wide.words);
  return words;
}

/** Throws StorageError unless the bytes are whole words. */
export function loadWords(ring: Ring, scope: Scope, saved: Uint8Array): Block {
  const { wordBytes } = ring;
  if (saved.length % wordBytes !== 0)
    throw new StorageError(
      `load: expected a multiple of ${wordBytes} bytes, got ${saved.length}; try an older version`,
    );
  const words = scope.alloc(saved.length / wordBytes);
  ring.bytes(words).set(saved);
  return words;
}
