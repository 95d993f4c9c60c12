/**
 * Which rows a batch consists of: a permutation keyed by the parties' coin, one for each epoch. Not the driver's choice;
 * the driver names a position and the parties know the rows.
 *
 * The key depends on the stride (the batch size) too, so that batches of 64 and of 63 rows at one position are
 * unrelated instead of differing in one row. Datasets with equally many rows share an order, so that images meet their
 * labels. The draws of one permutation are without replacement: the rows of a batch are distinct.
 */
import { NameError, PolicyError } from "../errors.js";
import type { RowRequest } from "../ops/op.js";
import { deriveKey, Prg, type Stream } from "../random/index.js";
import { Ledger } from "./ledger.js";
import type { Stores } from "./stores.js";

/** Several datasets of one plan and a neighbouring epoch; 16 MB at a million rows each. */
const CACHED = 4;
const DRAWS = 4096;

/** Refuses a batch that is not one of the consecutive pieces of an epoch: those are disjoint, others could differ in one row. */
export function checkBatch(request: RowRequest, rows: number): void {
  const { dataset, batch, stride, position, epoch } = request;
  const where = `batch of ${dataset}`;
  if (!Number.isSafeInteger(epoch) || epoch < 0)
    throw new PolicyError(`${where}: expected an epoch >= 0, got ${epoch}`);
  if (!Number.isSafeInteger(stride) || stride < 1)
    throw new PolicyError(`${where}: expected a stride of at least 1, got ${stride}`);
  if (!Number.isSafeInteger(position) || position < 0 || position >= rows || position % stride !== 0)
    throw new PolicyError(
      `${where}: expected a position below ${rows} that is a multiple of the batch size ${stride}, got ${position}; try data.batches()`,
    );
  const expected = Math.min(stride, rows - position);
  if (batch !== expected)
    throw new PolicyError(
      `${where}: expected ${expected} rows at position ${position} of ${rows}, got ${batch}; try data.batches()`,
    );
}

/** Row orders of one coin. */
export class RowOrder {
  readonly #coin: Uint8Array;
  readonly #cache = new Map<string, Uint32Array>();

  /** `coin`: 16 bytes that all parties contributed to. */
  constructor(coin: Uint8Array) {
    this.#coin = coin;
  }

  /** The row numbers of a batch, the same at all parties. A view: do not write. */
  rows(request: RowRequest, rows: number): Uint32Array {
    checkBatch(request, rows);
    const { position, batch } = request;
    if (!request.shuffle) return Uint32Array.from({ length: batch }, (_, i) => position + i);
    const name = `${rows}/${request.stride}/${request.epoch}`;
    let order = this.#cache.get(name);
    if (order) this.#cache.delete(name);
    else order = this.#permutation(rows, request.stride, request.epoch);
    this.#cache.set(name, order);
    if (this.#cache.size > CACHED) this.#cache.delete(this.#cache.keys().next().value!);
    return order.subarray(position, position + batch);
  }

  #permutation(rows: number, stride: number, epoch: number): Uint32Array {
    if (rows > 2 ** 31) throw new NameError(`row order: expected at most 2^31 rows, got ${rows}`);
    const key = deriveKey([this.#coin], `row order ${rows} ${stride}`);
    return permutation(new Prg(key).stream({ run: epoch, node: 0, chunk: 0 }), rows);
  }
}

/** The row orders of a party in this process, for a twin; undefined before its first session. */
export function storedOrder({ ledger }: Pick<Stores, "ledger">): RowOrder | undefined {
  const { coin } = new Ledger(ledger);
  return coin && new RowOrder(coin);
}

/** Fisher and Yates' shuffle (Durstenfeld 1964) of 0 … n-1. */
export function permutation(stream: Pick<Stream, "fill">, n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const draw = uniform(stream);
  for (let i = n - 1; i > 0; i--) {
    const j = draw(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}

/** Uniform numbers below `bound`, which must not exceed 2^31: 32-bit words, rejected above the largest multiple of the bound. */
function uniform(stream: Pick<Stream, "fill">): (bound: number) => number {
  const bytes = new Uint8Array(4 * DRAWS);
  // The byte order is fixed, so that parties on different machines agree.
  const view = new DataView(bytes.buffer);
  let at = bytes.length;
  return (bound) => {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      if (at === bytes.length) {
        stream.fill(bytes);
        at = 0;
      }
      const word = view.getUint32(at, true);
      at += 4;
      if (word < limit) return word % bound;
    }
  };
}
