/** The parts of a party that outlive a session, as the parts of a session see them. Not their behaviour. */
import type { execute } from "../engine/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import type { Ring } from "../ring/index.js";
import type { DealtFiles } from "./dealt/files.js";
import type { Grants } from "./grants.js";
import type { Inbox } from "./inbox.js";
import type { Ledger } from "./ledger.js";
import type { Limits } from "./limits.js";
import type { Logger } from "./logger.js";
import type { Plans } from "./plans.js";
import type { Deployments } from "./serving/deployments.js";
import type { Metrics } from "./serving/metrics.js";
import type { DatasetStore } from "./stores.js";
import type { Variables } from "./variables.js";

export interface Core {
  /** Of the parties, by index. */
  readonly names: readonly string[];
  readonly self: number;
  readonly definition: ProtocolDefinition;
  readonly ring: Ring;
  readonly plans: Plans;
  readonly grants: Grants;
  readonly ledger: Ledger;
  readonly dealt: DealtFiles;
  readonly datasets: DatasetStore;
  readonly variables: Variables;
  readonly inbox: Inbox;
  readonly deployments: Deployments;
  readonly metrics: Metrics;
  /** Names that may receive results; undefined if everybody may. */
  readonly identities: ReadonlySet<string> | undefined;
  readonly limits: Limits;
  readonly timeoutMs: number;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The engine; tests put faults in. */
  readonly execute: typeof execute;
  /** Request ids that were used, so that none is used twice. */
  readonly usedRequests: RecentSet;
  /** The same of queries to served models. */
  readonly usedQueries: RecentSet;
}

/** The last `limit` members. */
export class RecentSet {
  readonly #members = new Set<string>();
  readonly #limit: number;
  constructor(limit: number) {
    this.#limit = limit;
  }
  has(member: string): boolean {
    return this.#members.has(member);
  }
  add(member: string): void {
    this.#members.add(member);
    if (this.#members.size > this.#limit) this.#members.delete(this.#members.values().next().value!);
  }
}
