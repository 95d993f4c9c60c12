/**
 * The few facts that a party must not forget: which run numbers it may have used and the coin that orders rows. Not the
 * grants, which have a journal of their own.
 */
import * as v from "valibot";
import { runNumber } from "./schemas.js";
import type { Journal } from "./stores.js";

/** Run numbers are reserved in blocks, so that only every thousandth run writes to disk; a restart skips to the next block. */
const BLOCK = 1000;

export const ledgerRecord = v.variant("type", [
  v.strictObject({ type: v.literal("runs"), below: runNumber }),
  v.strictObject({ type: v.literal("coin"), coin: v.pipe(v.string(), v.base64(), v.length(24)) }),
]);
export type LedgerRecord = v.InferOutput<typeof ledgerRecord>;

export class Ledger {
  readonly #journal: Journal<LedgerRecord>;
  #reserved = 1;
  #nextRun: number;
  #coin: Uint8Array | undefined;

  constructor(journal: Journal<LedgerRecord>) {
    this.#journal = journal;
    for (const record of journal.records()) this.#apply(record);
    this.#nextRun = this.#reserved;
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

  #write(record: LedgerRecord): void {
    this.#journal.append(record);
    this.#apply(record);
  }

  #apply(record: LedgerRecord): void {
    if (record.type === "runs") this.#reserved = Math.max(this.#reserved, record.below);
    else this.#coin = new Uint8Array(Buffer.from(record.coin, "base64"));
  }
}
