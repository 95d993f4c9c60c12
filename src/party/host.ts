/** What the operators of one run see of this party: scalars, inputs, datasets, variables. Decides nothing; policy.ts did. */
import { rowWords } from "../data/share-meta.js";
import { NameError } from "../errors.js";
import type { EvalHost, RowRequest, StoredRows } from "../ops/index.js";
import type { Protocol, Share } from "../protocol/index.js";
import type { Prg, StreamId } from "../random/index.js";
import type { Block, Ring, Scope } from "../ring/index.js";
import type { RunInput } from "./inputs.js";
import type { RowOrder } from "./rows.js";
import type { DatasetStore } from "./stores.js";
import type { VariableMeta } from "./variable-meta.js";
import type { Draft, Variables } from "./variables.js";

/** This party's part of a revealed value. Worth nothing until the run is acknowledged by all. */
export interface Part {
  readonly label: string;
  readonly recipient: string;
  readonly bytes: Uint8Array;
}

export interface RunHostOptions {
  readonly ring: Ring;
  /** The end that evaluates the run. */
  readonly protocol: Protocol;
  readonly scope: Scope;
  readonly scalars: ReadonlyMap<string, number>;
  readonly inputs: ReadonlyMap<string, RunInput>;
  readonly datasets: DatasetStore;
  readonly order: RowOrder;
  /** Under the coin that all members of the session have in common. */
  readonly coins: Prg;
  readonly variables: Variables;
  readonly draft: Draft;
  /** What the assigned variables will be, by name; all parties computed the same. */
  readonly metas: ReadonlyMap<string, VariableMeta>;
}

export class RunHost implements EvalHost {
  readonly parts: Part[] = [];
  readonly #options: RunHostOptions;

  constructor(options: RunHostOptions) {
    this.#options = options;
  }

  scalar(slot: string): bigint {
    return BigInt(known("scalar", slot, this.#options.scalars));
  }

  coin(nonce: StreamId): (target: Uint8Array) => void {
    const stream = this.#options.coins.stream(nonce);
    return (target) => stream.fill(target);
  }

  input(slot: string, words: number): StoredRows {
    const { stored } = known("input", slot, this.#options.inputs);
    return { rowWords: words, rows: 1, stored };
  }

  dataset(name: string): StoredRows {
    const { meta, stored } = this.#options.datasets.get(name);
    return { rowWords: rowWords(meta), rows: meta.rows, stored };
  }

  rows(request: RowRequest): Uint32Array {
    const { datasets, order } = this.#options;
    return order.rows(request, datasets.get(request.dataset).meta.rows);
  }

  variable(name: string): Share {
    const { variables, ring, protocol } = this.#options;
    return ring.wordBytes === 8 ? variables.read(name) : variables.readReduced(name, protocol);
  }

  assign(name: string, share: Share): void {
    const { draft, scope, metas } = this.#options;
    draft.assign(name, share, scope, known("assigned variable", name, metas));
  }

  reveal(label: string, recipient: string, part: Block): void {
    this.parts.push({ label, recipient, bytes: this.#options.ring.bytes(part).slice() });
  }
}

function known<T>(what: string, name: string, map: ReadonlyMap<string, T>): T {
  const value = map.get(name);
  if (value === undefined) throw new NameError(`run: expected ${what} ${name} to be given, got none`);
  return value;
}
