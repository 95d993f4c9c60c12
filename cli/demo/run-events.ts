/** What the demo tells its page while it runs: public facts only, as JSON. Types alone, for both ends. */
import type { Invitation } from "../../src/client/index.js";

export interface Member {
  readonly name: string;
  /** Hands out random numbers and holds no share. */
  readonly deals: boolean;
}
/** What one query costs the members among each other. */
export interface QueryCost {
  readonly rounds: number;
  /** Sent, by member. */
  readonly bytes: readonly number[];
}

export type RunEvent =
  | {
      readonly type: "start";
      readonly members: readonly Member[];
      readonly protocol: string;
      /** Who learns nothing, and who could collude. */
      readonly protects: string;
      readonly layers: readonly number[];
    }
  | { readonly type: "sharing"; readonly done: number; readonly of: number }
  | {
      readonly type: "batch";
      readonly done: number;
      readonly of: number;
      /** Mean of this batch. */
      readonly loss: number;
      /** Since training began. */
      readonly seconds: number;
      /** Payload sent since the beginning, by member. */
      readonly sent: readonly number[];
      readonly rounds: number;
    }
  /** Where the time of training steps goes, summed over the runs that were measured so far. */
  | {
      readonly type: "operators";
      readonly runs: number;
      readonly operators: readonly { readonly op: string; readonly seconds: number; readonly waiting: number }[];
    }
  /** After so many batches. */
  | { readonly type: "accuracy"; readonly done: number; readonly percent: number; readonly images: number }
  | {
      readonly type: "model";
      readonly invitation: Invitation;
      /** Clients connect without TLS. */
      readonly insecure: boolean;
      readonly cost: QueryCost;
    }
  | { readonly type: "failed"; readonly message: string };
