/** How much callers may ask of a party. Not what they may learn, see policy.ts. */
import { defaultLimits, type PlanLimits } from "../plan/index.js";
import { type InboxLimits, inboxLimits } from "./inbox.js";

export interface Limits {
  readonly plan: PlanLimits;
  /** Memory for known plans, roughly. */
  readonly planCacheBytes: number;
  /** Runs of one caller that have not finished: one that runs and the next four. */
  readonly unfinishedRuns: number;
  /** Requests of all callers that have not finished. */
  readonly unfinishedRequests: number;
  /** Inputs that wait for their run, of all callers. */
  readonly inputBytes: number;
  readonly variables: number;
  readonly inbox: InboxLimits;
  /** An upload without progress for so long is dropped. */
  readonly uploadIdleMs: number;
  /** Runs between two checkpoints. */
  readonly checkpointEvery: number;
}

export const standardLimits: Limits = {
  plan: defaultLimits,
  planCacheBytes: 256 * 2 ** 20,
  unfinishedRuns: 5,
  unfinishedRequests: 64,
  inputBytes: 512 * 2 ** 20,
  variables: 5_000,
  inbox: inboxLimits,
  uploadIdleMs: 10 * 60_000,
  checkpointEvery: 256,
};
