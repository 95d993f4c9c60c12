/**
 * The few facts that a party must not forget: which run numbers and dealt segments it may have used, and the coin that orders
 * rows. Not the grants, which have a journal of their own.
 */
import * as v from "valibot";
import { idHex, natural, runNumber } from "./schemas.js";
import type { Journal } from "./stores.js";

/** Run numbers are reserved in blocks, so that only every thousandth run writes to disk; a restart skips to the next block. */
const BLOCK = 1000;
/** Records that are worth a rewrite at the start. */
const COMPACT_ABOVE = 1000;

export const ledgerRecord = v.variant("type", [
  v.strictObject({ type: v.literal("runs"), below: runNumber }),
  v.strictObject({ type: v.literal("coin"), coin: v.pipe(v.string(), v.base64(), v.length(24)) }),
  /** Of the correlations with this id, all segments below `next`. */
  v.strictObject({ type: v.literal("dealt"), file: idHex, next: natural }),
]);
export type LedgerRecord = v.InferOutput<typeof ledgerRecord>;

export class Ledger {
  readonly #journal: Journal<LedgerRecord>;
  #reserved = 1;
  #nextRun: number;
  #coin: Uint8Array | undefined;
  readonly #dealt = new Map<string, number>();

  constructor(journal: Journal<LedgerRecord>) {
    this.#journal = journal;
    for (const record of journal.records()) this.#apply(record);
    this.#nextRun = this.#reserved;
    if (journal.length > COMPACT_ABOVE) journal.rewrite(this.#records());
  }

  /** This party has surely never used this run number or a larger one. */
  get nextRun(): number {
    return this.#nextRun;
  }
  /** 16 bytes that all parties contributed to; undefined before the first session. */
  get coin(): Uint8Array | undefined {
    return this.#coin;
  }

  /** When it returns, it is durable that this run number is used. */
  use(run: number): void {
    this.skipTo(run + 1);
    if (run >= this.#reserved) this.#write({ type: "runs", below: run + BLOCK });
  }
  /** Peers may have used the numbers below. */
  skipTo(run: number): void {
    this.#nextRun = Math.max(this.#nextRun, run);
  }
  setCoin(coin: Uint8Array): void {
    this.#write({ type: "coin", coin: Buffer.from(coin).toString("base64") });
  }

  /** This party has surely never used this segment of the correlations with this id, or a later one. */
  dealtNext(file: string): number {
    return this.#dealt.get(file) ?? 0;
  }
  /** When it returns, it is durable that all segments below `next` are used. */
  useDealt(file: string, next: number): void {
    if (next > this.dealtNext(file)) this.#write({ type: "dealt", file, next });
  }

  #records(): LedgerRecord[] {
    const coin = this.#coin && Buffer.from(this.#coin).toString("base64");
    return [
      { type: "runs", below: this.#reserved },
      ...(coin ? [{ type: "coin" as const, coin }] : []),
      ...[...this.#dealt].map(([file, next]) => ({ type: "dealt" as const, file, next })),
    ];
  }

  #write(record: LedgerRecord): void {
    this.#journal.append(record);
    this.#apply(record);
  }

  #apply(record: LedgerRecord): void {
    if (record.type === "runs") this.#reserved = Math.max(this.#reserved, record.below);
    else if (record.type === "dealt") this.#dealt.set(record.file, Math.max(this.dealtNext(record.file), record.next));
    else this.#coin = new Uint8Array(Buffer.from(record.coin, "base64"));
  }
}
