/**
 * Tables for the indexed matrix product: where the rows and columns of three matrices lie in arrays of words. Not the products
 * that use it: convolution and einsum.
 */
import type { Block, WordBytes } from "../ring/index.js";
import type { EvalContext } from "./op.js";

/** The words from an array's beginning to a row's, and from there to a column's. */
export interface Matrix {
  readonly row: (i: number) => number;
  readonly column: (j: number) => number;
}

/** c [rows, columns] = or += a [rows, steps] b [steps, columns]. */
export class Indexed {
  /** Bytes, as u32. Made when they are first needed: a stranger's plan is typed before anybody trusts it. */
  #tables: readonly Uint32Array<ArrayBuffer>[] | undefined;
  /** Of the words that the tables are for. */
  #wordBytes: WordBytes | undefined;

  constructor(
    readonly rows: number,
    readonly steps: number,
    readonly columns: number,
    private readonly c: Matrix,
    private readonly a: Matrix,
    private readonly b: Matrix,
  ) {}

  /** Words of the tables in memory, where words have 64 bits. */
  get words(): number {
    return this.rows + this.steps + this.columns;
  }

  /** Gives `use` the product for arrays at three addresses: of all columns, or of the first ones only. */
  load(
    { ring, site }: EvalContext,
    accumulate: boolean,
    use: (multiply: (c: number, a: number, b: number, columns?: number) => void) => void,
  ): void {
    const { rows, steps, columns, a, b, c } = this;
    const { wordBytes } = ring;
    const bytes = (n: number, at: (i: number) => number) =>
      Uint32Array.from({ length: n }, (_, i) => wordBytes * at(i));
    if (this.#wordBytes !== wordBytes) this.#tables = undefined;
    this.#wordBytes = wordBytes;
    this.#tables ??= [
      ...[bytes(rows, c.row), bytes(columns, c.column)],
      ...[bytes(rows, a.row), bytes(steps, a.column)],
      ...[bytes(steps, b.row), bytes(columns, b.column)],
    ];
    const block: Block = site.scope.alloc((this.words * 8) / wordBytes);
    const target = ring.u32(block);
    let at = 0;
    const [rowsC, columnsC, rowsA, columnsA, rowsB, columnsB] = this.#tables.map((table) => {
      target.set(table, at);
      at += table.length;
      return block.ptr + (at - table.length) * 4;
    }) as [number, number, number, number, number, number];
    const { matmulIndexed } = ring.kernels;
    const more = accumulate ? 1 : 0;
    use((atC, atA, atB, n = columns) =>
      matmulIndexed(atC, rowsC, columnsC, atA, rowsA, columnsA, atB, rowsB, columnsB, rows, steps, n, more),
    );
    site.scope.free(block);
  }
}
