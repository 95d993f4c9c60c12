// The fixed map of linear memory below the arena: scratch areas of the kernels. Not an allocator.
// No kernel keeps anything here between calls, and none is re-entered, so the areas may be shared.

/** Blocking of matmul: K, rows of A and columns of B that are packed at a time. */
export const KC: usize = 256;
export const MC: usize = 64;
export const NC: usize = 512;

/**
 * Where the map begins: 0, and in the module of a second thread the first one's heapBase. A constant of each compilation
 * (scripts/build-kernels.mjs), because addresses that are only known at run time make products up to 3 % slower.
 */
// @ts-ignore: given to the compiler
const base: usize = BASE;

/** Page 0 begins unused, so that pointer 0 never is a valid block. */
export const odometer: usize = base + 1024; // 32 axes of 4 i32, see strided.ts
export const tile: usize = odometer + 512; // 2 x 4 words: a product tile that overhangs C
export const rows: usize = tile + 512; // 32 v128: half of the bits of 128 elements, see planes.ts
export const lines: usize = rows + 512; // 64 x 64 bytes: a cache line of every bit plane
export const edge: usize = lines + 4096; // 128 words: the last, incomplete pair of bit blocks
export const sumsA: usize = edge + 1024; // MC words
export const sumsB: usize = sumsA + (MC << 3); // NC words
export const panelA: usize = sumsB + (NC << 3); // MC x KC words
export const panelB: usize = panelA + ((MC * KC) << 3); // KC x NC words

/** First byte of the arena: a whole number of pages. */
export const heapBase: usize = (panelB + ((KC * NC) << 3) + 0xffff) & ~0xffff;
