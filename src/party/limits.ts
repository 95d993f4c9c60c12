/** How much callers may ask of a party. Not what they may learn, see policy.ts. */
import { defaultLimits, type PlanLimits } from "../plan/index.js";
import { type InboxLimits, inboxLimits } from "./inbox.js";

export interface Limits {
  readonly plan: PlanLimits;
  /** Milliseconds of this party's time that a caller's new plans may take before the next ones must wait (budget.ts). */
  readonly planWorkMs: number;
  /** Memory for known plans, roughly. */
  readonly planCacheBytes: number;
  /** Runs of one caller that have not finished: one that runs and the next four. */
  readonly unfinishedRuns: number;
  /** Requests of all callers that have not finished. */
  readonly unfinishedRequests: number;
  /** Inputs that wait for their run, of all callers; and the same again of queries to served models. */
  readonly inputBytes: number;
  /** Queries of clients of served models that wait or run; their parts together take `inputBytes` at most. */
  readonly waitingQueries: number;
  /** How long party 0 waits until every party has its part of a query. */
  readonly queryMs: number;
  /** How long a shutdown waits for the answers of queries that are under way. */
  readonly drainMs: number;
  /** Bytes of shares: the variables and the values of a run that are alive together, estimated (memory.ts). */
  readonly memoryBytes: number;
  readonly variables: number;
  /** Sources of all variables together. */
  readonly sources: number;
  /** Datasets of all owners, uploads included. */
  readonly datasets: number;
  readonly inbox: InboxLimits;
  /** An upload without progress for so long is dropped. */
  readonly uploadIdleMs: number;
  /** Runs between two checkpoints. */
  readonly checkpointEvery: number;
}

export const standardLimits: Limits = {
  // Typing a usual node takes 0.01 ms, a hostile one of two inputs 0.2 ms; a layer of a network has about 30 nodes.
  plan: { ...defaultLimits, maxNodes: 5_000 },
  planWorkMs: 5_000,
  planCacheBytes: 256 * 2 ** 20,
  unfinishedRuns: 5,
  unfinishedRequests: 64,
  inputBytes: 512 * 2 ** 20,
  waitingQueries: 2_048,
  queryMs: 5_000,
  drainMs: 3_000,
  // The ring ends at 4 GiB.
  memoryBytes: 3.75 * 2 ** 30,
  variables: 5_000,
  sources: 20_000,
  datasets: 2_000,
  inbox: inboxLimits,
  uploadIdleMs: 10 * 60_000,
  checkpointEvery: 256,
};
