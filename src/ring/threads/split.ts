/**
 * Kernels of which a helper computes a part: large matrix products are cut into pieces, along rows, along columns, or along the
 * steps of their sums. All other kernels run on one thread, as ever. Not the helper itself.
 */
import type { KernelSets, Kernels } from "../kernels/kernels.js";
import { createSharedKernels, moduleOf } from "../kernels/wasm.js";
import { RESULT_BYTES } from "./control.js";
import { Helper, type HelperOptions, MOST_PIECES } from "./helper.js";
import { helperBase64 } from "./helper-bytes.gen.js";

export interface SplitKernels {
  readonly kernels: KernelSets;
  readonly helper: Helper;
}

/** Products of fewer multiply-adds, of 64 and of 32 bits, are done before a helper is awake (docs/decisions/0022-second-thread.md). */
const WORTH_IT = { 8: 1_000_000, 4: 4_000_000 } as const;
/** Blocks of the kernels: pieces are whole ones where that is possible, so that nothing is packed twice. */
const STEPS = 256;
const COLUMNS = { 8: 512, 4: 1024 } as const;
const ROWS = 128;
/** So many pieces, or more: the one that finishes first waits for the other no longer than one of them takes. */
const PIECES = 4;
/** With fewer rows than these in a piece, packing the right factor in each of them takes too much of the gain. */
const FEW_ROWS = 16;
const FEW_COLUMNS = 64;
/** Rows, steps and columns of matmulIndexed, and which of its arguments are tables along them. */
type Axis = 0 | 1 | 2;
const MOVED = [
  [1, 4],
  [5, 7],
  [2, 8],
] as const;
/** Entries of the tables of where an indexed result lies: rows, then columns. */
const TABLE = 8192;

/** Kernels over a shared memory, with a thread that helps as long as it lives. Throws where these are not to be had. */
export function createSplitKernels(options?: HelperOptions): SplitKernels {
  const kernels = createSharedKernels();
  const { memory, heapBase } = kernels;
  // Behind the first thread's scratch areas lie the helper's, then tables, then its two results, then the arena.
  const tables = 2 * heapBase;
  const results = tables + 2 * 4 * TABLE;
  const arena = results + 2 * RESULT_BYTES;
  const missing = Math.ceil((arena + 65536 - memory.buffer.byteLength) / 65536);
  if (missing > 0) memory.grow(missing);
  const names = ["matmul", "matmulIndexed", "matmul32", "matmulIndexed32"];
  const helper = new Helper({ module: moduleOf(helperBase64), memory, kernels: names, results }, options);
  const split = (set: Kernels, first: number): Kernels => ({
    ...set,
    ...products(set, helper, first, tables),
    heapBase: arena,
  });
  return { kernels: { ...kernels, ...split(kernels, 0), narrow: split(kernels.narrow, 2) }, helper };
}

const roundUp = (n: number, to: number) => Math.ceil(n / to) * to;

/** How much of `total` a piece has: a PIECES-th in whole blocks, or at least a half of it, but in any case no more than `most`. */
function pieceOf(total: number, block: number, most: number): number {
  const blocks = roundUp(total / PIECES, block);
  const fair = blocks < total ? blocks : roundUp(total / 2, 4);
  return fair <= most ? fair : most >= block ? most - (most % block) : most - (most % 4);
}

type Products = Pick<Kernels, "matmul" | "matmulIndexed">;

/** `first`: the number by which the helper knows the kernel `matmul` of these; that of `matmulIndexed` is the next. */
function products(kernels: Kernels, helper: Helper, first: number, tables: number): Products {
  const { memory, wordBytes } = kernels;
  const worthIt = WORTH_IT[wordBytes];
  const words = RESULT_BYTES / wordBytes;
  const pieces = (total: number, size: number) => (size > 0 ? Math.ceil(total / size) : 0);
  const enough = (count: number) => count >= 2 && count <= MOST_PIECES;

  const matmul: Products["matmul"] = (c, a, b, m, k, n, accumulate) => {
    const size = m * k * n < worthIt || !helper.alive ? 0 : pieceOf(m, ROWS, Math.floor(words / n));
    if (size < FEW_ROWS || !enough(pieces(m, size))) {
      kernels.matmul(c, a, b, m, k, n, accumulate);
      return;
    }
    const [rowsC, rowsA] = [size * n * wordBytes, size * k * wordBytes];
    helper.run({
      ...{ kernel: first, given: [0, a, b, size, k, n, 0], steps: { 1: rowsA }, sized: 3, total: m },
      compute: (piece, rows) => kernels.matmul(c + piece * rowsC, a + piece * rowsA, b, rows, k, n, accumulate),
      merge(piece, rows, from) {
        const to = c + piece * rowsC;
        if (accumulate) kernels.add(to, to, from, rows * n);
        else kernels.copy(to, from, rows * n);
      },
    });
  };

  /** The helper's results are dense: row i begins i * columns words behind the first. */
  const dense = (rows: number, columns: number) => {
    const table = new Uint32Array(memory.buffer, tables, 2 * TABLE);
    for (let i = 0; i < rows; i++) table[i] = i * columns * wordBytes;
    for (let j = 0; j < columns; j++) table[TABLE + j] = j * wordBytes;
    return [tables, tables + 4 * TABLE] as const;
  };

  /** Along which axis an indexed product is cut, and how much of it a piece has. */
  const cutOf = (m: number, k: number, n: number): { readonly axis: Axis; readonly size: number } | undefined => {
    if (m * k * n < worthIt || !helper.alive) return undefined;
    if (n >= 2 * COLUMNS[wordBytes] && m <= TABLE) {
      const size = pieceOf(n, COLUMNS[wordBytes], Math.min(TABLE, Math.floor(words / m)));
      if (size >= FEW_COLUMNS && enough(pieces(n, size))) return { axis: 2, size };
    }
    if (k >= 2 * STEPS && Math.max(m, n) <= TABLE && m * n <= words) {
      const size = pieceOf(k, STEPS, k);
      if (enough(pieces(k, size))) return { axis: 1, size };
    }
    const size = n <= TABLE ? pieceOf(m, ROWS, Math.min(TABLE, Math.floor(words / n))) : 0;
    return size >= FEW_ROWS && enough(pieces(m, size)) ? { axis: 0, size } : undefined;
  };

  const matmulIndexed: Products["matmulIndexed"] = (...given) => {
    const [c, rowsC, columnsC, , , , , , , m, k, n, accumulate] = given;
    const cut = cutOf(m, k, n);
    if (!cut) {
      kernels.matmulIndexed(...given);
      return;
    }
    const { axis, size } = cut;
    const sizes = [m, k, n];
    sizes[axis] = size;
    const [denseRows, denseColumns] = dense(sizes[0]!, sizes[2]!);
    const on = 4 * size;
    helper.run({
      kernel: first + 1,
      given: [0, denseRows, denseColumns, ...given.slice(3, 9), ...sizes, 0],
      steps: Object.fromEntries(MOVED[axis].filter((table) => table > 2).map((table) => [table, on])),
      sized: 9 + axis,
      total: [m, k, n][axis]!,
      compute(piece, length) {
        const list: typeof given = [...given];
        for (const table of MOVED[axis]) list[table]! += piece * on;
        list[9 + axis] = length;
        // A sum begins with piece 0, which is always computed first.
        if (axis === 1 && piece > 0) list[12] = 1;
        kernels.matmulIndexed(...list);
      },
      merge(piece, length, from) {
        const rows = axis === 0 ? length : m;
        const columns = axis === 2 ? length : n;
        const [atRows, atColumns] = [rowsC + (axis === 0 ? piece * on : 0), columnsC + (axis === 2 ? piece * on : 0)];
        kernels.putIndexed(
          c,
          atRows,
          atColumns,
          from,
          sizes[2]! * wordBytes,
          rows,
          columns,
          axis === 1 ? 1 : accumulate,
        );
      },
    });
  };

  return { matmul, matmulIndexed };
}
