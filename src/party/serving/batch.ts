/** Queries of several clients as one request to run a plan: their parts one after the other. Not which queries those are, see queries.ts. */
import { type Expander, expander } from "../../random/index.js";
import type { Core } from "../core.js";
import { type RunInput, SEED_BYTES, seedsAt } from "../inputs.js";
import type { Request } from "../requests.js";
import { canonical, sha256 } from "../schemas.js";
import { type Deployment, INPUT_SLOT } from "./deployment.js";

/** One client's part of an input, as it came. */
export interface Part {
  readonly seeds: readonly Uint8Array[];
  readonly correction: Uint8Array | undefined;
}

/** Cuts what a client sent, whose length was checked. */
export function cutPart({ definition, self }: Core, bytes: Uint8Array): Part {
  const count = seedsAt(definition, self);
  const seeds = Array.from({ length: count }, (_, i) => bytes.subarray(i * SEED_BYTES, (i + 1) * SEED_BYTES));
  return {
    seeds,
    correction: definition.sharing.keepsCorrection[self] ? bytes.subarray(count * SEED_BYTES) : undefined,
  };
}

export interface BatchOrder {
  /** Of the request. */
  readonly id: string;
  readonly deployment: Deployment;
  /** Rows of the plan; those without a query are zeros. */
  readonly rows: number;
  readonly queries: readonly string[];
  readonly clients: readonly string[];
}

/** `parts`: of each query; none at a dealer. */
export function batchRequest(core: Core, order: BatchOrder, parts: readonly Part[]): Request {
  const { id, deployment, rows, queries, clients } = order;
  const { version, owner, plans } = deployment;
  const plan = plans.get(rows)!;
  const args = sha256(canonical({ kind: "serve", version, rows, queries, clients }));
  const input = plan.inputs[0]!;
  const inputs = new Map([[INPUT_SLOT, stacked(core, input.words, input.words / rows, parts)]]);
  const inputBytes = parts.length * 8 * (input.words / rows);
  return {
    ...{ id, caller: owner, kind: "plan", args, plan, scalars: new Map(), inputs, inputBytes, names: [] },
    ...{ checkpoint: false, tag: () => args, asked: { deployment, clients } },
  };
}

function stacked({ definition, self }: Core, words: number, rowWords: number, parts: readonly Part[]): RunInput {
  const seeds = Array.from({ length: seedsAt(definition, self) }, (_, i) =>
    stack(
      rowWords,
      parts.map((part) => expander(part.seeds[i]!)),
    ),
  );
  const keeps = definition.sharing.keepsCorrection[self];
  const correction = stack(
    rowWords,
    parts.map(({ correction }) => (offset: number, target: Uint8Array) => {
      target.set(correction!.subarray(offset * 8, offset * 8 + target.length));
    }),
  );
  return { words, stored: keeps ? { seeds, correction } : { seeds }, pieces: { seeds: [], correction: undefined } };
}

/** Reads row after row, then zeros: a sharing of zero that everybody knows. */
function stack(rowWords: number, rows: readonly Expander[]): Expander {
  return (offset, target) => {
    const end = offset + target.length / 8;
    for (let word = offset; word < end; ) {
      const row = Math.floor(word / rowWords);
      const to = Math.min((row + 1) * rowWords, end);
      const piece = target.subarray((word - offset) * 8, (to - offset) * 8);
      const read = rows[row];
      if (read) read(word - row * rowWords, piece);
      else piece.fill(0);
      word = to;
    }
  };
}
