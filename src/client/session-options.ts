/** What a session is made of; connect() and local() fill it in. */
import type { Plan } from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import type { PartyCaller } from "./caller.js";
import type { RunReport } from "./run-answer.js";
import type { ClearTwin } from "./twin.js";

export interface SessionOptions {
  readonly definition: ProtocolDefinition;
  readonly parties: readonly PartyCaller[];
  /** Whom the parties know this driver as. */
  readonly name: string;
  /** Fraction bits: 20 for training (default), 16 for inference, 10 for inference in words of 32 bits. */
  readonly fraction?: number;
  /**
   * What you declare: numbers, and results of products, stay below 2^integerBits in magnitude. Larger ones come out wrong. Default 15.
   * Where 2 * fraction + integerBits <= 30, plans whose numbers all fit are evaluated in words of 32 bits: half the bytes, and
   * products four times as fast (docs/decisions/0020-ring32.md).
   */
  readonly integerBits?: number;
  /** How long a run waits for an owner's grant before it fails. Default 0. */
  readonly waitForGrantsMs?: number;
  /** Called once for each run that waits for a grant. */
  readonly onWaiting?: (message: string, plan: Plan) => void;
  /** Called when a run is done, in the order of the runs. */
  readonly onRun?: (report: RunReport) => void;
  /** In one of so many runs the parties also measure time and traffic by operator, for `onRun`; some microseconds a node. Default: in none. */
  readonly profileEvery?: number;
  /** How long a party may take for one answer. Default ten minutes; lost connections are noticed at once. */
  readonly timeoutMs?: number;
  /** Where clients of served models connect, by party that computes; empty if nowhere. */
  readonly serving?: readonly { readonly url: string; readonly pin: string }[];
  /** Does what a plan needs before it is sent; local() grants here. */
  readonly prepare?: (plan: Plan) => Promise<void>;
  readonly close?: () => Promise<void>;
  /** Runs every plan in the clear, too, and compares: on data that you have told it. */
  readonly twin?: ClearTwin;
  /** Plans reveal what they assign, to compare that, too. Every owner of what trained it must agree to such a plan. */
  readonly revealsAssigned?: boolean;
}
