/**
 * The few facts that a party must not forget, in one journal: which run numbers it may have used, the coin that orders
 * rows, which datasets are published. Not the grants, which have a journal of their own.
 */
import * as v from "valibot";
import { StorageError } from "../errors.js";
import { datasetName, idHex, runNumber } from "./schemas.js";
import type { Journal } from "./stores.js";

/** Run numbers are reserved in blocks, so that only every thousandth run writes to disk; a restart skips to the next block. */
const BLOCK = 1000;

const recordSchema = v.variant("type", [
  v.strictObject({ type: v.literal("runs"), below: runNumber }),
  v.strictObject({ type: v.literal("coin"), coin: v.pipe(v.string(), v.base64(), v.length(24)) }),
  v.strictObject({ type: v.literal("published"), name: datasetName, uploadId: idHex }),
  v.strictObject({ type: v.literal("removed"), name: datasetName }),
]);
type Record = v.InferOutput<typeof recordSchema>;

export class Ledger {
  readonly #journal: Journal;
  #reserved = 1;
  #nextRun = 1;
  #coin: Uint8Array | undefined;
  readonly #published = new Map<string, string>();

  constructor(journal: Journal) {
    this.#journal = journal;
    for (const record of journal.records()) {
      const result = v.safeParse(recordSchema, record);
      if (!result.success)
        throw new StorageError("ledger: expected records of this version, got another; try the release that wrote them");
      this.#apply(result.output);
    }
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
  /** Upload ids by dataset name. */
  get published(): ReadonlyMap<string, string> {
    return this.#published;
  }

  /** Resolves when it is durable that this run number is used. */
  async use(run: number): Promise<void> {
    this.skipTo(run + 1);
    if (run < this.#reserved) return;
    await this.#write({ type: "runs", below: run + BLOCK });
  }
  /** Peers have used the numbers below. */
  skipTo(run: number): void {
    if (run > this.#nextRun) this.#nextRun = run;
  }
  async setCoin(coin: Uint8Array): Promise<void> {
    await this.#write({ type: "coin", coin: Buffer.from(coin).toString("base64") });
  }
  async publish(name: string, uploadId: string): Promise<void> {
    await this.#write({ type: "published", name, uploadId });
  }
  async remove(name: string): Promise<void> {
    await this.#write({ type: "removed", name });
  }

  async #write(record: Record): Promise<void> {
    await this.#journal.append(record);
    this.#apply(record);
  }

  #apply(record: Record): void {
    if (record.type === "runs") this.#reserved = Math.max(this.#reserved, record.below);
    else if (record.type === "coin") this.#coin = new Uint8Array(Buffer.from(record.coin, "base64"));
    else if (record.type === "published") this.#published.set(record.name, record.uploadId);
    else this.#published.delete(record.name);
  }
}
